/**
 * Events that are told at least once are heard once.
 * @module
 */
import type { Clock } from '../core/ports.ts';

/** Runs the work for an event that has not been heard. One whose work failed is as if it had never come. */
export type Once = (event: string, work: () => Promise<void>) => Promise<void>;

/**
 * In memory: an event that is heard again after a restart is one more reason to look, and no harm.
 * @param forMs how long each is remembered at least, as long as there are no more than `most` in that time.
 */
export function makeOnce(now: Clock, forMs: number, most = 20_000): Once {
  // Two generations instead of a timer for each: the older one goes when all in it are old enough.
  let [young, old] = [new Set<string>(), new Set<string>()];
  let turnsAt = now() + forMs;
  const underway = new Map<string, Promise<void>>();

  return async (event, work) => {
    if (now() >= turnsAt || young.size >= most) {
      [young, old] = [new Set(), now() >= turnsAt + forMs ? new Set() : young];
      turnsAt = now() + forMs;
    }
    if (young.has(event) || old.has(event)) return;
    // Whoever sends it twice at once must not be told that it is safe before it is.
    const same = underway.get(event);
    if (same !== undefined) return same;
    const running = work();
    underway.set(event, running);
    try {
      await running;
      young.add(event);
    } finally {
      underway.delete(event);
    }
  };
}
