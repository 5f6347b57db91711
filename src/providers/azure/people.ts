/**
 * Which object in Entra ID a requester is: decided by exact issuer and subject, never by a name.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { Principal } from '../../core/principal.ts';
import { isGuid } from './scope.ts';

export interface People {
  /** Object ids by `<issuer> <subject>`. */
  readonly known: ReadonlyMap<string, string>;
  /** The one issuer whose subjects are object ids of this tenant, or null. */
  readonly issuer: string | null;
}

/** The key of the map. An issuer is a URL and has no space, so no two people share one. */
export function keyOf({ issuer, subject }: Pick<Principal, 'issuer' | 'subject'>): string {
  return `${issuer} ${subject}`;
}

/** The requester's object id. An agent is itself, whoever it acts for. Throws `ERR_TARGET` for somebody unknown. */
export function objectIdOf(people: People, principal: Principal, target: string): string {
  const listed = people.known.get(keyOf(principal));
  if (listed !== undefined) return listed;
  const subject = principal.subject.toLowerCase();
  if (principal.issuer === people.issuer && isGuid(subject)) return subject;
  throw new JitError({
    code: 'ERR_TARGET',
    message: `target ${target} does not know who ${display(principal.name, 100)} is in Entra ID`,
    hint: `the operator of the broker adds an object id under people: '${display(keyOf(principal), 300)}'`,
  });
}
