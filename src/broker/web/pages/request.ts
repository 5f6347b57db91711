/**
 * One request: everything that somebody has to know before they decide, and the forms by which they do.
 * @module
 */
import { html } from 'hono/html';
import type { ReviewItem } from '../../../wire/emergencies.ts';
import type { Outcome, RequestView, ReviewView } from '../../../wire/views.ts';
import type { Place } from '../ports.ts';
import { decisionPanel } from './decision.ts';
import { emergencyBanner, isSealed } from './emergency.ts';
import { hindsightSection } from './hindsight.ts';
import { type Frame, page } from './layout.ts';
import { permissionSections } from './permission.ts';
import { amount, doubts, duration, foreign, foreignBlock, type Html, time, until } from './text.ts';
import { badge, headline, missingWords, requesterName, shortId } from './words.ts';

export interface RequestShown {
  readonly outcome: Outcome;
  /** Null where the exact permission cannot be had, such as after its target was taken out: then nobody approves it here. */
  readonly review: ReviewView | null;
  /** Of emergency access that was given. */
  readonly hindsight: ReviewItem | null;
  readonly places: ReadonlyMap<string, Place>;
}

export function requestPage(frame: Frame, shown: RequestShown): Html {
  const { outcome, hindsight } = shown;
  const { request, grant } = outcome;
  return page(frame, {
    title: `Request ${shortId(request.id)}`,
    version: `${request.id}.${request.version}.${grant?.version ?? 0}.${hindsight?.closed?.verdict ?? ''}`,
    content: html`<p class="crumb">Request <code>${request.id}</code></p>
      <div class="line">
        <h1>${requesterName(request)} asks for ${headline(request)}</h1>
        ${badge(grant?.state ?? request.state)}
      </div>
      ${emergencyBanner(frame, request)} ${doubts([...textsOf(request), hindsight?.closed?.comment])}
      <p class="jump"><a href="#decision">${grant === null ? 'To your decision' : 'To the access'}</a></p>
      <div class="columns">
        <div>${facts(frame, shown)}</div>
        <aside id="decision" aria-label="Decision">
          ${decisionPanel(frame, shown)} ${hindsightSection(frame, hindsight)}
        </aside>
      </div>`,
  });
}

/** What others typed. */
export function textsOf({ reason, ticket, requester, asks, votes }: RequestView): readonly (string | null)[] {
  return [
    reason,
    ticket,
    requester.name,
    requester.actsFor?.name ?? null,
    ...asks.flatMap(({ operation, resources, target }) => [operation, ...resources, target ?? null]),
    ...votes.flatMap(({ by, comment }) => [by.name, comment]),
  ];
}

function facts(frame: Frame, { outcome, review, places }: RequestShown): Html {
  const { request } = outcome;
  return html` <section class="card" aria-labelledby="why">
      <h2 id="why">Why</h2>
      ${foreignBlock(request.reason)}
      <p class="facts">
        ${request.ticket === null ? 'No ticket was given.' : html`Ticket ${foreign(request.ticket, 100)}`}
      </p>
    </section>
    <div class="pair">
      ${whoAsks(request)}
      <section class="card" aria-labelledby="long">
        <h2 id="long">How long</h2>
        <p class="strong">${duration(request.seconds)}</p>
        <p>
          The time counts from the moment at which ${requesterName(request)} takes it up, not while the request waits.
        </p>
        ${review === null ? null : terms(review)}
      </section>
    </div>
    ${permissionSections(request, review, places)} ${review === null ? null : earlier(review)} ${voting(frame, request)}`;
}

/** The identity, and not only the name, which anybody may have. */
export function whoAsks({ requester }: RequestView): Html {
  const { kind, issuer, subject, actsFor } = requester;
  const person = (title: string, { name, ...is }: { name: string; issuer: string; subject: string }): Html =>
    html`<div>
      <dt>${title}</dt>
      <dd>
        ${foreign(name, 256)}<br /><span class="facts"
          >known to ${foreign(is.issuer, 500)} as ${foreign(is.subject, 500)}</span
        >
      </dd>
    </div>`;
  return html`<section class="card" aria-labelledby="who">
    <h2 id="who">Who asks</h2>
    <dl>
      ${person(KINDS[kind], { name: requester.name, issuer, subject })}
      ${actsFor === undefined ? null : person('Acting for', actsFor)}
    </dl>
  </section>`;
}

