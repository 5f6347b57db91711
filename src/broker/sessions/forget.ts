/**
 * Sessions that are over are kept for a day, so that a late use of their tokens is still known for what it is, then removed, as
 * are confirmations that nobody used.
 * @module
 */
import { asJitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Log } from '../service/log.ts';
import type { SessionStore } from '../store/sessions.ts';

const KEPT_MS = 86_400_000;
const PAUSE_MS = 3_600_000;
/** What the store removes at most in one call. */
const BATCH = 1_000;

/** Looks at once, then every hour. @returns how to stop. */
export function startForgetting(parts: {
  readonly store: SessionStore;
  readonly now: Clock;
  readonly log: Log;
}): () => void {
  const { store, now, log } = parts;
  let stopped = false;
  async function forget(): Promise<void> {
    try {
      while (!stopped && (await store.forgetSessions(now() - KEPT_MS)) >= BATCH);
    } catch (thrown) {
      if (!stopped) log.warn('old sessions could not be removed; it is tried again', { code: asJitError(thrown).code });
    }
  }
  void forget();
  const timer = setInterval(() => void forget(), PAUSE_MS).unref();
  return () => {
    stopped = true;
    clearInterval(timer);
  };
}
