/**
 * What went wrong, as a page.
 * @module
 */
import { html } from 'hono/html';
import type { ErrorCode, JitError } from '../../../core/errors.ts';
import { ROOT } from '../address.ts';
import { type Frame, message } from './layout.ts';
import { foreign, type Html } from './text.ts';

const TITLES: Partial<Record<ErrorCode, string>> = {
  ERR_BODY: 'That cannot be understood',
  ERR_CONFLICT: 'It has changed meanwhile',
  ERR_DECIDED: 'Nothing was counted',
  ERR_DENIED: 'That is not permitted',
  ERR_IDENTITY_PROVIDER: 'The identity provider does not help',
  ERR_IDENTITY_STALE: 'The identity provider has to be asked again',
  ERR_METHOD: 'That is not served here',
  ERR_NOT_FOUND: 'There is nothing here',
  ERR_NOT_SIGNED_IN: 'You are not signed in',
  ERR_REASON: 'A reason is needed',
  ERR_STORE: 'That did not work just now',
  ERR_TOO_LARGE: 'That is too much',
  ERR_UNEXPECTED: 'Something went wrong inside jit',
};

/** Whoever is signed in and hears of a sign-in has come back to one that is over. */
function titleOf(code: ErrorCode, { viewer }: Frame): string {
  if (code === 'ERR_NOT_SIGNED_IN' && viewer !== null) return 'That is over';
  return TITLES[code] ?? 'That did not work';
}

/** Hints are for the command line, so they are left out. @param back where to go on: a page of ours. */
export function errorPage(frame: Frame, { code, message: what, facts }: JitError, back: string | null): Html {
  const sentence = `${what.slice(0, 1).toUpperCase()}${what.slice(1)}.`;
  return message(
    frame,
    titleOf(code, frame),
    html`<p>${foreign(sentence, 1_000)}</p>
      ${facts.retryable ? html`<p>It may work in a moment.</p>` : null}
      <p>
        ${back === null ? null : html`<a href="${frame.href(back)}">Look at it again</a> · `}<a
          href="${frame.href(`${ROOT}/`)}"
          >To what waits for a decision</a
        >
      </p>
      <p class="facts"><code>${code}</code></p>`,
  );
}