const KINDS = { user: 'A person', workload: 'A workload', agent: 'An agent' } as const;

/** What an approver agrees to beyond the length that is asked for. */
function terms({ terms: by }: ReviewView): Html {
  const renewal =
    by === null || by.renewals === 0
      ? 'It cannot be renewed.'
      : `It can be renewed ${by.renewals === 1 ? 'once' : `${by.renewals} times`}, each time for up to ${duration(by.maxSeconds)}, without asking again.`;
  const idle = by?.idleSeconds ?? null;
  return html`<p>${renewal}${idle === null ? null : ` It ends when it is not used for ${duration(idle)}.`}</p>`;
}

function earlier({ history }: ReviewView): Html {
  const { requests, granted, denied, used, lastGrantedAt } = history;
  const story =
    requests === 0
      ? html`<p>Nothing is known of earlier requests for the same: this is the first one.</p>`
      : html`<p>
          ${amount(requests, 'earlier request')} for the same, of which ${granted} led to access and ${denied}
          ${denied === 1 ? 'was' : 'were'} denied. Credentials were fetched
          ${used === granted ? 'every time' : html`for ${used} of ${granted}`}.
          ${lastGrantedAt === null ? null : html`Last granted on ${time(lastGrantedAt)}.`}
        </p>`;
  return html`<section class="card" aria-labelledby="earlier">
    <h2 id="earlier">Earlier use</h2>
    ${story}
  </section>`;
}

function voting({ now }: Frame, request: RequestView): Html {
  const sealed = isSealed(request);
  const needs = request.quorum.map(
    ({ group, approvers, missing }) =>
      html`<li>
        ${approvers}
        ${approvers === 1 ? 'person' : 'people'}${group === null ? ' who may approve' : html` from ${foreign(group, 200)}`}${missing === 0 ? ' (complete)' : `, ${missing} missing`}
      </li>`,
  );
  const cast = request.votes.map(
    ({ by, choice, comment, at, counts }) =>
      html`<li>
        <p>
          <strong>${foreign(by.name, 100)}</strong> ${sealed ? SEALED_WORDS[choice] : WORDS[choice]} it
          <span class="facts">on ${time(at)}</span>
          ${counts || choice === 'deny' ? null : html`<span class="badge off">does not count any more</span>`}
        </p>
        ${comment === null ? null : foreignBlock(comment)}
      </li>`,
  );
  const words = missingWords(request);
  return html`<section class="card" aria-labelledby="votes">
    <h2 id="votes">${sealed ? 'Who confirms it' : 'Votes'}</h2>
    ${
      sealed
        ? html`<p>
            The source of its incident gave no answer, so people who are on call confirm that the emergency is there.
          </p>`
        : null
    }
    ${
      needs.length === 0
        ? html`<p>Nobody else has to agree: ${TIERS[request.tier ?? 'none']}.</p>`
        : html`<ul>
            ${needs}
          </ul>`
    }
    ${
      cast.length === 0
        ? html`<p>${sealed ? 'Nobody has confirmed it yet.' : 'Nobody has voted yet.'}</p>`
        : html`<ul class="plainlist">
            ${cast}
          </ul>`
    }
    ${words === '' || request.state !== 'pending' ? null : html`<p>Still needed: ${words}.</p>`}
    ${request.deadline === null ? null : html`<p>${request.state === 'approved' ? 'To be taken up' : 'To be decided'} by ${until(request.deadline, now)}.</p>`}
    <p class="facts">Why it stands so: ${foreign(request.why, 1_000)}</p>
  </section>`;
}

const WORDS = { approve: 'approved', deny: 'denied' } as const;
const SEALED_WORDS = { approve: 'confirmed', deny: 'refused' } as const;

const TIERS = {
  auto: 'policy grants it by itself',
  'self-serve': 'the requester confirms it',
  manual: 'policy asks for no more',
  'break-glass': 'it is an emergency',
  none: 'policy does not permit it',
} as const;
