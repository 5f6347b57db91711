/**
 * Profiles of grants that this keeper was never told of: those of a keeper that was killed. They end with their grants too.
 * @module
 */
import type { GrantId } from '../core/ids.ts';
import { type Clocks, deadline, pause, waitUntilOver } from '../local/clock.ts';
import { listAll, type Spot, wipeAllOf } from '../profiles/all.ts';
import type { LockDeps, ManagedProfile } from '../profiles/tool.ts';

export interface Orphans {
  /** Whether any of them is still there to be wiped. */
  readonly pending: () => Promise<boolean>;
}

export interface OrphanDeps extends LockDeps {
  readonly read: () => Clocks;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

const RETRY_MS = 15_000;

/**
 * Looks once, then wipes each profile found at the end that its marker names by then, for a renewal moves it; what has
 * passed, at once. A grant that is handed over later is wiped by both, which does no harm. Never rejects.
 */
export async function adoptOrphans(spots: readonly Spot[], deps: OrphanDeps): Promise<Orphans> {
  const found = await listAll(spots).catch((): readonly ManagedProfile[] => []);
  const ends = new Map<GrantId, number>();
  for (const { grant, expiresAt } of found) ends.set(grant, Math.max(expiresAt, ends.get(grant) ?? 0));
  for (const [grant, endsAt] of ends) {
    void wipeAtEnd(spots, grant, endsAt, deps).then(
      () => ends.delete(grant),
      // Only the keeper's own end gets here.
      () => undefined,
    );
  }
  return {
    pending: async () => {
      if (ends.size === 0) return false;
      const left = await listAll(spots).catch((): readonly ManagedProfile[] => []);
      return left.some(({ grant }) => ends.has(grant));
    },
  };
}

async function wipeAtEnd(spots: readonly Spot[], grant: GrantId, endsAt: number, deps: OrphanDeps): Promise<void> {
  let until = deadline(endsAt, deps.read());
  for (;;) {
    await waitUntilOver(until, deps.read, deps.signal);
    const found = await listAll(spots).catch((): readonly ManagedProfile[] => []);
    const later = Math.max(...found.filter((each) => each.grant === grant).map(({ expiresAt }) => expiresAt));
    if (later <= until.endsAt) break;
    // Measured from where it began: a clock that was set back meanwhile puts nothing off.
    until = { ...until, endsAt: later };
  }
  for (;;) {
    const { wiped, failed } = await wipeAllOf(
      spots,
      (each) => each.grant === grant && each.expiresAt <= until.endsAt,
      deps,
    );
    if (wiped.length > 0) deps.log(`${grant}: wiped what a killed keeper had left`);
    const [first] = failed;
    if (first === undefined) return;
    deps.log(`${grant}: ${first.code} while wiping: ${first.message}`);
    await pause(RETRY_MS, deps.signal);
  }
}
