/**
 * One at a time for each name: what two grants of one person do to one assignment never overlaps.
 * @module
 */
import { unlessAborted } from '../coalesce.ts';

export type Lock = <T>(name: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** @param fault what somebody gets whose signal comes before their turn; their work is then never begun. */
export function makeLock(fault: () => Error): Lock {
  const tails = new Map<string, Promise<void>>();
  return async (name, signal, work) => {
    const before = tails.get(name) ?? Promise.resolve();
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const tail = before.then(() => done);
    tails.set(name, tail);
    try {
      await unlessAborted(before, signal, fault);
      return await work();
    } finally {
      resolve();
      if (tails.get(name) === tail) tails.delete(name);
    }
  };
}
