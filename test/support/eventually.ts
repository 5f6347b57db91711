/**
 * Waiting for what another process does, without a fixed pause.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `check` until it neither throws nor returns false, null or undefined.
 * @returns what it returned. Throws what it threw last, once the deadline (10 s by default) has passed.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { deadlineMs = 10_000 }: { readonly deadlineMs?: number } = {},
): Promise<NonNullable<T>> {
  const end = performance.now() + deadlineMs;
  for (let step = 5; ; step = Math.min(step * 2, 100)) {
    let failure: unknown = new Error(`it did not happen within ${deadlineMs} ms`);
    try {
      const value = await check();
      if (value !== null && value !== undefined && value !== false) return value;
    } catch (thrown) {
      failure = thrown;
    }
    if (performance.now() > end) throw failure;
    await sleep(step);
  }
}
