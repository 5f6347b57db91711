/**
 * A configured cluster: what jit needs to know to issue in it and to revoke in it.
 * @module
 */
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { JitError } from '../../core/errors.ts';
import type { Target } from '../../core/ports.ts';
import { firstProblem, safeUrl, targetFault } from '../../core/target-config.ts';
import type { Reach } from './guard.ts';
import { CLUSTER, isNamespace } from './resource.ts';

/** Everything that it takes to reach a cluster. Part of every handle, so that revocation outlives the configuration. */
export interface Access {
  /** URL of the API server, without a final slash. */
  readonly server: string;
  /** PEM of the authorities to trust, or null for a file or the ones that the machine trusts. */
  readonly authority: string | null;
  readonly authorityFile: string | null;
  /** Where the broker's own token is; read for each use. */
  readonly tokenFile: string;
  /** Where the accounts of jit live. */
  readonly namespace: string;
}

export interface KubernetesTarget extends Target {
  readonly provider: 'kubernetes';
  readonly access: Access;
  readonly reach: Reach;
  /** The longest life of one token; a grant that lasts longer is served by several. */
  readonly tokenSeconds: number;
}

/** Reads a file that is no secret. Throws what reading throws. */
export type ReadText = (path: string) => string;

/** Kubernetes API reference, TokenRequest: "may not specify a duration less than 10 minutes". */
export const SHORTEST_TOKEN = 600;
const LONGEST_TOKEN = 86_400;
/** Where a pod finds the token of its own account. */
const IN_CLUSTER_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

const NAMESPACE = z.string().refine(isNamespace, 'a name of a namespace, such as jit-grants');
const FILE = z
  .string()
  .min(1, 'a path')
  .max(4_096, 'a path')
  .refine((text) => !text.includes('\0'), 'a path');

const CONFIG = z.strictObject({
  provider: z.literal('kubernetes'),
  server: z.string().transform(readServer),
  authority: z.string().refine(isAuthority, 'certificates in PEM, and nothing else').optional(),
  authority_file: FILE.optional(),
  token_file: FILE.default(IN_CLUSTER_TOKEN),
  namespace: NAMESPACE.refine((text) => !text.startsWith('kube-') && text !== 'default', 'a namespace of its own'),
  environment: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a lower-case word such as prod'),
  namespaces: z
    .array(z.string().refine((text) => text === CLUSTER || isNamespace(text), `a namespace, or ${CLUSTER}`))
    .min(1, 'at least one, or leave it out')
    .optional(),
  token_seconds: z
    .int()
    .min(SHORTEST_TOKEN, `at least ${SHORTEST_TOKEN}`)
    .max(LONGEST_TOKEN, `at most ${LONGEST_TOKEN}`)
    .default(3_600),
});

/** Throws `ERR_CONFIG` naming the target and the field that is wrong. */
export function parseKubernetesTarget(name: string, config: unknown, readText: ReadText): KubernetesTarget {
  const parsed = CONFIG.safeParse(config);
  if (!parsed.success) throw targetFault(name, firstProblem(parsed.error));
  const { server, authority = null, authority_file: authorityFile = null, namespace, environment } = parsed.data;
  const { token_file: tokenFile, token_seconds: tokenSeconds, namespaces: allowed = null } = parsed.data;
  if (authority !== null && authorityFile !== null) throw targetFault(name, 'authority_file: not beside authority');
  if (server.startsWith('http:') && (authority !== null || authorityFile !== null)) {
    throw targetFault(name, 'authority: there is nothing to verify over http');
  }
  if (allowed?.includes(namespace) === true) {
    throw targetFault(name, `namespaces: ${namespace} holds the accounts of jit, and nobody is let into it`);
  }
  const [only, ...others] = (allowed ?? []).filter((each) => each !== CLUSTER);
  return {
    name,
    provider: 'kubernetes',
    environment,
    sandbox: false,
    tool: {
      kind: 'kubernetes',
      server,
      authority: authority ?? (authorityFile === null ? null : authorityIn(name, authorityFile, readText)),
      namespace: others.length === 0 ? (only ?? null) : null,
    },
    access: { server, authority, authorityFile, tokenFile, namespace },
    reach: { home: namespace, allowed: allowed === null ? null : [...new Set(allowed)] },
    tokenSeconds,
  };
}

function authorityIn(name: string, path: string, readText: ReadText): string {
  let text: string;
  try {
    text = readText(path);
  } catch (thrown) {
    const message = `target ${name}: authority_file: it cannot be read`;
    throw new JitError({ code: 'ERR_CONFIG', message, cause: thrown });
  }
  if (!isAuthority(text)) throw targetFault(name, 'authority_file: it holds no certificates in PEM, or more than that');
  return text;
}

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g;

/** Whether a text is certificates in PEM: no private key may get into handles and the settings of tools. */
export function isAuthority(text: string): boolean {
  if (text.length > 200_000 || text.includes('PRIVATE KEY')) return false;
  const blocks = [...text.matchAll(PEM)];
  return (
    blocks.length > 0 &&
    blocks.every(([block, type]) => {
      try {
        return type === 'CERTIFICATE' && new X509Certificate(block).subject !== '';
      } catch {
        return false;
      }
    })
  );
}

/** Tokens cross this address, so it is https, or does not leave the machine. A path is what gateways to clusters have. */
function readServer(text: string, context: z.RefinementCtx): string {
  const url = safeUrl(text);
  if (url !== null && /^(?:\/[A-Za-z0-9._~-]+)*\/?$/.test(url.pathname))
    return `${url.origin}${url.pathname.replace(/\/$/, '')}`;
  context.addIssue({ code: 'custom', message: 'an https URL such as https://10.0.0.1:6443, or http on loopback' });
  return z.NEVER;
}
