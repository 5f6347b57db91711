/**
 * What all pages have in common.
 * @module
 */
import { html } from 'hono/html';
import type { Person } from '../../../core/principal.ts';
import { ROOT } from '../address.ts';
import { foreign, type Html, type Part } from './text.ts';

/** Addresses of the style sheet and the script. */
export interface Assets {
  readonly style: string;
  readonly script: string;
}

/** What every page is made with. */
export interface Frame {
  readonly href: (path: string) => string;
  readonly assets: Assets;
  /** Epoch ms. */
  readonly now: number;
  /** Null for who is not signed in. */
  readonly viewer: Viewer | null;
}

export interface Viewer {
  readonly person: Person;
  /** The token that each form carries. */
  readonly form: string;
}

export interface PageParts {
  /** Of the tab, and the heading unless the content has one. */
  readonly title: string;
  readonly content: Part;
  readonly here?: 'inbox' | 'requests' | 'grants';
  /** Changes when what the page shows has changed: a script then offers to load it again. */
  readonly version?: string;
  /** `soon`: something is about to change. */
  readonly pace?: 'usual' | 'soon';
}

const PLACES = [
  ['inbox', `${ROOT}/`, 'To decide'],
  ['requests', `${ROOT}/requests`, 'My requests'],
  ['grants', `${ROOT}/grants`, 'Live access'],
] as const;

/** A whole page. */
export function page(
  { href, assets, viewer }: Frame,
  { title, content, here, version, pace = 'usual' }: PageParts,
): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · jit</title>
        <link rel="stylesheet" href="${href(assets.style)}" />
        <script src="${href(assets.script)}" defer></script>
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header class="top">
          <div class="wide">
            <a class="brand" href="${href(`${ROOT}/`)}">jit<span class="unseen">, home</span></a>
            ${viewer === null ? null : html`${navigation(href, here)}${account(href, viewer)}`}
          </div>
        </header>
        <main
          id="main"
          class="wide"
          tabindex="-1"
          ${version === undefined ? null : html` data-version="${version}" data-pace="${pace}"`}
        >
          <p id="news" role="status"></p>
          ${content}
        </main>
      </body>
    </html>`;
}

function navigation(href: Frame['href'], here: PageParts['here']): Html {
  const links = PLACES.map(([name, path, title]) => {
    const current = name === here ? html` aria-current="page"` : null;
    return html`<li><a href="${href(path)}" ${current}>${title}</a></li>`;
  });
  return html`<nav aria-label="Pages">
    <ul>
      ${links}
    </ul>
  </nav>`;
}

function account(href: Frame['href'], { person, form }: Viewer): Html {
  return html`<div class="account">
    <span class="name"><span class="unseen">Signed in as </span>${foreign(person.name, 60)}</span>
    <form method="post" action="${href(`${ROOT}/sign-out`)}">
      ${field('form', form)}<button class="plain">Sign out</button>
    </form>
  </div>`;
}

/** A field that is sent along. */
export function field(name: string, value: string): Html {
  return html`<input type="hidden" name="${name}" value="${value}" />`;
}

/** A page that says one thing. */
export function message(frame: Frame, title: string, content: Part): Html {
  return page(frame, {
    title,
    content: html`<div class="narrow card">
      <h1>${title}</h1>
      ${content}
    </div>`,
  });
}
