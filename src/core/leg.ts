/**
 * A grant's part at one target, and what becomes of it.
 * @module
 */
import type { RevocationClass } from './access.ts';

/** A grant's part at one target. `handle` is the provider's own, made before the cloud is called, and enough to revoke by. */
export interface Leg {
  readonly target: string;
  /** The provider's kind, so that revocation does not depend on the target still being configured. */
  readonly provider: string;
  readonly handle: string;
  /** What it is called at the target. */
  readonly name: string;
  readonly revocation: RevocationClass;
  readonly state: 'intended' | 'maybe-issued' | 'issued' | 'gone';
  /** Epoch ms at which the cloud ends this access by itself, or null before the first issue. */
  readonly endsAt: number | null;
  /** Epoch ms after which the cloud accepts no credential issued under this leg, however it went. */
  readonly notAfter: number;
  /** How often something was or may have been issued: what a cloud says of a revocation holds for what was out when it was asked. */
  readonly issues: number;
  /** Failed revocations since the last success. */
  readonly attempts: number;
  readonly problem: string | null;
  /** When and how it was verified that nothing of it works any more; null before that. `at`: epoch ms. */
  readonly gone: { readonly at: number; readonly proof: string } | null;
}

export type NewLeg = Pick<Leg, 'target' | 'provider' | 'handle' | 'name' | 'revocation' | 'notAfter'>;

export const newLeg = (leg: NewLeg): Leg => ({
  ...leg,
  state: 'intended',
  endsAt: null,
  issues: 0,
  attempts: 0,
  problem: null,
  gone: null,
});

/** A credential has come back. */
export const issuedLeg = (leg: Leg, issue: { readonly endsAt: number; readonly notAfter: number }): Leg => ({
  ...leg,
  state: 'issued',
  endsAt: Math.max(leg.endsAt ?? 0, issue.endsAt),
  // Only the first answer replaces the guess of the intent: after it, another credential may be out that lives longer.
  notAfter: leg.state === 'intended' ? issue.notAfter : Math.max(leg.notAfter, issue.notAfter),
  issues: leg.issues + 1,
  problem: null,
  gone: null,
});

/** Verified: nothing of it works any more. */
export const goneLeg = (leg: Leg, { at, proof }: { readonly at: number; readonly proof: string }): Leg => ({
  ...leg,
  state: 'gone',
  attempts: 0,
  problem: null,
  gone: { at, proof },
});

/** The cloud surely issued nothing. */
export const unissuedLeg = (leg: Leg, { at, problem }: { readonly at: number; readonly problem: string }): Leg => ({
  ...leg,
  state: 'gone',
  attempts: 0,
  problem,
  gone: { at, proof: 'the cloud issued nothing' },
});

/** The cloud may have issued. */
export const doubtfulLeg = (leg: Leg, problem: string): Leg => ({
  ...leg,
  state: leg.state === 'issued' ? 'issued' : 'maybe-issued',
  issues: leg.issues + 1,
  problem,
  gone: null,
});
