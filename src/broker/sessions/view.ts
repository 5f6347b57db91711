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

function principalView(principal: Principal): SessionView['principal'] {
  const { actsFor, groups, ...rest } = principal;
  const own = { ...rest, groups: [...groups] };
  return actsFor === undefined ? own : { ...own, actsFor: { ...actsFor, groups: [...actsFor.groups] } };
}
