/**
 * IAM Identity Center as a provider: permission sets, assigned to the requester's own user in one account and taken away again.
 * @module
 */
import { setTimeout } from 'node:timers/promises';
import { canonicalJson } from '../../../core/canonical.ts';
import { display } from '../../../core/display.ts';
import { formatDuration } from '../../../core/duration.ts';
import { JitError, asJitError } from '../../../core/errors.ts';
import type { GrantId } from '../../../core/ids.ts';
import type { Clock, Leftover, Order, Provider, TokenSigner } from '../../../core/ports.ts';
import type { Principal } from '../../../core/principal.ts';
import { assumeWith } from '../assume.ts';
import { awsClients } from '../clients.ts';
import type { KeySource } from '../clients.ts';
import { give, take } from './assignments.ts';
import { centerWith } from './center.ts';
import type { Center, Pause } from './center.ts';
import { readHandle, writeHandle } from './handle.ts';
import type { Handle } from './handle.ts';
import { makeLock } from './lock.ts';
import { holdKey } from './marks.ts';
import type { Hold } from './marks.ts';
import { narrow, setsOf } from './narrow.ts';
import { parseCenterTarget } from './target.ts';
import type { CenterTarget } from './target.ts';

export interface IdentityCenterDeps {
  readonly now: Clock;
  /** The broker's own issuer, or null where it has none: then no target can use web-identity. */
  readonly signer: TokenSigner | null;
  /** The mark of this broker: 16 hexadecimal digits. */
  readonly owner: string;
  /** Stands in for the SDK's default chain of ambient credentials. */
  readonly ambient?: KeySource;
  /** Waits between two looks at what AWS does. */
  readonly pause?: Pause;
}

/** Seconds that an assignment may take to be deleted everywhere. */
const DELETION = 300;
const PAUSE: Pause = async (ms, signal) => {
  await setTimeout(ms, undefined, { signal });
};

export function identityCenterProvider(deps: IdentityCenterDeps): Provider<CenterTarget> {
  const { now, signer, owner, ambient = null, pause = PAUSE } = deps;
  const clients = awsClients(ambient);
  const connect = centerWith({ clients, assume: assumeWith({ clients, signer, now }), pause });
  const locked = makeLock(
    () => new JitError({ code: 'ERR_CLOUD_BUSY', message: 'interrupted before aws was told anything' }),
  );
  const alone = async <T>({ access, user }: Handle, signal: AbortSignal, work: () => Promise<T>): Promise<T> =>
    await locked(`${access.endpoint ?? 'aws'} ${access.instance} ${access.account} ${user}`, signal, work);

  const handleOf = (target: CenterTarget, order: Order): Handle => ({
    owner,
    grant: order.grant,
    user: userOf(target, order.principal),
    permissionSets: setsOf(target, order.permissions),
    access: target.access,
  });

  return {
    kind: 'aws-identity-center',
    parseTarget: (name, config) => parseCenterTarget(name, config, signer),
    assess: async (target, asked) => {
      const { permission, assessment } = narrow(target, asked);
      return await Promise.resolve({ permission, assessment });
    },
    plan: async (target, permissions) => {
      const sets = setsOf(target, permissions);
      const center = await connect(target.access, target.permissionSets, new AbortController().signal);
      const names = await namesOf(center, target, sets);
      const residualSeconds = residualOf(target);
      return {
        target: target.name,
        permission: grantedOf(target, sets, 'the requester'),
        words: [
          `as the requester's own user, signed in through IAM Identity Center`,
          ...names.map((name) => `everything that permission set ${name} permits in account ${target.access.account}`),
          'nothing at AWS ends it by itself: the broker takes the assignment away at the end',
          `sessions that are open then go on for up to ${formatDuration(target.access.sessionSeconds)}`,
        ],
        // `narrow` says the same of every permission set.
        assessment: { access: 'permissions', breadth: 'broad' },
        floorSeconds: 0,
        residualSeconds,
        revocation: { kind: 'within', seconds: residualSeconds },
      };
    },
    intend: (target, order) => {
      const handle = handleOf(target, order);
      return {
        handle: writeHandle(handle),
        name: holdKey(handle),
        revocation: { kind: 'within', seconds: residualOf(target) },
        notAfter: order.endsAt + residualOf(target) * 1_000,
      };
    },
    issue: async (target, order, signal) => {
      const handle = beforeAnyCall(() => handleOf(target, order));
      if (order.endsAt <= now()) {
        throw new JitError({ code: 'ERR_CLOUD', message: 'the grant ended before it could be issued' });
      }
      return await alone(handle, signal, async () => {
        const center = await connect(target.access, target.permissionSets, signal);
        await namesOf(center, target, handle.permissionSets);
        await give(center, handle, order.endsAt);
        return {
          credential: { kind: 'own' },
          granted: grantedOf(target, handle.permissionSets, handle.user),
          notAfter: order.endsAt + residualOf(target) * 1_000,
        };
      });
    },
    revoke: async (mark, _revoked, signal) => {
      const handle = readHandle(mark);
      return await alone(handle, signal, async () => {
        const center = await connect(handle.access, handle.permissionSets, signal);
        return await take(center, handle, { mark, now });
      });
    },
    // A hold is released when the access is gone.
    tidy: async () => await Promise.resolve(),
    list: async (target, signal) => {
      const center = await connect(target.access, target.permissionSets, signal);
      const found = new Map<GrantId, { readonly hold: Hold; readonly sets: string[] }>();
      for (const set of target.permissionSets) {
        for (const hold of (await center.holds(set)) ?? []) {
          if (hold.owner !== owner || hold.account !== target.access.account) continue;
          const known = found.get(hold.grant) ?? { hold, sets: [] };
          known.sets.push(set);
          found.set(hold.grant, known);
        }
      }
      return [...found.values()].map(({ hold, sets }) => leftoverOf(target, hold, sets));
    },
  };
}

