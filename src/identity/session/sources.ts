/**
 * The workload identities of this machine, as a session uses them.
 * @module
 */
import type { Clock, Random } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import type { WorkloadName } from '../workload/source.ts';
import type { WorkloadPort, Workloads } from './workload.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface SourcesParts {
  readonly env: Env;
  readonly platform: NodeJS.Platform;
  readonly now: Clock;
  readonly random: Random;
}

/** What sources read. The secrets among them are good for this job only, and are kept with its session: in memory. */
const READ_BY_SOURCES =
  /^(?:ACTIONS_ID_TOKEN_REQUEST_(?:URL|TOKEN)|GITHUB_ACTIONS|SPIFFE_ENDPOINT_SOCKET|JIT_(?:SPIFFE_ID|KUBERNETES_TOKEN_FILE|AZURE_RESOURCE|TOKEN_FILE)|AWS_(?:DEFAULT_)?REGION|AZURE_CLIENT_ID|GOOGLE_APPLICATION_CREDENTIALS|GCE_METADATA_(?:HOST|IP))$/;

export function workloadsHere(parts: SourcesParts): Workloads {
  const inPipeline = (parts.env['CI'] ?? '') !== '';
  return {
    detect: async () => {
      const found = await discovered(parts, null);
      return found === null ? [] : [found];
    },
    lookedFor: inPipeline ? LOOKED_FOR : [],
    restore: ({ source, env }) => ({
      ...portOf({ ...parts, env: { ...env.expose(), ...parts.env } }, source, source),
      env,
    }),
  };
}

/** The source named with `--as`, whether or not it fits: asked for a proof, it says what is missing. Throws `ERR_USAGE`. */
export async function namedWorkload(parts: SourcesParts, name: string): Promise<WorkloadPort | null> {
  return await discovered(parts, name);
}

/** In the words of a message, in the order of discovery. */
const LOOKED_FOR: readonly string[] = Object.values({
  token: 'JIT_TOKEN_FILE or JIT_TOKEN',
  github: 'GitHub Actions (permission id-token: write)',
  gitlab: 'GitLab CI (id_tokens: JIT_ID_TOKEN)',
  kubernetes: 'a projected Kubernetes token',
  spiffe: 'SPIFFE (SPIFFE_ENDPOINT_SOCKET)',
  aws: 'AWS',
  azure: 'Azure',
  google: 'Google Cloud',
} satisfies Record<WorkloadName, string>);

async function discovered(parts: SourcesParts, name: string | null): Promise<WorkloadPort | null> {
  const { discoverWorkload } = await import('../workload/discover.ts');
  const { platform, now, env } = parts;
  const found = await discoverWorkload({
    platform,
    now,
    aws: await awsProofsFor(parts, []),
    env,
    as: name ?? undefined,
  });
  return found === null ? null : portOf(parts, found.name, found.label);
}

function portOf(parts: SourcesParts, name: string, label: string): WorkloadPort {
  const { env, platform, now } = parts;
  return {
    name,
    label,
    env: new Secret(Object.fromEntries(Object.entries(env).filter(isRead))),
    fetch: async ({ audience, issuers, binding }) => {
      const { discoverWorkload } = await import('../workload/discover.ts');
      const aws = await awsProofsFor(parts, issuers);
      const source = await discoverWorkload({ platform, now, aws, env, as: name });
      if (source === null) throw new TypeError('a source that was named is found');
      return await source.fetch({ audience, env, signal: undefined, binding });
    },
  };
}

function isRead(pair: [string, string | undefined]): pair is [string, string] {
  return pair[1] !== undefined && READ_BY_SOURCES.test(pair[0]);
}

async function awsProofsFor({ random, now }: SourcesParts, issuers: readonly string[]) {
  const { awsProofs } = await import('../aws/proofs.ts');
  return awsProofs({ random, now, issuers, credentials: null, endpoint: null });
}
