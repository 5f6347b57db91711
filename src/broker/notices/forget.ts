/**
 * What is remembered of messages is kept for a month, longer than any request is open or any grant lives; notices for notifiers
 * that are not configured any more are dropped.
 * @module
 */
import { asJitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Log } from '../service/log.ts';
import type { NoticeStore } from '../store/notices.ts';

const KEPT_MS = 35 * 86_400_000;
const PAUSE_MS = 3_600_000;
/** What the store removes at most in one call. */
const BATCH = 1_000;

/** Looks at once, then every hour. @returns how to stop. */
export function startForgettingNotices(parts: {
  readonly store: NoticeStore;
  readonly notifiers: readonly string[];
  readonly now: Clock;
  readonly log: Log;
}): () => void {
  const { store, notifiers, now, log } = parts;
  let stopped = false;
  async function forget(): Promise<void> {
    try {
      while (!stopped && (await store.forgetNotices({ notifiers, before: now() - KEPT_MS })) >= BATCH);
    } catch (thrown) {
      if (!stopped) log.warn('old notices could not be removed; it is tried again', { code: asJitError(thrown).code });
    }
  }
  void forget();
  const timer = setInterval(() => void forget(), PAUSE_MS).unref();
  return () => {
    stopped = true;
    clearInterval(timer);
  };
}
