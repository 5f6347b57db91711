/**
 * Kubernetes as a provider: a service account for each grant, with exactly its rules, and a token that dies with a Secret.
 * @module
 */
import { JitError, asJitError } from '../../core/errors.ts';
import type { Clock, Mark, Order, Provider } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import { connector } from './client.ts';
import type { Cluster, ReadSecret } from './client.ts';
import { discovery } from './discovery.ts';
import { handleName, readHandle, writeHandle } from './handle.ts';
import type { Handle } from './handle.ts';
import { issueToken } from './issue.ts';
import type { IssuedToken, Progress } from './issue.ts';
import { leftovers } from './leftovers.ts';
import { targetDigest } from './names.ts';
import { narrow } from './narrow.ts';
import { LEEWAY_SECONDS, REVOCATION, planOf } from './plan.ts';
import { removeAll } from './remove.ts';
import { revoker } from './revoke.ts';
import { rulesOf, rulesText } from './rules.ts';
import type { ScopedRules } from './rules.ts';
import { spell } from './spell.ts';
import { SHORTEST_TOKEN, parseKubernetesTarget } from './target.ts';
import type { Access, KubernetesTarget, ReadText } from './target.ts';

export type { KubernetesTarget } from './target.ts';

export interface KubernetesDeps {
  readonly now: Clock;
  /** Short and opaque: which broker's store this is, so that two brokers in one cluster never touch each other's objects. */
  readonly owner: string;
  /** Reads the broker's own token, at each use. */
  readonly readSecret: ReadSecret;
  /** Reads the certificates of an authority, at each use. */
  readonly readText: ReadText;
}

/** An order is issued within this long of its intent, or not under that intent: the worker's retries end before. */
const ISSUE_WITHIN_MS = 900_000;
/** To take back what a failed issue has made; with the issue itself within the time that the worker gives to both. */
const TAKE_BACK_MS = 10_000;
/** For all that a cluster is asked about what it has: somebody waits for an answer. */
const LOOK_MS = 15_000;

export function kubernetesProvider(deps: KubernetesDeps): Provider<KubernetesTarget> {
  const { now, owner } = deps;
  const connect = connector(deps);
  const catalogues = discovery(now);
  const revocations = revoker(now);
  /** By place: how targets are reached now, which a handle of last week may not know. */
  const reached = new Map<string, Access>();

  const handleOf = (target: KubernetesTarget, order: Order, scoped: readonly ScopedRules[]): Handle => ({
    grant: order.grant,
    owner,
    target: targetDigest(target.name),
    access: target.access,
    scopes: scoped.map(({ scope }) => scope),
  });
  const rulesFor = (target: KubernetesTarget, { permissions }: Order): readonly ScopedRules[] =>
    rulesOf(permissions.flatMap((permission) => narrow(target.reach, permission).clauses));
  const clusterOf = async ({ access, target }: Handle, signal: AbortSignal): Promise<Cluster> =>
    await connect(reached.get(placeOf(access, target)) ?? access, signal);

  return {
    kind: 'kubernetes',
    parseTarget: (name, config) => {
      const target = parseKubernetesTarget(name, config, deps.readText);
      reached.set(placeOf(target.access, targetDigest(name)), target.access);
      return target;
    },
    assess: async (target, asked) => {
      const open = async (): Promise<Cluster> => await connect(target.access, AbortSignal.timeout(LOOK_MS));
      const { permission, assessment } = await spell(
        target,
        asked,
        async (has) => await catalogues.kinds(target.access.server, open, has),
      );
      return { permission, assessment };
    },
    plan: async (target, permissions) => {
      const narrowed = permissions.map((permission) => narrow(target.reach, permission));
      return await Promise.resolve(planOf(target, narrowed));
    },
    intend: (target, order) => {
      const handle = handleOf(target, order, rulesFor(target, order));
      return {
        handle: writeHandle(handle),
        name: handleName(handle),
        revocation: REVOCATION,
        notAfter: now() + ISSUE_WITHIN_MS + (target.tokenSeconds + LEEWAY_SECONDS) * 1_000,
      };
    },
    issue: async (target, order, signal) => {
      const scoped = beforeAnyCall(() => rulesFor(target, order));
      const at = now();
      const left = Math.ceil((order.endsAt - at) / 1_000);
      if (left <= 0) throw new JitError({ code: 'ERR_CLOUD', message: 'the grant ended before it could be issued' });
      const handle = handleOf(target, order, scoped);
      const cluster = await connect(target.access, signal);
      const seconds = Math.min(Math.max(left, SHORTEST_TOKEN), target.tokenSeconds);
      const progress: Progress = { first: false };
      let issued: IssuedToken;
      try {
        issued = await issueToken(cluster, { handle, order, scoped, seconds, now: at }, progress);
      } catch (thrown) {
        const takeBack = async (): Promise<unknown> =>
          await removeAll(await connect(target.access, AbortSignal.timeout(TAKE_BACK_MS)), handle);
        throw progress.first ? await takenBack(thrown, takeBack) : thrown;
      }
      const { token, expiresAt } = issued;
      const secret = new Secret({ token: token.expose() });
      return { credential: { kind: 'kubernetes', secret }, granted: rulesText(scoped), notAfter: expiresAt };
    },
    revoke: async (mark: Mark, _revoked, signal) => {
      const handle = readHandle(mark);
      return await revocations.revoke(await clusterOf(handle, signal), handle, mark);
    },
    // A revocation that is called gone has left nothing behind.
    tidy: async () => await Promise.resolve(),
    list: async (target, signal) => {
      const cluster = await connect(target.access, signal);
      return await leftovers(cluster, target, { owner, target: targetDigest(target.name), now });
    },
  };
}

/**
 * A first issue that failed for sure leaves nothing; where that cannot be made sure of, the outcome is unknown and the broker
 * revokes by name.
 */
async function takenBack(thrown: unknown, takeBack: () => Promise<unknown>): Promise<unknown> {
  if (!(thrown instanceof JitError) || thrown.code === 'ERR_CLOUD_UNKNOWN') return thrown;
  try {
    await takeBack();
    return thrown;
  } catch (cause) {
    const message = `${thrown.message}, and what was made until then could not be removed`;
    return new JitError({ code: 'ERR_CLOUD_UNKNOWN', message, hint: thrown.hint, cause });
  }
}

/** The cluster has not been called, and `ERR_CLOUD` is how the port says so. */
function beforeAnyCall<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    const { message, hint } = asJitError(thrown);
    throw new JitError({ code: 'ERR_CLOUD', message, hint, cause: thrown });
  }
}

/** With the target, since another one at the same place may have an account of the broker with other rights. */
const placeOf = ({ server, namespace }: Access, target: string): string => `${server} ${namespace} ${target}`;
