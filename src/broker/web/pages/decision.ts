/**
 * The forms by which a request is decided, and a word on why there is none.
 * @module
 */
import { html } from 'hono/html';
import { REASON_LIMIT } from '../../../core/request.ts';
import type { GrantView, RequestAction, RequestView } from '../../../wire/views.ts';
import { ROOT } from '../address.ts';
import { isSealed } from './emergency.ts';
import { endOfAccess } from './gone.ts';
import { field, type Frame, type Viewer } from './layout.ts';
import type { RequestShown } from './request.ts';
import { revokeForm } from './revoke.ts';
import { foreign, type Html, until } from './text.ts';

export function decisionPanel(frame: Frame, { outcome, review }: RequestShown): Html {
  const { request, grant } = outcome;
  const { href, viewer } = frame;
  if (viewer === null) return html``;
  const can = (action: RequestAction): boolean => request.can.includes(action);
  const words = isSealed(request) ? SEALED : USUAL;
  const form = { request, viewer, action: (name: string) => href(`${ROOT}/requests/${request.id}/${name}`) };
  const forms = [
    can('approve') && review !== null ? approveForm(form, words) : null,
    can('confirm') && review !== null ? confirmForm(form) : null,
    can('deny') ? denyForm(form, words) : null,
    can('cancel') ? cancelForm(form) : null,
  ].filter((each) => each !== null);
  return html`<div class="card panel">
    <h2>${forms.length > 0 ? 'Your decision' : grant === null ? 'Nothing to decide' : 'The access'}</h2>
    ${note(request, grant, viewer)} ${forms} ${grant === null ? null : access(frame, request, grant)}
  </div>`;
}

function access(frame: Frame, request: RequestView, grant: GrantView): Html {
  const { href, now } = frame;
  const { id, state, expiresAt } = grant;
  return html`${state === 'active' && expiresAt !== null ? html`<p>Live, and ends ${until(expiresAt, now)}.</p>` : null}
    ${endOfAccess(grant, now)}
    <p><a href="${href(`${ROOT}/grants/${id}`)}">What has happened with it</a></p>
    ${endForm(frame, request, grant)}`;
}

/** Of emergency access it is known who may end it; others have no button. */
export function endForm(frame: Frame, { incident, can }: RequestView, grant: GrantView): Html | null {
  if (incident === null) return revokeForm(frame, grant);
  return can.includes('revoke') ? revokeForm(frame, grant, 'End it now') : null;
}

interface Form {
  readonly request: RequestView;
  readonly viewer: Viewer;
  readonly action: (name: string) => string;
}

/** What was seen goes back with the decision: it counts for exactly this. */
function seen({ request, viewer }: Form): Html {
  return html`${field('form', viewer.form)}${field('hash', request.hash)}${field('policy', request.policy)}`;
}

const USUAL = { note: null, approve: 'Approve…', deny: 'Deny' } as const;
const SEALED = {
  note: 'Confirm it only if you know of the emergency yourself: its source could not be asked.',
  approve: 'Confirm the emergency…',
  deny: 'Refuse it',
} as const;

type Words = typeof USUAL | typeof SEALED;

function approveForm(form: Form, words: Words): Html {
  return html`<form method="post" action="${form.action('approve')}">
    ${seen(form)} ${words.note === null ? null : html`<p>${words.note}</p>`}
    <label for="comment">Comment <span class="facts">(may be left out; the requester reads it)</span></label>
    <textarea id="comment" name="comment" rows="2" maxlength="${REASON_LIMIT}"></textarea>
    <button class="primary" id="approve">${words.approve}</button>
    <p class="facts">Your identity provider is asked about you once more, then you press the last button.</p>
  </form>`;
}

function confirmForm(form: Form): Html {
  return html`<form method="post" action="${form.action('confirm')}">
    ${seen(form)}
    <button class="primary" id="confirm">Confirm my own request…</button>
    <p class="facts">Your identity provider is asked about you once more, then you press the last button.</p>
  </form>`;
}

function denyForm(form: Form, words: Words): Html {
  return html`<form method="post" action="${form.action('deny')}">
    ${seen(form)}
    <label for="reason">Why not <span class="facts">(needed; the requester reads it)</span></label>
    <textarea id="reason" name="reason" rows="2" maxlength="${REASON_LIMIT}" required></textarea>
    <button class="danger" id="deny">${words.deny}</button>
  </form>`;
}

function cancelForm(form: Form): Html {
  return html`<form method="post" action="${form.action('cancel')}">
    ${field('form', form.viewer.form)}
    <button class="danger" id="cancel">Take the request back</button>
  </form>`;
}

function note(request: RequestView, grant: GrantView | null, { person }: Viewer): Html | null {
  const { requester, state, can, votes, id } = request;
  const is = (who: { readonly issuer: string; readonly subject: string }): boolean =>
    who.issuer === person.issuer && who.subject === person.subject;
  const own = is(requester) || (requester.actsFor !== undefined && is(requester.actsFor));
  const voted = votes.find(({ by }) => is(by));
  if (grant !== null) return null;
  if (state === 'approved' && own)
    return html`<p>It is approved. Take it up on the command line: <code>jit wait ${id}</code></p>`;
  if (state === 'approved' && can.includes('deny')) {
    return html`<p>It is approved. Until it is taken up, you may still deny it.</p>`;
  }
  if (state !== 'pending') return html`<p>It has been decided; nothing changes that here.</p>`;
  if (own) {
    if (can.includes('confirm')) return html`<p>You asked for this yourself, and it needs your own word.</p>`;
    return isSealed(request)
      ? html`<p>You asked for this, so others who are on call confirm it. They were told, louder than usual.</p>`
      : html`<p>You asked for this, or an agent did in your name, so others decide. Whoever may was told.</p>`;
  }
  if (voted !== undefined) {
    return html`<p>
      You have ${voted.choice === 'deny' ? 'denied' : isSealed(request) ? 'confirmed' : 'approved'} it,
      ${foreign(person.name, 100)}.${can.includes('deny') ? ' You may still deny it.' : null}
    </p>`;
  }
  return can.includes('approve') || can.includes('deny')
    ? null
    : html`<p>You may look at this request and not decide it.</p>`;
}
