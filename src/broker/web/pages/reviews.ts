/**
 * Open reviews as a list, and the last look before one of them is closed.
 * @module
 */
import { html } from 'hono/html';
import type { ReviewItem } from '../../../wire/emergencies.ts';
import type { WebAct } from '../../store/web-sessions.ts';
import { CALLBACK, ROOT } from '../address.ts';
import { emergencyBanner, emergencyMark } from './emergency.ts';
import { endOfAccess } from './gone.ts';
import { whyNot } from './hindsight.ts';
import { field, type Frame, page, type Viewer } from './layout.ts';
import { textsOf, whoAsks } from './request.ts';
import { amount, doubts, foreign, foreignBlock, type Html, time } from './text.ts';
import { headline, lengthWords, requesterName, shortId, standing } from './words.ts';

export function reviewsPage(frame: Frame, items: readonly ReviewItem[]): Html {
  const content =
    items.length === 0
      ? html`<div class="card empty">
          <h2>No review is open</h2>
          <p>Every emergency access is reviewed afterwards by somebody who could have approved it.</p>
        </div>`
      : html`<ul class="list">
          ${items.map((each) => listItem(frame, each))}
        </ul>`;
  return page(frame, {
    title: 'Reviews',
    version: items.map(({ request, grant, can }) => `${request.id}.${grant?.version ?? 0}.${can}`).join(' '),
    content: html`<p class="crumb"><a href="${frame.href(`${ROOT}/`)}">To decide</a></p>
      <h1>Open reviews of emergency access</h1>
      ${content}`,
  });
}

/** For the inbox: nothing where none is open. */
export function reviewsLink({ href }: Frame, items: readonly ReviewItem[]): Html | null {
  if (items.length === 0) return null;
  const mine = items.filter(({ can }) => can).length;
  return html`<p class="card">
    <a href="${href(`${ROOT}/reviews`)}">${amount(items.length, 'open review')} of emergency access</a>${
      mine === 0 ? null : `, ${mine === items.length ? 'yours' : `${mine} of them yours`} to close`
    }
  </p>`;
}

function listItem(frame: Frame, item: ReviewItem): Html {
  const { request, grant, openedAt } = item;
  return html`<li class="card item">
    <div class="line">
      <h2>
        <a href="${frame.href(`${ROOT}/requests/${request.id}`)}">${requesterName(request)}: ${headline(request)}</a>
      </h2>
      ${standing({ request, grant })}
    </div>
    ${emergencyMark(frame, request)}
    <p class="facts">${lengthWords(request)}, open since ${time(openedAt)}</p>
    <p class="why"><span class="label">Why</span> ${foreign(request.reason.replaceAll('\n', ' '), 200)}</p>
    <p>${whyNot(item)}</p>
  </li>`;
}

export interface VerdictLook {
  readonly viewer: Viewer;
  readonly item: ReviewItem;
  readonly act: WebAct;
  readonly answer: string;
}

/** The last look before a verdict counts. */
export function verdictPage(frame: Frame, { viewer, item, act, answer }: VerdictLook): Html {
  const { request, grant } = item;
  return page(frame, {
    title: `Close the review of ${shortId(request.id)}?`,
    content: html`<p class="crumb">Request <code>${request.id}</code></p>
      <h1>Close this review?</h1>
      ${emergencyBanner(frame, request)} ${doubts([...textsOf(request), act.comment])}
      <div class="columns">
        <div>
          <section class="card" aria-labelledby="asked">
            <h2 id="asked">${requesterName(request)} had ${headline(request)}</h2>
            ${foreignBlock(request.reason)} ${grant === null ? null : endOfAccess(grant, frame.now)}
          </section>
          ${whoAsks(request)}
        </div>
        <aside aria-label="Verdict">
          <div class="card panel">
            <h2>The last step</h2>
            <p>
              Nothing is closed yet. Once you press this, ${foreign(viewer.person.name, 100)} has found it
              <strong>${act.choice}</strong>, for good.
            </p>
            ${act.comment === null ? null : foreignBlock(act.comment)}
            <form method="post" action="${frame.href(CALLBACK)}">
              ${field('form', viewer.form)}${field('answer', answer)}
              <button class="primary" id="decide">Close it as ${act.choice}</button>
            </form>
            <p><a href="${frame.href(`${ROOT}/requests/${request.id}`)}">Back, without a verdict</a></p>
          </div>
        </aside>
      </div>`,
  });
}
