/**
 * The broker's clock: the wall clock, but not to be turned back.
 * @module
 */
import type { Clock } from '../core/ports.ts';
import { readClocks } from '../local/clock.ts';

const RESYNC_MS = 500;

/**
 * Advances at least as fast as the time since boot, so that setting the wall clock back does not lengthen a grant (the
 * class of CVE-2013-1775). Setting it forward ends grants early, which is safe. Epoch milliseconds.
 * @param wall reads the wall clock.
 */
export function steadyClock(wall: Clock = Date.now): Clock {
  const boot = readClocks().bootMs;
  const start = wall();
  let read = { bootMs: boot, at: performance.now() };
  return () => {
    // The boot clock costs a file read, and it only runs ahead of the process's own by what was slept through.
    if (performance.now() - read.at > RESYNC_MS) read = { bootMs: readClocks().bootMs, at: performance.now() };
    const elapsed = read.bootMs - boot + (performance.now() - read.at);
    return Math.max(wall(), Math.floor(start + elapsed));
  };
}
