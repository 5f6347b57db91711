/**
 * Ends requests that nobody decided or took up in time. A late vote is refused by its own clock; this makes it visible.
 * @module
 */
import { asJitError } from '../../core/errors.ts';
import type { Approvals } from '../service/approvals.ts';
import type { Log } from '../service/log.ts';

/** Timers stand still while a machine sleeps, so the store is asked again and again. */
const LOOK_MS = 1_000;

/** @returns how to stop; it resolves when a look under way has ended. */
export function startDeadlines(approvals: Pick<Approvals, 'timeOut'>, log: Log): () => Promise<void> {
  let looking: Promise<void> | null = null;
  const look = async (): Promise<void> => {
    try {
      await approvals.timeOut();
    } catch (thrown) {
      log.error('requests could not be timed out; it is tried again', { code: asJitError(thrown).code });
    }
    looking = null;
  };
  const timer = setInterval(() => {
    looking ??= look();
  }, LOOK_MS).unref();
  return async () => {
    clearInterval(timer);
    await looking;
  };
}
