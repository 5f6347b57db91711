/**
 * Giving assignments to a grant and taking them away again. Several grants of one person on one permission set share the
 * assignment, which stays for as long as one of them holds it.
 * @module
 */
import { JitError } from '../../../core/errors.ts';
import type { Clock, Mark, Revocation } from '../../../core/ports.ts';
import type { Center } from './center.ts';
import type { Handle } from './handle.ts';
import type { Hold } from './marks.ts';

/** A hold whose end is this long past keeps no assignment: its broker is late, or gone for good. */
const HOLD_GRACE_MS = 300_000;
const SOON_MS = 5_000;
/** AWS may finish an assignment that it was still making when it was told to delete it. */
const LATE_MS = 60_000;

/** Assigns what is not assigned yet, the marks first. @param endsAt epoch ms. */
export async function give(center: Center, handle: Handle, endsAt: number): Promise<void> {
  const found = [];
  for (const set of handle.permissionSets) found.push(await look(center, handle, set));
  try {
    for (const { set, mine, assigned } of found) {
      const until = Math.max(endsAt, mine?.endsAt ?? 0);
      if (mine?.endsAt !== until || mine.goneAt !== null) await center.hold(set, holdOf(handle, { endsAt: until }));
      if (!assigned) await center.assign(set, handle.user);
    }
  } catch (thrown) {
    const refused = thrown instanceof JitError && thrown.code === 'ERR_CLOUD';
    const fresh = found.every(({ mine }) => mine === null);
    // A clear refusal stays one where nothing is left of the attempt; else what there is has to be revoked by its name.
    throw refused && fresh && (await isUndone(center, handle)) ? thrown : unknown(thrown);
  }
}

interface Found {
  readonly set: string;
  readonly mine: Hold | null;
  readonly others: readonly Hold[];
  readonly assigned: boolean;
}

/** Refuses what somebody else has assigned: jit would take away at the end what it has not given. */
async function look(center: Center, handle: Handle, set: string): Promise<Found> {
  const holds = await center.holds(set);
  if (holds === null) throw new JitError({ code: 'ERR_CLOUD', message: `there is no permission set ${set}` });
  const { mine, others } = apart(holds, handle);
  const assigned = await center.isAssigned(set, handle.user);
  const given = [...others, ...(mine === null ? [] : [mine])].some(({ goneAt }) => goneAt === null);
  if (assigned && !given) {
    throw new JitError({
      code: 'ERR_CLOUD',
      message: `this person has ${set} in ${handle.access.account} already, and not from jit`,
      hint: 'use it as it is, or have the standing assignment removed',
    });
  }
  return { set, mine, others, assigned };
}

/** Takes the marks of an attempt back. False where somebody may have used what it assigned already, or nobody can tell. */
async function isUndone(center: Center, handle: Handle): Promise<boolean> {
  try {
    for (const set of handle.permissionSets) {
      const { mine, others } = apart((await center.holds(set)) ?? [], handle);
      if (mine === null) continue;
      const shared = others.some(({ goneAt }) => goneAt === null);
      if (!shared && (await center.isAssigned(set, handle.user))) return false;
      await center.release(set, handle);
    }
    return true;
  } catch {
    return false;
  }
}

/** What became of a grant's hold on one permission set. */
type Ended =
  /** There is nothing of it, or never was. */
  | { readonly kind: 'nothing' }
  /** Another grant of the same person holds the assignment. */
  | { readonly kind: 'shared' }
  /** The assignment was gone at this moment, epoch ms. */
  | { readonly kind: 'gone'; readonly at: number }
  /** AWS has deleted it and still lists it. */
  | { readonly kind: 'listed' };

/**
 * Takes the assignments away that no other grant holds. It is called gone when every session that a person could have opened
 * with them has ended, since deleting an assignment ends no session.
 */
