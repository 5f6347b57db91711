/**
 * Going on without a word of the identity provider: for a person in an emergency, while the broker itself finds the provider down
 * and its last word is not too old. This is the one place where that is allowed; everything else needs a confirmation.
 * @module
 */
import { formatDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import type { GrantId, RequestId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports.ts';
import type { Principal } from '../../core/principal.ts';
import type { Log } from '../service/log.ts';
import { ago, type Unconfirmed, unconfirmedData } from '../service/unconfirmed.ts';
import type { SessionStore, StoredSession } from '../store/sessions.ts';
import { sessionEntry } from './audit.ts';
import type { Outages } from './outages.ts';
import { presentIn } from './present.ts';
import { isPerson } from './proving.ts';

/** What an emergency call is about, for the audit log: null where there is no such thing yet. */
export interface EmergencyCall {
  readonly request: RequestId | null;
  readonly grant: GrantId | null;
}

/** Whether that caller's call is an emergency one; null where it is not. Throws what the call itself would throw. */
export type EmergencyTest = (caller: Principal) => Promise<EmergencyCall | null>;

export interface UnconfirmedParts {
  readonly store: Pick<SessionStore, 'commitSession' | 'lastKnown'>;
  readonly outages: Pick<Outages, 'standing'>;
  /** How old the last word may be; 0: nobody goes on without one. */
  readonly seconds: number;
  readonly now: Clock;
  readonly log: Log;
}

/** The caller as any provider's word about them was last, and what they go on. */
export interface LetThrough {
  readonly principal: Principal;
  readonly unconfirmed: Unconfirmed;
}

/**
 * Lets one call through, with an entry that is durable when it resolves. Throws `ERR_IDENTITY_STALE` with the reason, which the
 * holder of the session may know; the client's word for the outage counts for nothing.
 */
export type GoOn = (session: StoredSession, emergency: EmergencyTest | null) => Promise<LetThrough>;

export function makeGoOn({ store, outages, seconds, now, log }: UnconfirmedParts): GoOn {
  const present = presentIn(store);
  return async (session, emergency) => {
    const { provider, verifiedAt, principal: then } = session;
    const name = `identity provider ${provider}`;
    if (seconds === 0) {
      throw stale(`without a word of ${name} nothing is issued here, in an emergency neither`, OPERATOR);
    }
    if (!isPerson(then)) throw stale(`only people, in their own name, go on without a word of ${name}`);
    const principal = await present(then);
    const call = (await emergency?.(principal)) ?? null;
    if (call === null) throw stale(`only emergency access goes on without a word of ${name}`, BREAK_GLASS);
    const until = verifiedAt + seconds * 1_000;
    const age = ago(verifiedAt, now());
    if (now() >= until) {
      throw stale(
        `${name} last vouched for you ${age} ago, and in an emergency that counts for ${formatDuration(seconds)}`,
        'somebody who signed in later can do it',
      );
    }
    const standing = await outages.standing(provider);
    if (standing.kind !== 'down') {
      log.info('a call without a word of its identity provider was refused', { session: session.id, provider });
      throw standing.kind === 'answers'
        ? stale(`the broker can reach ${name}, so its word is needed`, 'look at the network between here and there')
        : stale(`the broker cannot tell whether ${name} is down`, 'it can where keys are found by discovery');
    }
    const at = now();
    const unconfirmed = { provider, lastWord: verifiedAt, until };
    const entry = sessionEntry('session.unconfirmed', session, at, { word: unconfirmedData(unconfirmed) });
    await store.commitSession({ entries: [{ ...entry, ...call }] });
    return { principal, unconfirmed };
  };
}

const OPERATOR = "an operator allows it with emergencies.sessions in the broker's configuration";
const BREAK_GLASS = 'in an emergency: jit breakglass --incident ID';

function stale(message: string, hint?: string): JitError {
  return new JitError({ code: 'ERR_IDENTITY_STALE', message, hint });
}
