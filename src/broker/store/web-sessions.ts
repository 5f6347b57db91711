/**
 * What the broker remembers of those who use its pages: their sessions, and decisions for which the identity provider's word
 * is still being fetched. Cookies and names of decisions are stored as their SHA-256 only.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import type { RequestId, SessionId } from '../../core/ids.ts';
import { VERDICTS } from '../../core/incident.ts';
import type { Person } from '../../core/principal.ts';
import type { SpentProof } from './sessions.ts';

/** One person in one browser. Times are epoch ms. */
export interface WebSession {
  readonly id: SessionId;
  readonly provider: string;
  readonly principal: Person;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** When the identity provider last vouched, by its own clock. */
  readonly verifiedAt: number;
}

/** A verdict is one on emergency access, and closes its review. */
export const ACT_CHOICES = ['approve', 'confirm', ...VERDICTS] as const;

/** A decision that somebody has made and the identity provider has not vouched for yet. */
export interface WebAct {
  readonly request: RequestId;
  readonly choice: (typeof ACT_CHOICES)[number];
  /** Hash of the request and version of the policy as they were shown. */
  readonly hash: string;
  readonly policy: string;
  readonly comment: string | null;
  /** Epoch ms. */
  readonly until: number;
}

/** Hashes are hex SHA-256. Every method may fail with `ERR_STORE` (retryable), in which case nothing was changed. */
export interface WebSessionStore {
  /** Forgets some that have been over for a day, too. Throws `ERR_NOT_SIGNED_IN` where the proof was used before, and changes nothing then. */
  openWebSession(opening: {
    readonly session: WebSession;
    readonly cookieHash: string;
    readonly spentProof: SpentProof;
    readonly entries: readonly AuditEvent[];
  }): Promise<void>;
  /** Null for one that there is not or that is over at `at`, epoch ms. */
  webSession(cookieHash: string, at: number): Promise<WebSession | null>;
  /** Does nothing, and writes no entries, where it is over already. @param at epoch ms. */
  endWebSession(id: SessionId, at: number, entries: readonly AuditEvent[]): Promise<void>;
  /** In place of what the session was about to decide on the same request before. Does nothing for a session that is gone. */
  intend(session: SessionId, actHash: string, act: WebAct): Promise<void>;
  /** Null for one that there is not, that is another session's, or that is over. */
  intended(session: SessionId, actHash: string, at: number): Promise<WebAct | null>;
  /**
   * Uses up a decision together with the word for it; what the word says about the person counts from here on. Of two calls
   * with the same decision one finds it. @returns null, and nothing changed, where it is not there, is over, or its session is.
   * Throws `ERR_NOT_SIGNED_IN` where the proof was used before, and changes nothing then.
   */
  spendAct(spending: {
    readonly session: WebSession;
    readonly actHash: string;
    readonly at: number;
    readonly spentProof: SpentProof;
    readonly entries: readonly AuditEvent[];
  }): Promise<WebAct | null>;
}
