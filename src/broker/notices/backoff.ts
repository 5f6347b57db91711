/**
 * When a notice that could not be told is tried again.
 * @module
 */

const BASE_MS = 2_000;
const CAP_MS = 600_000;
/** What another side may ask for at most: whoever asks for more is asked again all the same. */
const LONGEST_WISH_MS = 3_600_000;
/** After that a notice is no news any more. */
export const GIVE_UP_MS = 86_400_000;

/**
 * @param attempts failed so far, this one included.
 * @param afterMs what the other side asked for, or null.
 * @param chance from 0 to 1, exclusive: spreads those that failed together.
 * @returns milliseconds: doubling from about 2 s to about 10 min, or what was asked for where that is more.
 */
export function delayMs(attempts: number, afterMs: number | null, chance: number): number {
  const full = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(Math.max(attempts - 1, 0), 20));
  const wish = Math.min(afterMs ?? 0, LONGEST_WISH_MS);
  // Between half of it and half as much again; never before what was asked for.
  return Math.max(Math.round(full * (0.5 + chance)), wish + Math.round(chance * 1_000));
}
