/**
 * Ending access early: deny entries on the role, rebuilt from the store, and verified.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Clock, Mark, RevokedMarks } from '../../core/ports.ts';
import type { Assume } from './assume.ts';
import type { Clients } from './clients.ts';
import { coalesce } from './coalesce.ts';
import { cutOff, cutoffTag, denyDocument, denyList, isEmpty } from './deny-policy.ts';
import type { Cutoff, DenyList } from './deny-policy.ts';
import { endOf, placeOf, readHandle } from './handle.ts';
import type { Handle } from './handle.ts';
import type { Probe, Verdict } from './probe.ts';
import { roleWriter } from './role-writer.ts';

/** Told to the operator: something that a person should know and that no return value says. */
export type Notice = (text: string) => void;

/** One who asks: the mark to revoke, or null to only bring the role up to date. */
export interface Ask {
  readonly handle: Handle;
  readonly mark: Mark | null;
  readonly revoked: RevokedMarks;
}

/** When AWS took an entry: which writing it was, counted and not timed since clocks go back, and epoch ms. */
export interface Entry {
  readonly writing: number;
  readonly at: number;
}

/** What is known after a run about one role. */
export interface RoleState {
  /** By grant. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** Entries up to this writing are in effect. */
  readonly verified: number;
  /** Null where nothing was asked. */
  readonly verdict: Verdict | null;
  /** The role is gone. */
  readonly missing: boolean;
}

/**
 * After AWS has taken an entry, how long nothing is claimed about it: STS, which is probed, may have it before the others.
 * Measurements put the whole of it at about four seconds (OFFENSAI 2025, on IAM's eventual consistency).
 */
export const SETTLE_MS = 15_000;
/** The same text is written again after this long, in case somebody has removed it. */
const REFRESH_MS = 60_000;
/** Clocks differ: an entry stays this much longer than the access that it ends. */
export const GRACE_MS = 60_000;

export interface Revoker {
  /** Brings the role's deny entries up to date; all who wait for the same role share one run. Throws what writing throws. */
  update(ask: Ask): Promise<RoleState>;
  /** Epoch ms before which sessions of this role are being denied, or 0. A session made now would be born dead. */
  cutoffOf(handle: Handle): number;
}

interface Memory {
  readonly run: (ask: Ask) => Promise<RoleState>;
  cutoff: Cutoff | null;
  entries: ReadonlyMap<string, Entry>;
  writing: number;
  verified: number;
  written: { readonly text: string; readonly at: number } | null;
}

