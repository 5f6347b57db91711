/**
 * The review of emergency access: how it stands on the page of a request or grant, and the form by which it is closed.
 * @module
 */
import { html } from 'hono/html';
import { REASON_LIMIT } from '../../../core/request.ts';
import type { ReviewItem } from '../../../wire/emergencies.ts';
import { ROOT } from '../address.ts';
import { field, type Frame, type Viewer } from './layout.ts';
import { foreign, foreignBlock, type Html, time } from './text.ts';

/** Nothing where no access came of it. */
export function hindsightSection(frame: Frame, item: ReviewItem | null): Html | null {
  if (item === null) return null;
  return html`<section class="card" aria-labelledby="hindsight">
    <div class="line">
      <h2 id="hindsight">Review</h2>
      ${item.closed === null ? html`<span class="badge wait">open</span>` : html`<span class="badge off">closed</span>`}
    </div>
    ${item.closed === null ? open(frame, item) : verdict(item.closed)}
  </section>`;
}

function verdict({ at, by, verdict: found, comment }: NonNullable<ReviewItem['closed']>): Html {
  return html`<p>
      <strong>${foreign(by.name, 100)}</strong> found it <strong>${found}</strong>
      <span class="facts">on ${time(at)}</span>
    </p>
    ${foreignBlock(comment)}`;
}

function open({ href, viewer }: Frame, item: ReviewItem): Html {
  const { request, openedAt } = item;
  return html`<p>Open since ${time(openedAt)}, until somebody else than the holder has said what they make of it.</p>
    ${
      viewer !== null && item.can
        ? html`<form method="post" action="${href(`${ROOT}/requests/${request.id}/review`)}">
            ${seen(item, viewer)}${choices()}
            <button class="primary" id="close-review">Close the review…</button>
            <p class="facts">Your identity provider is asked about you once more, then you press the last button.</p>
          </form>`
        : html`<p>${whyNot(item)}</p>`
    }`;
}

/** In words: whose turn it is, where it is not the viewer's. */
export function whyNot({ request, grant, can }: ReviewItem): string {
  if (can) return 'It is yours to close.';
  if (!request.can.includes('review')) return 'It is not yours to close.';
  return grant?.state === 'active' || grant?.state === 'issuing'
    ? 'It can be closed once the access is over.'
    : 'It is not yours to close.';
}

function seen({ request }: ReviewItem, viewer: Viewer): Html {
  return html`${field('form', viewer.form)}${field('hash', request.hash)}${field('policy', request.policy)}`;
}

function choices(): Html {
  return html`<fieldset>
      <legend>Was it right to take it?</legend>
      <label class="choice"><input type="radio" name="verdict" value="justified" required /> Justified</label>
      <label class="choice"><input type="radio" name="verdict" value="unjustified" required /> Unjustified</label>
    </fieldset>
    <label for="verdict-comment">Why <span class="facts">(needed; it stays in the audit log)</span></label>
    <textarea id="verdict-comment" name="comment" rows="3" maxlength="${REASON_LIMIT}" required></textarea>`;
}
