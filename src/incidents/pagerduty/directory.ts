/**
 * Who somebody of PagerDuty is: the name and the e-mail address behind a reference.
 * @module
 */
import type { SourcePerson } from '../../core/incident.ts';
import type { Clock } from '../../core/ports.ts';
import type { Ask } from '../ask.ts';
import { type Somebody, userForm } from './form.ts';

export interface Directory {
  /** Each once, in order. Whoever is no user, such as a service that acknowledges by itself, is left out. */
  peopleOf(list: readonly Somebody[], signal: AbortSignal): Promise<readonly SourcePerson[]>;
}

/** Only administrators change an address, and a look at an incident with many responders must not cost a call for each. */
const KNOWN_FOR_MS = 300_000;
const MOST_KNOWN = 5_000;
const AT_ONCE = 8;
const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,255}$/;

/** `GET /users/{id}` for those of whom an answer gives no more than a reference. */
export function makeDirectory(ask: Ask, now: Clock): Directory {
  const known = new Map<string, { readonly person: SourcePerson; readonly until: number }>();

  async function lookUp(reference: Somebody, signal: AbortSignal): Promise<SourcePerson> {
    const before = known.get(reference.id);
    if (before !== undefined && now() < before.until) return before.person;
    const found = await ask(`/users/${encodeURIComponent(reference.id)}`, userForm, signal);
    // Another one than was asked for is as good as none, and so is somebody who is gone.
    const person = personOf(found?.user.id === reference.id ? found.user : reference);
    known.delete(reference.id);
    known.set(reference.id, { person, until: now() + KNOWN_FOR_MS });
    const [oldest] = known.keys();
    if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest);
    return person;
  }

  return {
    peopleOf: async (list, signal) => {
      const users = list.filter(({ type }) => type === 'user' || type === 'user_reference');
      const each = new Map<string, Somebody>();
      // One answer may hold the same user whole and as a reference.
      for (const user of users) if (typeof each.get(user.id)?.email !== 'string') each.set(user.id, user);
      const order = [...each.values()];
      const people: SourcePerson[] = [];
      for (let start = 0; start < order.length; start += AT_ONCE) {
        const some = order.slice(start, start + AT_ONCE);
        const whole = some.map(async (user) =>
          typeof user.email === 'string' ? personOf(user) : lookUp(user, signal),
        );
        people.push(...(await Promise.all(whole)));
      }
      return people;
    },
  };
}

function personOf({ id, name, summary, email }: Somebody): SourcePerson {
  return { id, name: name ?? summary ?? id, email: typeof email === 'string' && EMAIL.test(email) ? email : null };
}