export function revoker(deps: {
  readonly now: Clock;
  readonly clients: Clients;
  readonly assume: Assume;
  readonly probe: Probe;
  readonly notice: Notice;
}): Revoker {
  const { now, probe, notice } = deps;
  const writer = roleWriter(deps);
  const places = new Map<string, Memory>();

  const memoryOf = (place: string): Memory => {
    const known = places.get(place);
    if (known !== undefined) return known;
    const memory: Memory = {
      run: coalesce(async (asks) => await bringUpToDate(memory, place, asks)),
      cutoff: null,
      entries: new Map(),
      writing: 0,
      verified: 0,
      written: null,
    };
    places.set(place, memory);
    return memory;
  };

  const bringUpToDate = async (memory: Memory, place: string, asks: readonly Ask[]): Promise<RoleState> => {
    // The work is shared, so no single caller's signal may end it. Each call in it has its own deadline.
    const { signal } = new AbortController();
    const newest = asks.at(-1);
    if (newest === undefined) throw new JitError({ code: 'ERR_UNEXPECTED', message: 'a run without a reason' });
    const grants = await grantsOf(place, asks, await newest.revoked());
    const missing = (await write(memory, grants, asks, signal)) === 'missing';
    const verdict =
      missing || asks.every(({ mark }) => mark === null) ? null : await verify(memory, newest.handle, signal);
    return { entries: memory.entries, verified: memory.verified, verdict, missing };
  };

  const grantsOf = async (
    place: string,
    asks: readonly Ask[],
    revoked: readonly Mark[],
  ): Promise<readonly string[]> => {
    const own = asks.flatMap(({ mark }) => (mark === null ? [] : [mark]));
    const live = [...revoked, ...own].filter((mark) => endOf(mark) + GRACE_MS > now());
    return live.flatMap((mark) => {
      const handle = handleOf(mark);
      return handle !== null && placeOf(handle) === place ? [handle.grant] : [];
    });
  };

  const handleOf = (mark: Mark): Handle | null => {
    try {
      return readHandle(mark);
    } catch {
      // It fails visibly when its own turn comes; here it must not keep the others from being revoked.
      return null;
    }
  };

  const write = async (
    memory: Memory,
    grants: readonly string[],
    asks: readonly Ask[],
    signal: AbortSignal,
  ): Promise<'written' | 'missing'> => {
    const list = denyList(grants, memory.cutoff, now());
    const text = denyDocument(list);
    const { written } = memory;
    if (written !== null && written.text === text && now() - written.at < REFRESH_MS) return 'written';
    // Entries of one role may have been made under different configurations: the latest that works, writes.
    const handles = [
      ...new Map(asks.map(({ handle }) => [JSON.stringify(handle.access), handle])).values(),
    ].toReversed();
    const [first] = handles;
    if (first === undefined) return 'missing';
    let outcome = await writer.put(handles, list, signal);
    let put: DenyList = list;
    if (outcome === 'too-large') {
      put = cutOff(grants, now());
      outcome = await writer.put(handles, put, signal);
    }
    if (outcome === 'missing') {
      if (!isEmpty(put))
        notice(`role ${first.role.arn} does not exist any more: its sessions are left to end by themselves`);
      return 'missing';
    }
    remember(memory, put, first);
    return 'written';
  };

  const remember = (memory: Memory, put: DenyList, handle: Handle): void => {
    const entry = { writing: memory.writing + 1, at: now() };
    const fresh = put.cutoff !== null && put.cutoff.at !== memory.cutoff?.at;
    if (fresh) {
      notice(
        `too many revoked sessions of ${handle.role.arn} for one policy: all its sessions made before now are denied, ` +
          'those of live grants too, whose holders have to fetch credentials again',
      );
    }
    const grants = [...put.grants, ...(put.cutoff?.covers ?? [])];
    const earlier = fresh ? new Map<string, Entry>() : memory.entries;
    memory.entries = new Map(grants.map((grant) => [grant, earlier.get(grant) ?? entry]));
    memory.cutoff = put.cutoff;
    memory.writing = entry.writing;
    memory.written = { text: denyDocument(put), at: entry.at };
  };

  const verify = async (memory: Memory, handle: Handle, signal: AbortSignal): Promise<Verdict | null> => {
    const { cutoff } = memory;
    const ripe = [...memory.entries]
      .filter(([, entry]) => entry.writing > memory.verified && now() - entry.at >= settleMs(handle))
      .toSorted(([, a], [, b]) => b.writing - a.writing);
    const [latest] = ripe;
    // Before the cut-off has passed, time denies every session, and none can show that the entries do.
    if (latest === undefined || (cutoff !== null && now() < cutoff.at + 1_000)) return null;
    const [grant, { writing }] = latest;
    // One writing holds all entries that came before it, so the latest speaks for them.
    const verdict = await probe(handle.access, cutoff?.covers.has(grant) === true ? cutoffTag(cutoff) : grant, signal);
    if (verdict === 'denied') memory.verified = writing;
    if (verdict === 'blind') {
      notice(`revocations on ${handle.role.arn} cannot be verified: access is called gone at its end only`);
    }
    return verdict;
  };

  return {
    update: async (ask) => await memoryOf(placeOf(ask.handle)).run(ask),
    cutoffOf: (handle) => places.get(placeOf(handle))?.cutoff?.at ?? 0,
  };
}

/** The sandbox is one process: what it has taken is in effect. */
export function settleMs({ access }: Handle): number {
  return access.sandbox ? 0 : SETTLE_MS;
}
