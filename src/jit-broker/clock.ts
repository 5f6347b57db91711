/**
 * The broker's clock: the wall clock, but not to be turned back.
 * @module
 */
import type { Clock } from '../core/ports.ts';
import { readClocks } from '../local/clock.ts';

/**
 * Advances at least as fast as the time since boot, so that setting the wall clock back does not lengthen a grant (the
 * class of CVE-2013-1775). Setting it forward ends grants early, which is safe. Epoch milliseconds.
 */
export function steadyClock(): Clock {
  const start = readClocks();
  return () => {
    const { wallMs, bootMs } = readClocks();
    return Math.max(wallMs, start.wallMs + (bootMs - start.bootMs));
  };
}
