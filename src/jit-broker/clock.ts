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
 */
export function steadyClock(): Clock {
  const start = readClocks();
  let read = { bootMs: start.bootMs, at: performance.now() };
  return () => {
    // The boot clock costs a file read, and it only runs ahead of the process's own by what was slept through.
    const since = performance.now() - read.at;
    if (since > RESYNC_MS) read = { bootMs: readClocks().bootMs, at: performance.now() };
    const elapsed = read.bootMs - start.bootMs + (performance.now() - read.at);
    return Math.max(Date.now(), Math.floor(start.wallMs + elapsed));
  };
}
