/**
 * Wakes those who wait for a request or a grant to change, so that long-polls answer at once.
 * @module
 */
import type { GrantId, RequestId } from '../../core/ids.ts';

type Id = GrantId | RequestId;

export interface Changes {
  announce(id: Id): void;
  /** Resolves at the next announcement of that request or grant, or after `ms`, or when the signal fires; never rejects. */
  next(id: Id, ms: number, signal: AbortSignal): Promise<void>;
  /** Lets everybody go, at shutdown. */
  release(): void;
}

export function makeChanges(): Changes {
  const waiting = new Map<Id, Set<() => void>>();
  const wake = (id: Id): void => {
    for (const resolve of waiting.get(id) ?? []) resolve();
  };
  return {
    announce: wake,
    next: async (id, ms, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(done, ms);
        function done(): void {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          const others = waiting.get(id);
          others?.delete(done);
          if (others?.size === 0) waiting.delete(id);
          resolve();
        }
        if (signal.aborted) {
          done();
          return;
        }
        signal.addEventListener('abort', done, { once: true });
        waiting.set(id, (waiting.get(id) ?? new Set()).add(done));
      }),
    release: () => {
      for (const id of waiting.keys()) wake(id);
    },
  };
}
