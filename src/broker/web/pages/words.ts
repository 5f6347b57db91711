/**
 * Requests and grants in words.
 * @module
 */
import { html } from 'hono/html';
import type { GrantView, Outcome, RequestView } from '../../../wire/views.ts';
import { duration, foreign, type Html, listed } from './text.ts';

/** `deploy-web on 2 resources`, in short. */
export function headline({ asks }: Pick<RequestView, 'asks'>): Html {
  const parts = asks.slice(0, 2).map(({ operation, resources }, at) => {
    const [only, ...others] = resources;
    const where =
      only === undefined ? null : others.length === 0 ? foreign(only, 120) : `${resources.length} resources`;
    return html`${at === 0 ? null : ' and '}${foreign(operation, 80)}${where === null ? null : html` on ${where}`}`;
  });
  return html`${parts}${asks.length > 2 ? ` and ${asks.length - 2} more` : null}`;
}

/** The tab's title for a request: never somebody else's text, which could pass for another page. */
export function shortId(id: string): string {
  return id.slice(-6);
}

type State = RequestView['state'] | GrantView['state'];

const STATES: Readonly<Record<State, readonly [tone: string, word: string]>> = {
  pending: ['wait', 'waiting for a decision'],
  approved: ['good', 'approved'],
  denied: ['bad', 'denied'],
  cancelled: ['off', 'taken back'],
  'timed-out': ['off', 'timed out'],
  issuing: ['wait', 'being issued'],
  active: ['good', 'live'],
  revoking: ['wait', 'being revoked'],
  stuck: ['bad', 'revocation is stuck'],
  closed: ['off', 'ended'],
};

/** A state as a mark. Its word says it, its colour only repeats it. */
export function badge(state: State): Html {
  const [tone, word] = STATES[state];
  return html`<span class="badge ${tone}">${word}</span>`;
}

/** Where a request and its grant stand together. */
export function standing({ request, grant }: Outcome): Html {
  return badge(grant === null ? request.state : grant.state);
}

/** `2 people, 1 of them from sre-leads`, of what is still missing; empty for nothing. */
export function missingWords({ quorum }: Pick<RequestView, 'quorum'>): string {
  const parts = quorum
    .filter(({ missing }) => missing > 0)
    .map(
      ({ group, missing }) =>
        `${missing} ${missing === 1 ? 'person' : 'people'}${group === null ? '' : ` from ${group}`}`,
    );
  return listed(parts);
}

/** Who asks, with the person behind an agent. */
export function requesterName({ requester }: Pick<RequestView, 'requester'>): Html {
  const { name, actsFor } = requester;
  if (actsFor === undefined) return foreign(name, 100);
  return html`${foreign(name, 100)} for ${foreign(actsFor.name, 100)}`;
}

/** `for 30 minutes`. */
export function lengthWords({ seconds }: Pick<RequestView, 'seconds'>): string {
  return `for ${duration(seconds)}`;
}
