/**
 * What a request would make possible, in plain words and in the provider's own language.
 * @module
 */
import { html } from 'hono/html';
import type { RequestView, ReviewView } from '../../../wire/views.ts';
import { display } from '../../../core/display.ts';
import type { Place } from '../ports.ts';
import { duration, foreign, type Html } from './text.ts';

type TargetReview = ReviewView['targets'][number];

export function permissionSections(
  request: RequestView,
  review: ReviewView | null,
  places: ReadonlyMap<string, Place>,
): Html {
  if (review === null) {
    return html`<section class="card" aria-labelledby="what">
      <h2 id="what">What it would allow</h2>
      ${asked(request)}
      <p>
        What exactly would be issued cannot be shown any more, since the configuration has changed. It cannot be
        approved as it is.
      </p>
    </section>`;
  }
  const { targets } = review;
  return html`<section class="card" aria-labelledby="what">
      <h2 id="what">What it would allow</h2>
      ${targets.map((target) => allowed(target, request.seconds))}
    </section>
    <div class="pair">
      <section class="card" aria-labelledby="where">
        <h2 id="where">Where</h2>
        <ul class="plainlist">
          ${targets.map(({ target }) => where(target, places.get(target)))}
        </ul>
      </section>
      <section class="card" aria-labelledby="end">
        <h2 id="end">If it has to end early</h2>
        <ul class="plainlist">
          ${targets.map(promise)}
        </ul>
      </section>
    </div>`;
}

function asked({ permissions }: RequestView): Html {
  return html`<ul>
    ${permissions.map(
      ({ target, actions, resources }) =>
        html`<li>${foreign(actions.join(', '))} on ${foreign(resources.join(', '))} at ${foreign(target)}</li>`,
    )}
  </ul>`;
}

function allowed({ target, words, assessment, permission, floorSeconds }: TargetReview, seconds: number): Html {
  const { access, breadth } = assessment;
  return html`<h3>At ${foreign(target, 100)}</h3>
    <p>
      <span class="badge ${access === 'permissions' ? 'bad' : access === 'write' ? 'wait' : 'off'}"
        >${ACCESS[access]}</span
      >
      <span class="badge ${breadth === 'broad' ? 'bad' : 'off'}">${BREADTHS[breadth]}</span>
    </p>
    <ul>
      ${words.map((each) => html`<li>${foreign(each)}</li>`)}
    </ul>
    ${floorSeconds > seconds ? html`<p class="facts">The cloud gives no credential for less than ${duration(floorSeconds)}; what is in it still ends after ${duration(seconds)}.</p>` : null}
    <details open>
      <summary>The same in the provider’s own language, as if it were taken up now</summary>
      ${permissionBlock(permission, `Exact permission at ${target}`)}
    </details>`;
}

const ACCESS: Readonly<Record<TargetReview['assessment']['access'], string>> = {
  list: 'lists names',
  read: 'reads data',
  tagging: 'changes tags',
  write: 'changes data',
  permissions: 'changes who may do what',
};
const BREADTHS: Readonly<Record<TargetReview['assessment']['breadth'], string>> = {
  exact: 'exactly what is named',
  within: 'everything below what is named',
  broad: 'may reach what nobody has named',
};

/** A permission in its provider's own language. @param label says which it is, and no two on a page are alike. */
export function permissionBlock(permission: string, label: string): Html {
  return html`<pre
    tabindex="0"
    role="region"
    aria-label="${display(label, 400)}"
  ><code>${pretty(permission)}</code></pre>`;
}

/** Indented, with nothing added or left out; what is not JSON stays as it is. */
function pretty(permission: string): string {
  const lines = indented(permission).split('\n');
  return lines.map((line) => display(line, 65_536)).join('\n');
}

function indented(permission: string): string {
  try {
    return JSON.stringify(JSON.parse(permission), null, 2);
  } catch {
    return permission;
  }
}

function where(target: string, place: Place | undefined): Html {
  if (place === undefined) return html`<li>${foreign(target, 100)}, which is not configured any more</li>`;
  const { provider, environment, sandbox } = place;
  return html`<li>
    <strong>${foreign(target, 100)}</strong>
    <span class="facts"
      >${provider}${environment === '' ? null : html`, environment ${foreign(environment, 100)}`}</span
    >
    ${sandbox ? html`<span class="badge off">sandbox: nothing real is touched</span>` : null}
  </li>`;
}

function promise({ target, revocation, residualSeconds }: TargetReview): Html {
  const residual =
    residualSeconds === 0 ? null : html` After its regular end it may live on for up to ${duration(residualSeconds)}.`;
  return html`<li><strong>${foreign(target, 100)}</strong>: ${revocationWords(revocation)}.${residual}</li>`;
}

/** What becomes of credentials that are out when access ends early. */
export function revocationWords(revocation: TargetReview['revocation']): string {
  switch (revocation.kind) {
    case 'immediate':
      return 'a revocation works at once';
    case 'within':
      return `a revocation works within ${duration(revocation.seconds)}`;
    case 'expiry-only':
      return 'credentials that are out cannot be taken back; they work until their end';
    default:
      return revocation satisfies never;
  }
}
