/**
 * Somebody as they are now, as far as the broker can know it without asking the identity provider.
 * @module
 */
import type { Person, Principal } from '../../core/principal.ts';
import type { SessionStore } from '../store/sessions.ts';

/**
 * @returns the principal of the latest word of the identity provider, as given where none is known. Of an agent that acts for
 * somebody, the person is looked up too: what the person has lost, the agent has lost.
 */
export function presentIn(store: Pick<SessionStore, 'lastKnown'>): (who: Principal) => Promise<Principal> {
  return async (who) => {
    const known = await store.lastKnown(who);
    const principal = known?.principal ?? who;
    const { actsFor } = principal;
    if (actsFor === undefined) return principal;
    const person = await store.lastKnown(actsFor);
    if (person === null || person.principal.kind !== 'user' || person.at <= (known?.at ?? 0)) return principal;
    const { kind, issuer, subject, name, groups, personKey } = person.principal;
    const now: Person = { kind, issuer, subject, name, groups, ...(personKey === undefined ? {} : { personKey }) };
    return { ...principal, actsFor: now };
  };
}
