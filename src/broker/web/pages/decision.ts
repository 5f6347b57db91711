/**
 * The forms by which a request is decided, and a word on why there is none.
 * @module
 */
import { html } from 'hono/html';
import { REASON_LIMIT } from '../../../core/request.ts';
import type { RequestAction, RequestView } from '../../../wire/views.ts';
import { ROOT } from '../address.ts';
import { field, type Frame, type Viewer } from './layout.ts';
import type { RequestShown } from './request.ts';
import { revokeForm } from './revoke.ts';
import { foreign, type Html } from './text.ts';

export function decisionPanel(frame: Frame, { outcome, review }: RequestShown): Html {
  const { request, grant } = outcome;
  const { href, viewer } = frame;
  if (viewer === null) return html``;
  const can = (action: RequestAction): boolean => request.can.includes(action);
  const form = { request, viewer, action: (name: string) => href(`${ROOT}/requests/${request.id}/${name}`) };
  const forms = [
    can('approve') && review !== null ? approveForm(form) : null,
    can('confirm') && review !== null ? confirmForm(form) : null,
    can('deny') ? denyForm(form) : null,
    can('cancel') ? cancelForm(form) : null,
  ].filter((each) => each !== null);
  return html`<div class="card panel">
    <h2>${forms.length === 0 ? 'Nothing to decide' : 'Your decision'}</h2>
    ${note(request, viewer)} ${forms}
    ${
      grant === null
        ? null
        : html`<p><a href="${href(`${ROOT}/grants/${grant.id}`)}">The access that came of it</a></p>
            ${revokeForm(frame, grant)}`
    }
  </div>`;
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

function approveForm(form: Form): Html {
  return html`<form method="post" action="${form.action('approve')}">
    ${seen(form)}
    <label for="comment">Comment <span class="facts">(may be left out; the requester reads it)</span></label>
    <textarea id="comment" name="comment" rows="2" maxlength="${REASON_LIMIT}"></textarea>
    <button class="primary" id="approve">Approve…</button>
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

function denyForm(form: Form): Html {
  return html`<form method="post" action="${form.action('deny')}">
    ${seen(form)}
    <label for="reason">Why not <span class="facts">(needed; the requester reads it)</span></label>
    <textarea id="reason" name="reason" rows="2" maxlength="${REASON_LIMIT}" required></textarea>
    <button class="danger" id="deny">Deny</button>
  </form>`;
}

function cancelForm(form: Form): Html {
  return html`<form method="post" action="${form.action('cancel')}">
    ${field('form', form.viewer.form)}
    <button class="danger" id="cancel">Take the request back</button>
  </form>`;
}

function note({ requester, state, can, votes, id }: RequestView, { person }: Viewer): Html | null {
  const is = (who: { readonly issuer: string; readonly subject: string }): boolean =>
    who.issuer === person.issuer && who.subject === person.subject;
  const own = is(requester) || (requester.actsFor !== undefined && is(requester.actsFor));
  const voted = votes.find(({ by }) => is(by));
  if (state === 'approved' && own)
    return html`<p>It is approved. Take it up on the command line: <code>jit wait ${id}</code></p>`;
  if (state === 'approved' && can.includes('deny')) {
    return html`<p>It is approved. Until it is taken up, you may still deny it.</p>`;
  }
  if (state !== 'pending') return html`<p>It has been decided; nothing changes that here.</p>`;
  if (own) {
    return can.includes('confirm')
      ? html`<p>You asked for this yourself, and it needs your own word.</p>`
      : html`<p>You asked for this, or an agent did in your name, so others decide. Whoever may was told.</p>`;
  }
  if (voted !== undefined) {
    return html`<p>
      You have ${voted.choice === 'approve' ? 'approved' : 'denied'} it,
      ${foreign(person.name, 100)}.${can.includes('deny') ? ' You may still deny it.' : null}
    </p>`;
  }
  return can.includes('approve') || can.includes('deny')
    ? null
    : html`<p>You may look at this request and not decide it.</p>`;
}
