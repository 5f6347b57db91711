/**
 * The pages around the identity provider: before, on the way, and back.
 * @module
 */
import { html } from 'hono/html';
import type { RequestView, ReviewView } from '../../../wire/views.ts';
import { CALLBACK, ROOT } from '../address.ts';
import type { WebAct } from '../../store/web-sessions.ts';
import type { Place } from '../ports.ts';
import { emergencyBanner, isSealed } from './emergency.ts';
import { field, type Frame, message, page, type Viewer } from './layout.ts';
import { permissionSections } from './permission.ts';
import { textsOf, whoAsks } from './request.ts';
import { doubts, duration, foreign, foreignBlock, type Html } from './text.ts';
import { headline, requesterName, shortId } from './words.ts';

/** @param providers names to choose from. @param to the page to show afterwards. @param why a line about why one has to. */
export function signInPage(
  frame: Frame,
  { providers, to, why }: { readonly providers: readonly string[]; readonly to: string; readonly why: string },
): Html {
  const buttons = providers.map(
    (name) =>
      html`<form method="post" action="${frame.href(`${ROOT}/sign-in`)}">
        ${field('to', to)}${field('provider', name)}<button class="primary">Sign in with ${foreign(name, 63)}</button>
      </form>`,
  );
  return message(
    frame,
    'Sign in',
    html`<p>${why}</p>
      ${buttons.length === 0 ? html`<p>No identity provider is configured for these pages, so nobody can sign in.</p>` : buttons}`,
  );
}

/** On the way to the provider: a link and not a form, since a form may not lead there. */
export function leavingPage(frame: Frame, { provider, url }: { readonly provider: string; readonly url: URL }): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="refresh" content="0; url=${url.href}" />
        <title>To your identity provider · jit</title>
        <link rel="stylesheet" href="${frame.href(frame.assets.style)}" />
      </head>
      <body>
        <main class="wide">
          <div class="narrow card">
            <h1>To your identity provider</h1>
            <p>If nothing happens: <a href="${url.href}">go on to ${foreign(provider, 63)}</a>.</p>
          </div>
        </main>
      </body>
    </html>`;
}

/** Back from the provider, before anything has been done with its answer. A script presses the button. */
export function arrivedPage(frame: Frame, answer: string): Html {
  return message(
    frame,
    'Almost there',
    html`<p>Your identity provider has answered. Nothing is done with it before you go on.</p>
      <form method="post" action="${frame.href(CALLBACK)}" data-auto>
        ${field('answer', answer)}<button class="primary" id="go-on">Go on</button>
      </form>`,
  );
}

/** The last look before a decision counts. */
export interface LastLook {
  readonly viewer: Viewer;
  readonly request: RequestView;
  readonly review: ReviewView;
  readonly places: ReadonlyMap<string, Place>;
  readonly act: WebAct;
  readonly answer: string;
}

export function lastLookPage(frame: Frame, { viewer, request, review, places, act, answer }: LastLook): Html {
  const word = act.choice === 'approve' && !isSealed(request) ? 'Approve' : 'Confirm';
  return page(frame, {
    title: `${word} request ${shortId(request.id)}?`,
    content: html`<p class="crumb">Request <code>${request.id}</code></p>
      <h1>${word} this?</h1>
      ${emergencyBanner(frame, request)} ${doubts(textsOf(request))}
      <div class="columns">
        <div>
          <section class="card" aria-labelledby="asked">
            <h2 id="asked">${requesterName(request)} asks for ${headline(request)}</h2>
            <p class="strong">For ${duration(request.seconds)}</p>
            ${foreignBlock(request.reason)}
          </section>
          ${whoAsks(request)} ${permissionSections(request, review, places)}
        </div>
        <aside aria-label="Decision">
          <div class="card panel">
            <h2>The last step</h2>
            <p>
              Nothing has been decided yet. It counts once you press this, as the word of
              ${foreign(viewer.person.name, 100)}.
            </p>
            ${
              act.comment === null
                ? null
                : html`<p>With your comment:</p>
                    ${foreignBlock(act.comment)}`
            }
            <form method="post" action="${frame.href(CALLBACK)}">
              ${field('form', viewer.form)}${field('answer', answer)}
              <button class="primary" id="decide">${word} now</button>
            </form>
            <p><a href="${frame.href(`${ROOT}/requests/${request.id}`)}">Back, without deciding</a></p>
          </div>
        </aside>
      </div>`,
  });
}
