/**
 * Who of an incident source's people is who at this broker: what a source calls somebody is no identity.
 * @module
 */
import type { Incident, SourcePerson, Standing } from '../../core/incident.ts';
import type { Principal } from '../../core/principal.ts';

/** Whether that person of a source is that principal. */
export type IsWho = (person: SourcePerson, who: Principal) => boolean;

export interface PeopleConfig {
  /** Principals by the source's own ids. */
  readonly people: readonly { readonly id: string; readonly issuer: string; readonly subject: string }[];
  /** `person`: also whoever's `personKey`, a verified claim, is the e-mail address that the source has. */
  readonly match?: 'person' | undefined;
}

/** Stands to no incident at all. */
export const STRANGER: Standing = { responder: false, commander: false, onCallTier: 0 };

/** @param isWho of the incident's source; left out, nobody stands to anything. */
export function standingTo(
  { responders, commanders, onCall }: Incident,
  who: Principal,
  isWho: IsWho | undefined,
): Standing {
  if (isWho === undefined || who.kind === 'agent') return STRANGER;
  const is = (person: SourcePerson): boolean => isWho(person, who);
  const tiers = onCall.filter(is).map(({ tier }) => tier);
  const commander = commanders.some(is);
  return {
    responder: commander || responders.some(is),
    commander,
    onCallTier: tiers.length === 0 ? 0 : Math.min(...tiers),
  };
}

/** As the configuration says. */
export function configuredPeople({ people, match }: PeopleConfig): IsWho {
  return ({ id, email }, who) => {
    const listed = people.filter((each) => each.id === id);
    // Whoever is named is this principal and no other, whatever address the source has for them.
    if (listed.length > 0)
      return listed.some(({ issuer, subject }) => issuer === who.issuer && subject === who.subject);
    if (match !== 'person' || email === null || who.personKey === undefined) return false;
    return isAscii(email) && isAscii(who.personKey) && email.toLowerCase() === who.personKey.toLowerCase();
  };
}

/** At an embedded broker there is one user, known by the name that they have on their machine. */
export const localPeople: IsWho = ({ id }, who) => who.issuer === 'os' && id === who.name;

/** Outside ASCII two addresses can look alike, and their cases join letters that are not the same. */
function isAscii(text: string): boolean {
  return /^[\x21-\x7e]{3,254}$/.test(text);
}
