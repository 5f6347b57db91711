/**
 * Where a pipeline, a service or an agent gets the proof of its identity, and the rules that every such source keeps.
 * @module
 */
import type { Assertion, Binding } from '../verify/verified.ts';

/** The environment of this process, handed in from its edge. */
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Every source, the more specific before the more general: what was made for jit by name, then the job that a pipeline runs,
 * then the pod, then the process, then the machine or service of a cloud. Where several fit, the first is taken.
 */
export const WORKLOADS = ['token', 'github', 'gitlab', 'kubernetes', 'spiffe', 'aws', 'azure', 'google'] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

export interface WorkloadAsk {
  /** The audience that the broker demands, exactly. */
  readonly audience: string;
  readonly env: Env;
  /** Of the command; a source sets a limit of its own besides. */
  readonly signal: AbortSignal | undefined;
  /** For proofs that cover the call itself. */
  readonly binding: Binding;
}

/** `renewal` is as in `Verified`: whether asking again gives a newer proof. */
export interface WorkloadProof extends Assertion {
  readonly renewal: 'on demand' | 'fixed';
}

export interface WorkloadSource {
  readonly name: WorkloadName;
  /** What people call it, for messages. */
  readonly label: string;
  /**
   * Whether all that it needs is there. Looks at variables, and at no more than whether a file exists: a metadata address is
   * never called to find out.
   */
  detect(env: Env): boolean | Promise<boolean>;
  /** Whether this is a pipeline of that kind although something is missing, so that `fetch` can say what. */
  readonly incomplete?: (env: Env) => boolean;
  /**
   * Throws `ERR_NOT_SIGNED_IN` with the exact piece that is missing or wrong and how to add it, `ERR_IDENTITY_PROVIDER`
   * where who vouches cannot be reached or does not answer sensibly in time, and what the signal was aborted with.
   */
  fetch(ask: WorkloadAsk): Promise<WorkloadProof>;
}

/** The value of a variable; one that is empty counts as absent, as in a shell script that could not fill it. */
export function variable(env: Env, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

/** RFC 8693 section 3: the type of a proof that is a signed token and says itself who made it. */
export const JWT = 'urn:ietf:params:oauth:token-type:jwt';
