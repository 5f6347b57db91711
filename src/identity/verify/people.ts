/**
 * The person or agent of an ID token.
 * @module
 */
import { foldedIdentity, type Person, type Principal } from '../../core/principal.ts';
import {
  type Claims,
  claimsOf,
  demandText,
  demandVerifiedEmail,
  displayName,
  groupsClaim,
  textClaim,
} from './claims.ts';
import type { OidcConfig } from './config.ts';
import { refused } from './refusal.ts';

/** Throws `ERR_NOT_SIGNED_IN` for claims that make no identity. An e-mail address never is one. */
export function personOf(config: OidcConfig, claims: Claims): Principal {
  const subject = demandText(claims, 'sub');
  const person: Person = {
    kind: 'user',
    issuer: config.issuer,
    subject,
    name: displayName(claims.get(config.claims.name), subject),
    groups: groupsClaim(claims, config.claims.groups),
    ...personKeyOf(claims, config.claims.person),
  };
  const actor = actorOf(claims, config.issuer);
  return actor === null ? person : { ...agent(config.issuer, actor, []), actsFor: person };
}

/** Throws `ERR_NOT_SIGNED_IN` where the claim is missing: who cannot be told apart must not count as somebody else. */
function personKeyOf(claims: Claims, claim: string | undefined): Pick<Person, 'personKey'> {
  if (claim === undefined) return {};
  if (claim === 'email') demandVerifiedEmail(claims);
  return { personKey: foldedIdentity(demandText(claims, claim)) };
}

export function agent(issuer: string, subject: string, groups: readonly string[]): Omit<Principal, 'actsFor'> {
  return { kind: 'agent', issuer, subject, name: displayName(subject), groups };
}

/**
 * The subject of the `act` claim (RFC 8693 section 4.1), null without one.
 * Throws `ERR_NOT_SIGNED_IN` for a chain of actors, and for an actor of another issuer: nobody vouches for the agents of others.
 */
export function actorOf(claims: Claims, issuer: string): string | null {
  const act = claims.get('act');
  if (act === undefined) return null;
  if (typeof act !== 'object' || act === null || Array.isArray(act)) throw refused('the claim act is no object');
  const actor = claimsOf(act);
  if (actor.has('act')) throw refused('an actor acts through another one');
  if ((textClaim(actor, 'iss') ?? issuer) !== issuer) throw refused('the actor is of another issuer');
  const subject = demandText(actor, 'sub');
  if (subject === claims.get('sub')) throw refused('the actor is the subject itself');
  return subject;
}
