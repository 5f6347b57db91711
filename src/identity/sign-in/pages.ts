/**
 * The pages that a browser may see at the end of a sign-in. Nothing that came with a request is in them.
 * @module
 */

/** Why a page is shown. */
export type Outcome = 'done' | 'refused' | 'failed' | 'stray' | 'used';

const TEXTS: Readonly<Record<Outcome, readonly [status: number, title: string, text: string]>> = {
  done: [
    200,
    'Signed in',
    'Your identity provider has vouched for you. Go back to the terminal; this page can be closed.',
  ],
  refused: [200, 'Not signed in', 'The sign-in was refused. The terminal says more; this page can be closed.'],
  failed: [200, 'Not signed in', 'The sign-in did not work. The terminal says why; this page can be closed.'],
  stray: [
    400,
    'Not this sign-in',
    'This address does not belong to the sign-in that is under way. Nothing was changed.',
  ],
  used: [409, 'Used already', 'This sign-in has had its answer already. The terminal says more.'],
};

/** Whoever frames, caches, sniffs or is referred to gets nothing. */
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  connection: 'close',
} as const;

export interface Page {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A whole page without script, style or picture. */
export function pageFor(outcome: Outcome): Page {
  const [status, title, text] = TEXTS[outcome];
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>jit: ${title}</title><h1>${title}</h1><p>${text}</p></html>\n`;
  return { status, headers: HEADERS, body };
}
