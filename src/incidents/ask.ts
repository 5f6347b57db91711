/**
 * Asking a service about its incidents: one GET, its answer whole and in the published form, or a failure.
 * @module
 */
import type * as z from 'zod';
import type { Severity } from '../core/incident.ts';
import type { Clock } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import type { Reach } from '../outbound/address.ts';
import type { Answer, Call } from '../outbound/call.ts';
import { retryAfterMs } from '../outbound/retry-after.ts';
import type { Rotating } from '../outbound/rotating.ts';
import { untrusted } from './untrusted.ts';

/** What the source of a service is made of. `T`: the form in which its secret signs. */
export interface ServiceParts<T> {
  readonly name: string;
  /** `https://api.pagerduty.com`, or that of another region; without a slash at the end. */
  readonly api: string;
  readonly reach: Reach;
  readonly token: Secret<string>;
  /** None where it does not call the broker. */
  readonly signingSecrets: readonly Rotating<T>[];
  /** By the service's own names. One that is not here has none. */
  readonly severities: ReadonlyMap<string, Severity>;
  /** Which steps of an escalation count as being on call. */
  readonly tiers: ReadonlySet<number>;
  readonly now: Clock;
  readonly call: Call;
}

/**
 * Null where the service says that there is nothing of that name. Throws `ERR_INCIDENT_SOURCE` otherwise.
 * @param path with its query, everything in it encoded.
 */
export type Ask = <T>(path: string, form: z.ZodType<T>, signal: AbortSignal) => Promise<T | null>;

const PATIENCE_MS = 5_000;
const LARGEST = 1_048_576;
/** How long a service is left alone that says no more than that it is asked too often, and at most whatever it says. */
const REST_MS = { usual: 1_000, longest: 60_000 } as const;

export interface AskWith {
  /** Before the token in the header `authorization`. */
  readonly prefix: string;
  readonly accept: string;
}

export function makeAsk(parts: Omit<ServiceParts<unknown>, 'signingSecrets'>, { prefix, accept }: AskWith): Ask {
  const { name, api, reach, token, now, call } = parts;
  const authorization = { prefix, secret: token } as const;
  let restsUntil = 0;

  return async (path, form, given) => {
    // Whatever is asked meanwhile would be refused and lengthen the time.
    if (now() < restsUntil) throw untrusted(name, 'it was asked too often and is left alone for a moment');
    const signal = AbortSignal.any([given, AbortSignal.timeout(PATIENCE_MS)]);
    const url = new Secret(`${api}${path}`);
    const answer = await call(
      { method: 'GET', url, reach, headers: {}, authorization, accept, largest: LARGEST },
      signal,
    );
    if (answer.kind === 'failed') throw untrusted(name, answer.problem);
    const { status } = answer;
    if (status === 404) return null;
    if (status === 429) {
      restsUntil = now() + restMs(answer, now());
      throw untrusted(name, 'it is asked too often');
    }
    if (status === 401 || status === 403) {
      throw untrusted(name, 'it refuses the token', {
        hint: 'the token has to be able to read incidents, people and who is on call',
      });
    }
    if (status !== 200) throw untrusted(name, `it answered with status ${status}`);
    const read = form.safeParse(documentOf(answer));
    if (!read.success) throw untrusted(name, 'its answer is not in the published form');
    return read.data;
  };
}

/** Undefined for what is no JSON, says that it is something else, or is too long. */
function documentOf({ type, text }: Extract<Answer, { kind: 'answered' }>): unknown {
  if (text === null || type === null || !/^application\/(?:json|[\w.-]+\+json)$/.test(type)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `RateLimit-Reset` in seconds, as PagerDuty sends it, or `Retry-After`, whose zone incident.io writes as UTC. */
function restMs({ retryAfter, rateLimitReset }: Extract<Answer, { kind: 'answered' }>, now: number): number {
  const reset = retryAfterMs(/^\d+$/.test(rateLimitReset ?? '') ? rateLimitReset : null, now);
  const said = reset ?? retryAfterMs(retryAfter?.replace(/ UTC$/, ' GMT') ?? null, now) ?? REST_MS.usual;
  return Math.min(said, REST_MS.longest);
}
