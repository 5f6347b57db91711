/**
 * A configured AWS role: what jit needs to know to issue on it and to revoke on it.
 * @module
 */
import { z } from 'zod';
import type { Target, TokenSigner } from '../../core/ports.ts';
import { firstProblem, safeUrl, targetFault } from '../../core/target-config.ts';
import { parseRole } from './arn.ts';

/** How the role is assumed: with a token of the broker's own issuer, or with the credentials that the broker runs under. */
export type CredentialSource = 'web-identity' | 'ambient';

/** Everything that it takes to reach a role. Part of every handle, so that revocation outlives the configuration. */
export interface RoleAccess {
  readonly role: string;
  readonly region: string;
  /** Without a final slash; null for AWS itself. */
  readonly endpoint: string | null;
  readonly credentials: CredentialSource;
  /** The role that writes deny entries; null when the ambient credentials may do so themselves. */
  readonly revoker: string | null;
  readonly externalId: string | null;
  readonly sandbox: boolean;
}

/** A permission that is too long for a session policy, and the managed policy that an operator has prepared for it. */
export interface Prepared {
  readonly name: string;
  /** ARN of a customer managed policy of the role's own account. */
  readonly policy: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

export interface AwsTarget extends Target {
  readonly provider: 'aws';
  readonly access: RoleAccess;
  readonly prepared: readonly Prepared[];
  /** The longest life of one credential; a grant that lasts longer is served by several. */
  readonly sessionSeconds: number;
}

/** STS: "DurationSeconds … from 900 seconds (15 minutes) up to the maximum session duration set for the role". */
export const SHORTEST_SESSION = 900;
const LONGEST_SESSION = 43_200;
/** STS: a role assumed with the credentials of another role lasts an hour at most, and asking for more fails. */
const LONGEST_CHAINED_SESSION = 3_600;

const ROLE = z.string().refine((text) => parseRole(text) !== null, {
  message: 'write it like arn:aws:iam::123456789012:role/jit-web',
});

const CONFIG = z.strictObject({
  provider: z.literal('aws'),
  role: ROLE,
  region: z.string().regex(/^[a-z]{2}(?:-[a-z]+)+-\d{1,2}$/, 'write it like eu-west-1'),
  environment: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a lower-case word such as prod'),
  credentials: z.enum(['web-identity', 'ambient'], 'web-identity or ambient'),
  revoker: ROLE.optional(),
  // STS API reference, AssumeRole, ExternalId.
  external_id: z
    .string()
    .regex(/^[\w+=,.@:/-]{2,1224}$/, 'letters, digits and _+=,.@:/- only, 2 to 1224 of them')
    .optional(),
  session_seconds: z
    .int()
    .min(SHORTEST_SESSION, `at least ${SHORTEST_SESSION}`)
    .max(LONGEST_SESSION, `at most ${LONGEST_SESSION}`)
    .default(3_600),
  managed: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a lower-case word such as deploy-web'),
      z.strictObject({
        // Paths and names as in CreatePolicy of the IAM API reference.
        policy: z
          .string()
          .regex(
            /^arn:aws(?:-[a-z]+)*:iam::\d{12}:policy\/(?:[\x21-\x2e\x30-\x7e]+\/)*[\w+=,.@-]{1,128}$/,
            'write it like arn:aws:iam::123456789012:policy/jit-deploy-web',
          )
          .max(512),
        actions: z.array(z.string().min(1).max(128)).min(1).max(200),
        resources: z.array(z.string().min(1).max(2_048)).min(1).max(200),
      }),
    )
    .default({}),
  endpoint: z.string().transform(readEndpoint).optional(),
  sandbox: z.boolean().default(false),
});

/** Throws `ERR_CONFIG` naming the target and the field that is wrong. */
export function parseAwsTarget(name: string, config: unknown, signer: TokenSigner | null): AwsTarget {
  const parsed = CONFIG.safeParse(config);
  if (!parsed.success) throw targetFault(name, firstProblem(parsed.error));
  const { role, region, environment, credentials, sandbox } = parsed.data;
  const { revoker = null, external_id: externalId = null, endpoint = null } = parsed.data;
  const { session_seconds: sessionSeconds } = parsed.data;
  const problem = conflict({ ...parsed.data, revoker, endpoint, signer });
  if (problem !== null) throw targetFault(name, problem);
  return {
    name,
    provider: 'aws',
    environment,
    sandbox,
    tool: { kind: 'aws', identity: 'issued', account: parseRole(role)?.account ?? '', region, endpoint },
    access: { role, region, endpoint, credentials, revoker, externalId, sandbox },
    prepared: Object.entries(parsed.data.managed).map(([key, entry]) => ({ name: key, ...entry })),
    sessionSeconds,
  };
}

interface Settings {
  readonly role: string;
  readonly revoker: string | null;
  readonly credentials: CredentialSource;
  readonly session_seconds: number;
  readonly managed: Readonly<Record<string, Pick<Prepared, 'policy'>>>;
  readonly endpoint: string | null;
  readonly sandbox: boolean;
  readonly signer: TokenSigner | null;
}

function conflict(settings: Settings): string | null {
  const { credentials, revoker, endpoint, signer } = settings;
  if (credentials === 'ambient' && settings.session_seconds > LONGEST_CHAINED_SESSION) {
    return `session_seconds: at most ${LONGEST_CHAINED_SESSION} with ambient credentials, since AWS refuses more to a role that assumes another`;
  }
  if (settings.sandbox && endpoint === null) return 'endpoint: a sandbox has one';
  if (revoker === settings.role) return 'revoker: a role of its own, or a holder of the first could undo a revocation';
  if (revoker !== null && parseRole(revoker)?.account !== parseRole(settings.role)?.account) {
    return 'revoker: a role of the same account, since IAM edits only the roles of its own';
  }
  const home = parseRole(settings.role);
  for (const [name, { policy }] of Object.entries(settings.managed)) {
    if (policy.startsWith(`arn:${home?.partition}:iam::${home?.account}:policy/`)) continue;
    return `managed.${name}.policy: a policy of the role's own account, since STS takes no other`;
  }
  if (credentials === 'ambient') return null;
  if (revoker === null) return 'revoker: needed with web-identity, which has no other credentials to revoke with';
  if (signer === null) return 'credentials: web-identity needs the issuer of the broker, which is not configured';
  if (endpoint === null && !signer.issuer.startsWith('https://')) {
    return 'credentials: web-identity needs an issuer that AWS can reach by https';
  }
  return null;
}

/** Credentials cross this address, so it is https, or does not leave the machine. */
export function readEndpoint(text: string, context: z.RefinementCtx): string {
  const url = safeUrl(text);
  if (url?.pathname === '/') return url.origin;
  context.addIssue({ code: 'custom', message: 'an https URL without a path, or http on loopback' });
  return z.NEVER;
}
