/**
 * Who is who in Slack: by the ids of workspace and user, which people cannot change, and never by a name or an address.
 * @module
 */
import type { PrincipalKey } from '../../core/principal.ts';

/** One line of the configuration. */
export interface SlackPerson {
  readonly team: string;
  readonly user: string;
  readonly issuer: string;
  readonly subject: string;
}

export interface SlackPeople {
  /** @returns null for somebody who is not listed: a guest, a user of another workspace, a newcomer. */
  personOf(team: string, user: string): PrincipalKey | null;
  /** @returns the id of the first user for whom `is` holds, or null. */
  userOf(is: (person: PrincipalKey) => boolean): string | null;
}

export function slackPeople(list: readonly SlackPerson[]): SlackPeople {
  const known = new Map(list.map(({ team, user, issuer, subject }) => [`${team} ${user}`, { issuer, subject }]));
  return {
    personOf: (team, user) => known.get(`${team} ${user}`) ?? null,
    userOf: (is) => list.find(({ issuer, subject }) => is({ issuer, subject }))?.user ?? null,
  };
}
