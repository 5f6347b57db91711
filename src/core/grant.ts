/**
 * A grant, the events of its life, and the work that these ask for. What follows from which: `transition.ts`.
 * @module
 */
import { createHash } from 'node:crypto';
import type { GrantId, RequestId } from './ids.ts';
import type { Leg } from './leg.ts';

export type { Leg } from './leg.ts';

export const CLOSE_REASONS = ['expired', 'revoked', 'completed', 'idle', 'incident-closed', 'failed'] as const;
export type CloseReason = (typeof CLOSE_REASONS)[number];

export type GrantState =
  | { readonly name: 'issuing' }
  | {
      readonly name: 'active';
      readonly issuedAt: number;
      readonly expiresAt: number;
      /** Why it ends sooner than was granted, or null. */
      readonly cut: Extract<CloseReason, 'incident-closed'> | null;
    }
  | { readonly name: 'revoking'; readonly reason: CloseReason; readonly since: number }
  | { readonly name: 'stuck'; readonly reason: CloseReason; readonly since: number }
  | { readonly name: 'closed'; readonly reason: CloseReason; readonly closedAt: number };

export interface Grant {
  readonly id: GrantId;
  readonly requestId: RequestId;
  /** The longest time until the end that was ever asked for, counted from issuance or from a renewal. */
  readonly seconds: number;
  /** How often its end has been put off. */
  readonly renewals: number;
  /** It ends when nobody has used it for so long; null: it may rest. */
  readonly idleSeconds: number | null;
  readonly state: GrantState;
  readonly legs: readonly Leg[];
}

export type GrantEvent =
  /** A credential came back; access ends by itself at `endsAt`, the credential at `notAfter`. Also for each issue after the first. */
  | {
      readonly type: 'issued';
      readonly target: string;
      readonly at: number;
      readonly endsAt: number;
      readonly notAfter: number;
      /** The permission exactly as the cloud was given it. */
      readonly granted: string;
    }
  /** Another credential is about to be asked for under a live grant; it may live until `notAfter`. */
  | { readonly type: 'reissue'; readonly target: string; readonly at: number; readonly notAfter: number }
  /** The cloud surely issued nothing. */
  | { readonly type: 'issue-refused'; readonly target: string; readonly at: number; readonly problem: string }
  /** The cloud may have issued. */
  | { readonly type: 'issue-unknown'; readonly target: string; readonly at: number; readonly problem: string }
  /** Its end moves to `endsAt`; one that is not later changes nothing. Credentials that are out keep their own end. */
  | {
      readonly type: 'renew';
      readonly at: number;
      readonly endsAt: number;
      /** As policy has it now; of this and the grant's own, the shorter counts. */
      readonly idleSeconds: number | null;
    }
  /** Its end moves up to `endsAt`, for that reason; one that is later than the present end gives only the reason. */
  | {
      readonly type: 'cut';
      readonly at: number;
      readonly endsAt: number;
      readonly reason: Extract<CloseReason, 'incident-closed'>;
    }
  | { readonly type: 'end'; readonly reason: CloseReason; readonly at: number }
  /** The cloud took the revocation; it is not yet in effect everywhere. */
  | { readonly type: 'revoke-accepted'; readonly target: string; readonly at: number; readonly until: number }
  | { readonly type: 'revoke-failed'; readonly target: string; readonly at: number; readonly problem: string }
  /** Verified: nothing issued at this target works any more. `tidyAt`: when what revocation left there can go. */
  | {
      readonly type: 'gone';
      readonly target: string;
      readonly at: number;
      readonly tidyAt: number | null;
      /** How that was verified. */
      readonly proof: string;
    };

/** Work for the world outside, stored with the state that asked for it. `dueAt` is epoch ms. */
export type Effect =
  | { readonly kind: 'issue'; readonly target: string; readonly dueAt: number }
  | { readonly kind: 'revoke'; readonly target: string; readonly dueAt: number }
  /** Remove what revocation left at the target, once it is not needed. */
  | { readonly kind: 'tidy'; readonly target: string; readonly dueAt: number }
  | { readonly kind: 'expire'; readonly dueAt: number }
  /** End the grant if nobody has fetched a credential by then. */
  | { readonly kind: 'claim-by'; readonly dueAt: number }
  /** End the grant if nobody has used it since its idle limit; otherwise look again when that would be. */
  | { readonly kind: 'idle'; readonly dueAt: number };

/** Failed attempts after which a revocation is called stuck: seen, paged, and still retried for ever. */
export const STUCK_AFTER = 6;
export const CLAIM_SECONDS = 120;
/** Use is seen by reports that come in batches and by credentials asked for anew: a shorter limit would end grants in use. */
export const SHORTEST_IDLE_SECONDS = 120;
const RETRY_CAP_MS = 300_000;

/** Pause before the next revocation, doubling from one second to five minutes. What the worker takes at once is bounded by target. */
export function retryDelayMs(attempts: number): number {
  return Math.min(RETRY_CAP_MS, 1_000 * 2 ** Math.min(Math.max(attempts - 1, 0), 20));
}

/**
 * When a revocation is tried again, epoch ms: up to a quarter of the pause sooner, so that what failed together is not tried
 * together for ever. The same for the same grant, target and attempt.
 */
export function retryAt(
  { id }: Pick<Grant, 'id'>,
  { target, attempts }: Pick<Leg, 'target' | 'attempts'>,
  at: number,
): number {
  const pause = retryDelayMs(attempts);
  const fraction = createHash('sha256').update(`${id} ${target} ${attempts}`).digest().readUInt16BE(0) / 65_536;
  return at + Math.round(pause * (1 - fraction / 4));
}

/** @param since epoch ms of the last sign of use. @returns when the grant has been idle for too long, epoch ms, or null. */
export function idleAt(
  { idleSeconds, state }: Pick<Grant, 'idleSeconds' | 'state'>,
  since: number | null,
): number | null {
  if (idleSeconds === null || state.name !== 'active') return null;
  return Math.max(since ?? 0, state.issuedAt) + idleSeconds * 1_000;
}
