/**
 * The three lists: what waits for the viewer's decision, their own requests, and live access.
 * @module
 */
import { html } from 'hono/html';
import type { ReviewItem } from '../../../wire/emergencies.ts';
import type { Outcome, RequestView } from '../../../wire/views.ts';
import { ROOT } from '../address.ts';
import { endForm } from './decision.ts';
import { emergencyMark } from './emergency.ts';
import { type Frame, page } from './layout.ts';
import { reviewsLink } from './reviews.ts';
import { foreign, type Html, time, until } from './text.ts';
import { headline, lengthWords, missingWords, requesterName, standing } from './words.ts';

/** @param reviews the open ones that concern the viewer. */
export function inboxPage(frame: Frame, items: readonly Outcome[], reviews: readonly ReviewItem[]): Html {
  const content =
    items.length === 0
      ? empty('Nothing waits for you', [
          'When somebody asks for access that you may approve, it is listed here, the most urgent first.',
          'What others have decided meanwhile, what you have voted on, and what you asked for yourself is not.',
        ])
      : html`<ul class="list">
          ${items.map((each) => waiting(frame, each.request))}
        </ul>`;
  return page(frame, {
    title: 'To decide',
    here: 'inbox',
    version: `${versionOf(items)} ${reviews.map(({ request, can }) => `${request.id}.${can}`).join(' ')}`,
    content: html`<h1>To decide</h1>
      ${reviewsLink(frame, reviews)} ${content}`,
  });
}

export function requestsPage(frame: Frame, items: readonly Outcome[]): Html {
  const content =
    items.length === 0
      ? empty('You have not asked for anything', [
          'Access is asked for on the command line: jit request. Every request of yours is then listed here, the newest first.',
        ])
      : html`<ul class="list">
          ${items.map((each) => own(frame, each))}
        </ul>`;
  return page(frame, {
    title: 'My requests',
    here: 'requests',
    version: versionOf(items),
    content: html`<h1>My requests</h1>
      ${content}`,
  });
}

export function grantsPage(frame: Frame, items: readonly Outcome[]): Html {
  const content =
    items.length === 0
      ? empty('No access is live', [
          'Whatever you, or an agent in your name, hold at the moment is listed here, with the time at which it ends and a button that ends it at once.',
        ])
      : html`<ul class="list">
          ${items.map((each) => live(frame, each))}
        </ul>`;
  return page(frame, {
    title: 'Live access',
    here: 'grants',
    version: versionOf(items),
    content: html`<h1>Live access</h1>
      ${content}`,
  });
}

function waiting(frame: Frame, request: RequestView): Html {
  const { href, now } = frame;
  const { id, reason, deadline, permissions } = request;
  const targets = [...new Set(permissions.map(({ target }) => target))].join(', ');
  return html`<li class="card item">
    <h2><a href="${href(`${ROOT}/requests/${id}`)}">${requesterName(request)}: ${headline(request)}</a></h2>
    ${emergencyMark(frame, request)}
    <p class="facts">${lengthWords(request)}, at ${foreign(targets, 200)}</p>
    <p class="why"><span class="label">Why</span> ${foreign(reason.replaceAll('\n', ' '), 200)}</p>
    <p class="facts">
      Still needed:
      ${missingWords(request)}.${deadline === null ? null : html` To be decided by ${until(deadline, now)}.`}
    </p>
  </li>`;
}

function own(frame: Frame, outcome: Outcome): Html {
  const { href, now } = frame;
  const { request } = outcome;
  const { id, createdAt, state, deadline, can } = request;
  const next = state === 'pending' && can.includes('confirm') ? 'It waits for your own confirmation' : missing(request);
  return html`<li class="card item">
    <div class="line">
      <h2><a href="${href(`${ROOT}/requests/${id}`)}">${headline(request)}</a></h2>
      ${standing(outcome)}
    </div>
    ${emergencyMark(frame, request)}
    <p class="facts">${lengthWords(request)}, asked for on ${time(createdAt)}</p>
    ${deadline === null ? null : html`<p class="facts">${next}; until ${until(deadline, now)}.</p>`}
  </li>`;
}

function missing(request: RequestView): string {
  if (request.state === 'approved') return 'Take it up with: jit wait';
  const words = missingWords(request);
  return words === '' ? 'It waits' : `It waits for ${words}`;
}

function live(frame: Frame, outcome: Outcome): Html {
  const { href, now } = frame;
  const { request, grant } = outcome;
  if (grant === null) return html``;
  return html`<li class="card item">
    <div class="line">
      <h2><a href="${href(`${ROOT}/grants/${grant.id}`)}">${requesterName(request)}: ${headline(request)}</a></h2>
      ${standing(outcome)}
    </div>
    ${emergencyMark(frame, request)}
    <p class="facts">${grant.expiresAt === null ? lengthWords(request) : html`Ends ${until(grant.expiresAt, now)}`}</p>
    ${endForm(frame, request, grant)}
  </li>`;
}

function empty(title: string, lines: readonly string[]): Html {
  return html`<div class="card empty">
    <h2>${title}</h2>
    ${lines.map((line) => html`<p>${line}</p>`)}
  </div>`;
}

/** Of what a list shows, so that news can be told from nothing new. */
function versionOf(items: readonly Outcome[]): string {
  return items.map(({ request, grant }) => `${request.id}.${request.version}.${grant?.version ?? 0}`).join(' ');
}
