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
  // Whatever passes between two of these readings is counted twice, and never lost.
  let read = { at: performance.now(), bootMs: readClocks().bootMs };
  const boot = read.bootMs;
  const start = wall();
  return () => {
    // The boot clock costs a file read, and it only runs ahead of the process's own by what was slept through.
    if (performance.now() - read.at > RESYNC_MS) read = { at: performance.now(), bootMs: readClocks().bootMs };
    const elapsed = read.bootMs - boot + (performance.now() - read.at);
    return Math.max(wall(), Math.floor(start + elapsed));
  };
}
