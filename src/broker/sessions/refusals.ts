/**
 * A stolen token leaves a trace, and whoever stole it cannot fill the disk with traces.
 * @module
 */
import type { Clock } from '../../core/ports.ts';
import type { Log } from '../service/log.ts';
import type { SessionStore, StoredSession } from '../store/sessions.ts';
import { sessionEntry } from './audit.ts';

const QUIET_MS = 60_000;
const MOST = 10_000;

export interface Refusals {
  /** Writes an entry, but not twice within a minute about the same session for the same cause. Resolves when it is durable. */
  note(session: StoredSession, cause: string): Promise<void>;
}

export function makeRefusals(parts: {
  readonly store: SessionStore;
  readonly now: Clock;
  readonly log: Log;
}): Refusals {
  const { store, now, log } = parts;
  const last = new Map<string, number>();
  return {
    note: async (session, cause) => {
      const key = `${session.id} ${cause}`;
      const at = now();
      if (at - (last.get(key) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
      if (last.size >= MOST) last.clear();
      last.set(key, at);
      log.warn('a session token was refused', { session: session.id, cause });
      await store.commitSession({ entries: [sessionEntry('session.refused', session, at, { cause })] });
    },
  };
}
