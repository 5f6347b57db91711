/**
 * The broker's nonces, RFC 9449 section 8: they show that a proof was made lately, without trusting the caller's clock.
 * @module
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface Nonces {
  /** The one to hand out now. */
  current(): string;
  /** Whether it is one of ours, made within the last five minutes. */
  good(nonce: string): boolean;
}

const STEP_MS = 30_000;
const GOOD_STEPS = 10;

/** The longest that any nonce is good, and so any proof with it. */
export const NONCE_MS = (GOOD_STEPS + 1) * STEP_MS;

/** Nothing is stored: a nonce is its step in time, signed with a key of this process. After a restart all are new. */
export function makeNonces(now: () => number, random: (bytes: number) => Uint8Array): Nonces {
  const key = random(32);
  const made = (step: number): string => {
    const mac = createHmac('sha256', key).update(String(step)).digest('base64url');
    return `${step.toString(36)}.${mac}`;
  };
  const stepNow = (): number => Math.floor(now() / STEP_MS);
  return {
    current: () => made(stepNow()),
    good: (nonce) => {
      const step = /^[0-9a-z]{1,10}(?=\.[\w-]{43}$)/.exec(nonce)?.[0];
      if (step === undefined) return false;
      const age = stepNow() - Number.parseInt(step, 36);
      if (age < 0 || age > GOOD_STEPS) return false;
      return timingSafeEqual(Buffer.from(nonce), Buffer.from(made(Number.parseInt(step, 36))));
    },
  };
}
