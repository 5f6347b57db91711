/**
 * What signing in leaves in the audit log. Never a token, a proof or a hash of one.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import type { Canonical } from '../../core/canonical.ts';
import type { Principal } from '../../core/principal.ts';
import type { StoredSession } from '../store/sessions.ts';

export type SessionEvent =
  | 'session.opened'
  | 'session.confirmed'
  /** A call of an emergency went on without a word of the identity provider, which was down. */
  | 'session.unconfirmed'
  | 'session.renewed'
  | 'session.ended'
  /** A token, or what should prove it, came from somebody who does not hold its key, or came a second time. */
  | 'session.refused';

/** @param data what else to say; nothing from the caller's own words. */
export function sessionEntry(
  type: SessionEvent,
  session: Pick<StoredSession, 'id' | 'provider' | 'principal'>,
  at: number,
  data: Readonly<Record<string, Canonical>> = {},
): AuditEvent {
  const actor: Principal | 'broker' = type === 'session.refused' ? 'broker' : session.principal;
  return {
    type,
    at,
    actor,
    request: null,
    grant: null,
    data: { session: session.id, provider: session.provider, ...data },
  };
}
