/**
 * What the broker remembers of those who are signed in. Tokens are stored as their SHA-256 only, so that the file lets nobody in.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import type { SessionId } from '../../core/ids.ts';
import type { Principal, PrincipalKey } from '../../core/principal.ts';

export interface StoredSession {
  readonly id: SessionId;
  readonly provider: string;
  readonly principal: Principal;
  /** RFC 7638 thumbprint of the key that every call must prove. */
  readonly keyThumbprint: string;
  /** Hex SHA-256. */
  readonly accessHash: string;
  /** Epoch ms. */
  readonly accessUntil: number;
  /** Hex SHA-256 of the one refresh token that is good; null for a session that cannot be renewed. */
  readonly refreshHash: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly verifiedAt: number;
  readonly renewal: 'on demand' | 'fixed';
  /** Epoch ms, and why: null while it lives. */
  readonly ended: { readonly at: number; readonly why: SessionEnd } | null;
  /** Counts changes from 1; the condition for the next one. */
  readonly version: number;
}

export const SESSION_ENDS = ['signed-out', 'reused'] as const;
export type SessionEnd = (typeof SESSION_ENDS)[number];

/** A proof of identity that is used up, remembered until `until`, epoch ms. */
export interface SpentProof {
  readonly once: string;
  readonly until: number;
}

export interface SessionChange {
  /** `version` is the one that was read, 0 for a new session. */
  readonly session?: StoredSession;
  /** The refresh token that this change uses up: remembered until the session's end, so that its reuse is seen. */
  readonly spentRefreshHash?: string;
  /** The proofs of identity that this change uses up, all or none, remembered until `until`, epoch ms. */
  readonly spentProofs?: readonly SpentProof[];
  /** A confirmation that this change of a session gives out, good once and before `until`, epoch ms. `hash`: hex SHA-256. */
  readonly confirmation?: { readonly hash: string; readonly until: number };
  readonly entries: readonly AuditEvent[];
}

/** Every method may fail with `ERR_STORE` (retryable), in which case nothing was changed. */
export interface SessionStore {
  /**
   * Durable when it resolves. Throws `ERR_CONFLICT` when the session's version has moved on, and `ERR_NOT_SIGNED_IN` when
   * one of the proofs has been used before; then nothing was changed.
   */
  commitSession(change: SessionChange): Promise<void>;
  session(id: SessionId): Promise<StoredSession | null>;
  sessionByAccess(hash: string): Promise<StoredSession | null>;
  /** By the good refresh token (`spent: false`) or by one that was used before. */
  sessionByRefresh(hash: string): Promise<{ readonly session: StoredSession; readonly spent: boolean } | null>;
  /**
   * Exactly this principal as the identity provider vouched for them last, also in a session that is over but not yet
   * forgotten; null where nothing is known.
   */
  lastKnown(who: PrincipalKey): Promise<{ readonly principal: Principal; readonly at: number } | null>;
  /**
   * Uses up a confirmation of that session that is good at `at`, epoch ms: of two calls with the same one, one finds it.
   * @returns the session as it is at that moment; null, and nothing changed, where there is no such confirmation. Durable when
   * it resolves.
   */
  spendConfirmation(id: SessionId, hash: string, at: number): Promise<StoredSession | null>;
  /**
   * Removes sessions that ended or expired before `before`, epoch ms, with what they used up, confirmations and the memory of
   * proofs that were over by then; never what is not over yet. At most 1,000 things a call, each spent token one of them.
   * @returns how many were removed: fewer than 1,000 when nothing is left.
   */
  forgetSessions(before: number): Promise<number>;
}