export async function take(
  center: Center,
  handle: Handle,
  { mark, now }: { readonly mark: Mark; readonly now: Clock },
): Promise<Revocation> {
  const ended = new Map<string, Ended>();
  for (const set of handle.permissionSets) ended.set(set, await end(center, handle, set, { mark, now }));
  const outcomes = [...ended.values()];
  if (outcomes.some(({ kind }) => kind === 'listed')) return { kind: 'pending', checkAt: now() + SOON_MS };
  const gone = outcomes.flatMap((one) => (one.kind === 'gone' ? [one.at] : []));
  const over = Math.max(0, ...gone) + handle.access.sessionSeconds * 1_000;
  const late = Math.max(0, ...gone) + LATE_MS;
  if (gone.length > 0 && now() < over) return { kind: 'pending', checkAt: now() < late ? late : over };
  for (const [set, { kind }] of ended) if (kind === 'gone') await center.release(set, handle);
  return { kind: 'gone', tidyAt: null, proof: proofOf(outcomes) };
}

async function end(
  center: Center,
  handle: Handle,
  set: string,
  { mark, now }: { readonly mark: Mark; readonly now: Clock },
): Promise<Ended> {
  const holds = await center.holds(set);
  if (holds === null) return { kind: 'nothing' };
  const { mine, others } = apart(holds, handle);
  const shared = others.some(({ goneAt, endsAt }) => goneAt === null && endsAt + HOLD_GRACE_MS > now());
  if (mine !== null && mine.goneAt !== null) {
    if (shared || !(await center.isAssigned(set, handle.user))) return { kind: 'gone', at: mine.goneAt };
  } else if (shared) {
    if (mine !== null) await center.release(set, handle);
    return mine === null ? { kind: 'nothing' } : { kind: 'shared' };
  }
  // Marks come first, so that without one nothing was assigned, unless somebody has removed it since.
  if (mine === null && mark.endsAt === null) return { kind: 'nothing' };
  if (mine === null && !(await center.isAssigned(set, handle.user))) return { kind: 'nothing' };
  // Also where it is not listed: it may be in the making, about which AWS says `ConflictException` until it can be deleted.
  const fault = await center.unassign(set, handle.user);
  if (await center.isAssigned(set, handle.user)) {
    if (fault !== null) throw fault;
    return { kind: 'listed' };
  }
  // As the mark has it.
  const at = Math.ceil(now() / 1_000) * 1_000;
  await center.hold(set, { ...holdOf(handle, { endsAt: mine?.endsAt ?? mark.endsAt ?? at }), goneAt: at });
  return { kind: 'gone', at };
}

function proofOf(outcomes: readonly Ended[]): string {
  const kinds = new Set(outcomes.map(({ kind }) => kind));
  if (kinds.has('gone')) return 'the assignment was taken away, and every session that it could open has ended';
  return kinds.has('shared') ? 'another grant of the same person holds the assignment' : 'nothing of it is assigned';
}

function apart(
  holds: readonly Hold[],
  handle: Handle,
): { readonly mine: Hold | null; readonly others: readonly Hold[] } {
  const here = holds.filter(({ account, user }) => account === handle.access.account && user === handle.user);
  const own = (one: Hold): boolean => one.owner === handle.owner && one.grant === handle.grant;
  return { mine: here.find(own) ?? null, others: here.filter((one) => !own(one)) };
}

function holdOf({ owner, grant, user, access }: Handle, { endsAt }: { readonly endsAt: number }): Hold {
  return { owner, grant, account: access.account, user, endsAt, goneAt: null };
}

/** Something may have been assigned: it is then revoked by what the handle says. */
function unknown(thrown: unknown): JitError {
  if (thrown instanceof JitError && thrown.code === 'ERR_CLOUD_UNKNOWN') return thrown;
  const { message, hint } =
    thrown instanceof JitError ? thrown : { message: 'assigning was interrupted', hint: undefined };
  return new JitError({ code: 'ERR_CLOUD_UNKNOWN', message, ...(hint === undefined ? {} : { hint }), cause: thrown });
}
