/**
 * Somebody of incident.io as the broker knows people.
 * @module
 */
import type { SourcePerson } from '../../core/incident.ts';
import type { Somebody } from './form.ts';

const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,255}$/;

export function personOf({ id, name, email }: Somebody): SourcePerson {
  return { id, name, email: typeof email === 'string' && EMAIL.test(email) ? email : null };
}

/** Each once, in order. */
export function peopleOf(list: readonly Somebody[]): readonly SourcePerson[] {
  return [...new Map(list.map((each) => [each.id, personOf(each)])).values()];
}
