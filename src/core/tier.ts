/**
 * How much friction a request meets, from none to an emergency.
 * @module
 */

/** In rising order of demand. */
export const TIERS = ['auto', 'self-serve', 'manual', 'break-glass'] as const;

export type Tier = (typeof TIERS)[number];

export function isTier(text: string): text is Tier {
  return TIERS.some((tier) => tier === text);
}

/** Negative when `a` asks less of the requester than `b`. */
export function compareTiers(a: Tier, b: Tier): number {
  return TIERS.indexOf(a) - TIERS.indexOf(b);
}