/** Seconds for which access may go on after the assignment was to be taken away. */
function residualOf({ access }: CenterTarget): number {
  return access.sessionSeconds + DELETION;
}

function leftoverOf(target: CenterTarget, hold: Hold, permissionSets: readonly string[]): Leftover {
  const { owner, grant, user, endsAt } = hold;
  return {
    grant,
    handle: writeHandle({ owner, grant, user, permissionSets, access: target.access }),
    name: holdKey(hold),
    notAfter: endsAt + residualOf(target) * 1_000,
  };
}

/** Names for people. Throws `ERR_CLOUD` where sessions of a permission set live longer than the target says: the residual would be a lie. */
async function namesOf(center: Center, target: CenterTarget, sets: readonly string[]): Promise<readonly string[]> {
  const names = [];
  for (const set of sets) {
    const { name, sessionSeconds } = await center.facts(set);
    if (sessionSeconds > target.access.sessionSeconds) {
      throw new JitError({
        code: 'ERR_CLOUD',
        message: `sessions of permission set ${display(name, 100)} live longer than session_seconds of target ${target.name}`,
        hint: 'raise session_seconds, or shorten the session duration of the permission set',
      });
    }
    names.push(display(name, 100));
  }
  return names;
}

function grantedOf({ access }: CenterTarget, sets: readonly string[], principal: string): string {
  return canonicalJson({ account: access.account, permissionSets: [...sets], principal });
}

/** By exact issuer and subject, never by a name. An agent is itself, whoever it acts for. Throws `ERR_TARGET` for somebody unknown. */
function userOf({ name, people }: CenterTarget, principal: Principal): string {
  const key = `${principal.issuer} ${principal.subject}`;
  const user = people.get(key);
  if (user !== undefined) return user;
  throw new JitError({
    code: 'ERR_TARGET',
    message: `target ${name} does not know who ${display(principal.name, 100)} is in IAM Identity Center`,
    hint: `the operator of the broker adds the user's id under people: '${display(key, 300)}'`,
  });
}

/** AWS has not been called, and `ERR_CLOUD` is how the port says so. */
function beforeAnyCall<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    const { message, hint } = asJitError(thrown);
    throw new JitError({ code: 'ERR_CLOUD', message, hint, cause: thrown });
  }
}
