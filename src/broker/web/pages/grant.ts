/**
 * One grant: how it stands, and everything that has happened to it.
 * @module
 */
import { html } from 'hono/html';
import type { ReviewItem } from '../../../wire/emergencies.ts';
import type { GrantView, LegView, Outcome } from '../../../wire/views.ts';
import { ROOT } from '../address.ts';
import { lastGranted, type Step } from '../timeline.ts';
import { endForm } from './decision.ts';
import { emergencyBanner } from './emergency.ts';
import { endOfAccess } from './gone.ts';
import { hindsightSection } from './hindsight.ts';
import { type Frame, page } from './layout.ts';
import { permissionBlock, revocationWords } from './permission.ts';
import { duration, foreign, type Html, time, until } from './text.ts';
import { badge, headline, requesterName, shortId } from './words.ts';

export interface GrantShown {
  readonly request: Outcome['request'];
  readonly grant: GrantView;
  readonly steps: readonly Step[];
  /** Of emergency access. */
  readonly hindsight: ReviewItem | null;
}

export function grantPage(frame: Frame, { request, grant, steps, hindsight }: GrantShown): Html {
  const { href } = frame;
  return page(frame, {
    title: `Access ${shortId(grant.id)}`,
    here: 'grants',
    version: `${grant.id}.${grant.version}.${steps.length}`,
    content: html`<p class="crumb"><a href="${href(`${ROOT}/requests/${request.id}`)}">The request behind it</a></p>
      <div class="line">
        <h1>${requesterName(request)}: ${headline(request)}</h1>
        ${badge(grant.state)}
      </div>
      ${emergencyBanner(frame, request)}
      <section class="card" aria-labelledby="stands">
        <h2 id="stands">How it stands</h2>
        <dl>
          ${times(frame, grant)}
          <div>
            <dt>Length</dt>
            <dd>${duration(grant.seconds)}</dd>
          </div>
          <div>
            <dt>Id</dt>
            <dd><code>${grant.id}</code></dd>
          </div>
        </dl>
        ${endOfAccess(grant, frame.now)} ${endForm(frame, request, grant)}
      </section>
      ${hindsightSection(frame, hindsight)}
      <section class="card" aria-labelledby="where">
        <h2 id="where">Where</h2>
        <ul class="plainlist">
          ${grant.legs.map((each) => leg(each, steps))}
        </ul>
      </section>
      <section class="card" aria-labelledby="story">
        <h2 id="story">What has happened</h2>
        ${timeline(steps)}
      </section>`,
  });
}

function times({ now }: Frame, { expiresAt, issuedAt }: GrantView): Html {
  return html` ${
    issuedAt === null
      ? null
      : html`<div>
          <dt>Issued</dt>
          <dd>${time(issuedAt)}</dd>
        </div>`
  }
  ${
    expiresAt === null
      ? null
      : html`<div>
          <dt>Ends</dt>
          <dd>${until(expiresAt, now)}</dd>
        </div>`
  }`;
}

function leg(
  { target, provider, environment, sandbox, state, name, revocation, problem, gone, notAfter }: LegView,
  steps: readonly Step[],
): Html {
  const granted = lastGranted(steps, target);
  return html`<li>
    <strong>${foreign(target, 100)}</strong>
    <span class="facts">(${provider}${environment === '' ? null : html`, ${foreign(environment, 100)}`})</span>
    ${sandbox ? html`<span class="badge off">sandbox</span>` : null}
    <span class="facts">There it is called ${foreign(name, 400)}; ${revocationWords(revocation)}.</span>
    <span class="facts"
      >${
        gone === null
          ? html`${state}; no credential of it works after ${time(notAfter)}`
          : html`gone at ${time(gone.at)}: ${foreign(gone.proof, 400)}`
      }</span
    >
    ${problem === null ? null : html`<span class="facts">Problem: ${foreign(problem, 400)}</span>`}
    ${
      granted === null
        ? null
        : html`<details open>
            <summary>Exactly what was granted there</summary>
            ${permissionBlock(granted, `What was granted at ${target}`)}
          </details>`
    }
  </li>`;
}

const STEPS: Readonly<Record<string, string>> = {
  'request.submitted': 'Asked for',
  'request.decided': 'Judged by policy',
  'request.voted': 'Voted on',
  'request.confirmed': 'Confirmed by the requester',
  'request.cancelled': 'Taken back',
  'request.timed-out': 'Timed out',
  'request.judged-anew': 'Judged anew by policy',
  'request.forbidden': 'Forbidden by policy',
  'grant.intended': 'About to be issued',
  'grant.issued': 'Issued',
  'grant.reissue': 'To be issued again',
  'grant.issue-refused': 'Refused by the cloud',
  'grant.issue-unknown': 'Perhaps issued: the cloud did not answer',
  'grant.renewed': 'Its end was put off',
  'grant.cut': 'Its end moved up',
  'grant.end': 'Ended',
  'grant.revoke-accepted': 'Revocation accepted by the cloud',
  'grant.revoke-failed': 'Revocation refused by the cloud',
  'grant.gone': 'Gone at the cloud',
  'leftover.found': 'Found at the target although it had ended',
  'leftover.revoked': 'What was found there was revoked',
  'emergency.reviewed': 'Reviewed',
  'credential.delivered': 'Credential handed to the holder',
  'credential.used': 'Credential used',
};

/** A type that this program does not know is shown as it is. */
function wordsFor(type: string): Html {
  const known = Object.hasOwn(STEPS, type) ? STEPS[type] : undefined;
  return known === undefined ? foreign(type, 100) : html`${known}`;
}

/** Oldest first. */
export function timeline(steps: readonly Step[]): Html {
  if (steps.length === 0) return html`<p>Nothing is recorded yet.</p>`;
  return html`<ol class="story">
    ${steps.map(
      ({ sequence, at, type, actor, details, granted }) =>
        html`<li>
          <p>
            <strong>${wordsFor(type)}</strong>
            <span class="facts"
              >${time(at)}${actor === null ? null : html`, by ${foreign(actor, 200)}`}, entry ${sequence}</span
            >
          </p>
          ${details.length === 0 ? null : html`<p class="facts">${details.map((each) => html`<span class="detail">${foreign(each, 400)}</span> `)}</p>`}
          ${
            granted === undefined
              ? null
              : html`<details>
                  <summary>The permission as the cloud was given it</summary>
                  ${permissionBlock(granted.permission, `Permission of entry ${sequence}`)}
                </details>`
          }
        </li>`,
    )}
  </ol>`;
}
