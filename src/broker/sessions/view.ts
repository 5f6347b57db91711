/**
 * A session as its holder sees it.
 * @module
 */
import type { Principal } from '../../core/principal.ts';
import type { SessionView } from '../../wire/sessions.ts';
import type { StoredSession } from '../store/sessions.ts';

export function sessionView({ id, provider, principal, expiresAt, verifiedAt }: StoredSession): SessionView {
  return {
    id,
    provider,
    principal: principalView(principal),
    expiresAt: new Date(expiresAt).toISOString(),
    verifiedAt: new Date(verifiedAt).toISOString(),
  };
}

/** What names the person behind several accounts stays here: it is often an address, and nobody's identity. */
function principalView({ kind, issuer, subject, name, groups, actsFor }: Principal): SessionView['principal'] {
  const own = { kind, issuer, subject, name, groups: [...groups] };
  if (actsFor === undefined) return own;
  const { kind: user, issuer: at, subject: who, name: called, groups: theirs } = actsFor;
  return { ...own, actsFor: { kind: user, issuer: at, subject: who, name: called, groups: [...theirs] } };
}
