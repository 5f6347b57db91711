/**
 * Which source speaks for this process: the one that was named, or the first that fits. Never two of them, so that no broker
 * sees a proof that it did not ask for.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';
import { type AwsProofs, awsSource } from './aws.ts';
import { azureSource } from './azure.ts';
import { LIMIT_MS } from './bounded.ts';
import { gitlabSource, kubernetesSource, PROJECTED_TOKEN, tokenSource } from './given.ts';
import { githubSource } from './github.ts';
import { googleSource } from './google.ts';
import { type Env, WORKLOADS, type WorkloadName, type WorkloadSource } from './source.ts';
import { spiffeSource } from './spiffe.ts';

export interface WorkloadParts {
  readonly platform: NodeJS.Platform;
  /** Epoch ms. */
  readonly now: () => number;
  /** Both proofs of src/identity/aws. */
  readonly aws: AwsProofs;
  /** For the whole of one `fetch`; 15 s by default. */
  readonly limitMs?: number;
  /** Where a pod mounts its token for jit; `PROJECTED_TOKEN` by default. */
  readonly projectedToken?: string;
}

export interface Discovery extends WorkloadParts {
  readonly env: Env;
  /** What was given with `--as`. */
  readonly as?: string | undefined;
}

/**
 * @returns the source named by `as`, whether or not it fits, so that its `fetch` says what is missing; otherwise the first of
 * `WORKLOADS` that has all that it needs; otherwise that of the pipeline that this is, whose `fetch` says what is missing;
 * otherwise null. Throws `ERR_USAGE` for an unknown name.
 */
export async function discoverWorkload(discovery: Discovery): Promise<WorkloadSource | null> {
  const { as: chosen, env } = discovery;
  const sources = workloadSources(discovery);
  if (chosen !== undefined) return sources.find(({ name }) => name === chosen) ?? unknown(chosen);
  for (const source of sources) {
    if (await source.detect(env)) return source;
  }
  return sources.find(({ incomplete }) => incomplete?.(env) === true) ?? null;
}

/** Every source, in the order of `WORKLOADS`. */
export function workloadSources(parts: WorkloadParts): readonly WorkloadSource[] {
  const { now, platform, aws, limitMs = LIMIT_MS, projectedToken = PROJECTED_TOKEN } = parts;
  const sources: Readonly<Record<WorkloadName, WorkloadSource>> = {
    token: tokenSource(now),
    github: githubSource({ now, limitMs }),
    gitlab: gitlabSource(now),
    kubernetes: kubernetesSource(now, projectedToken),
    spiffe: spiffeSource({ now, limitMs, platform }),
    aws: awsSource(aws, limitMs),
    azure: azureSource({ now, limitMs }),
    google: googleSource({ now, limitMs }),
  };
  return WORKLOADS.map((name) => sources[name]);
}

function unknown(name: string): never {
  throw new JitError({
    code: 'ERR_USAGE',
    message: `no workload identity is called ${display(name, 100)}`,
    hint: [didYouMean(name, WORKLOADS), `--as takes one of ${WORKLOADS.join(', ')}`].filter(Boolean).join(' '),
  });
}
