/**
 * One incident: what its source says of it, every emergency access that was given for it, and the button that ends all of that.
 * @module
 */
import { html } from 'hono/html';
import type { IncidentPage, IncidentView } from '../../../wire/emergencies.ts';
import type { Outcome, RequestView } from '../../../wire/views.ts';
import { display } from '../../../core/display.ts';
import { incidentPath, ROOT } from '../address.ts';
import { confirmers } from './emergency.ts';
import { endOfAccess } from './gone.ts';
import { field, type Frame, page } from './layout.ts';
import { revokeForm } from './revoke.ts';
import { amount, doubts, foreign, type Html, listed, time, until } from './text.ts';
import { headline, lengthWords, missingWords, requesterName, standing } from './words.ts';

export function incidentPage(frame: Frame, shown: IncidentPage): Html {
  const { incident, source, reference, items, kept } = shown;
  const versions = items.map(({ request, grant }) => `${request.id}.${request.version}.${grant?.version ?? 0}`);
  return page(frame, {
    title: 'Incident',
    version: [incident?.state ?? 'unknown', kept, ...versions].join(' '),
    pace: items.some(({ grant }) => grant?.state === 'revoking' || grant?.state === 'issuing') ? 'soon' : 'usual',
    content: html`<p class="crumb">An incident at ${foreign(source, 100)}</p>
      <div class="line">
        <h1>Incident ${foreign(reference, 100)}</h1>
        ${stateBadge(incident)}
      </div>
      ${incident === null ? null : doubts([incident.reference, incident.title, ...incident.services])}
      <div class="columns">
        <aside aria-label="End everything">${endPanel(frame, shown)}</aside>
        <div>${facts(incident, source)} ${access(frame, items)}</div>
      </div>`,
  });
}

function stateBadge(incident: IncidentView | null): Html {
  if (incident === null) return html`<span class="badge off">not known</span>`;
  return incident.state === 'open'
    ? html`<span class="badge bad">open</span>`
    : html`<span class="badge off">closed</span>`;
}

function facts(incident: IncidentView | null, source: string): Html {
  if (incident === null) {
    return html`<section class="card" aria-labelledby="facts">
      <h2 id="facts">What is known of it</h2>
      <p>
        ${foreign(source, 100)} gives no answer about it at the moment, or does not know it any more. Access that was
        given for it is shown all the same, and can be ended.
      </p>
    </section>`;
  }
  const { title, severity, services, openedAt, url } = incident;
  const row = (name: string, value: Html, place = ''): Html =>
    html`<div class="${place}">
      <dt>${name}</dt>
      <dd>${value}</dd>
    </div>`;
  return html`<section class="card" aria-labelledby="facts">
    <h2 id="facts">What ${foreign(source, 100)} says</h2>
    <dl class="brief">
      ${row('Title', html`<strong>${foreign(title, 1_000)}</strong>`, 'whole')}
      ${row('Severity', html`${severity === null ? 'none that is known here' : `${severity} of 5, where 1 is the most severe`}`)}
      ${row('Services', services.length === 0 ? html`none` : html`${services.map((each, at) => html`${at === 0 ? null : ', '}${foreign(each, 200)}`)}`)}
      ${row('Opened', time(openedAt))} ${row('Your part', html`${partWords(incident)}`)}
      ${url === null ? null : row('Its page there', outside(url), 'whole')}
    </dl>
  </section>`;
}

function partWords({ responder, commander, onCallTier }: IncidentView): string {
  const parts = [
    ...(commander ? ['you lead it'] : responder ? ['you respond to it'] : []),
    ...(onCallTier === 0
      ? []
      : [`you are on call for it, ${onCallTier === 1 ? 'called first' : `step ${onCallTier}`}`]),
  ];
  return parts.length === 0 ? 'none' : listed(parts);
}

/** An address of somebody else's: a link if it is https, with all of it to be read before it is followed. */
function outside(text: string): Html {
  const url = URL.parse(text);
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') return foreign(text, 300);
  return html`<a href="${url.href}" rel="external noopener noreferrer"><bdi>${display(url.href, 4_096)}</bdi></a>
    <span class="facts">(leaves jit)</span>`;
}

function access(frame: Frame, items: readonly Outcome[]): Html {
  if (items.length === 0) {
    return html`<section class="card" aria-labelledby="access">
      <h2 id="access">Emergency access</h2>
      <p>None of it was given that you may see.</p>
    </section>`;
  }
  return html`<section aria-labelledby="access">
    <h2 id="access">Emergency access: ${tally(items)}</h2>
    <ul class="list">
      ${items.toSorted((a, b) => order(a) - order(b)).map((each) => one(frame, each))}
    </ul>
  </section>`;
}

/** `2 live, 1 ending, 3 gone`. */
function tally(items: readonly Outcome[]): string {
  const counts: readonly (readonly [number, string])[] = [
    [items.filter(isLive).length, 'live'],
    [items.filter(({ grant }) => grant?.state === 'revoking' || grant?.state === 'stuck').length, 'ending'],
    [items.filter(({ grant }) => grant?.state === 'closed').length, 'gone'],
    [items.filter(({ grant, request }) => grant === null && isUnderWay(request)).length, 'asked for'],
    [items.filter(({ grant, request }) => grant === null && !isUnderWay(request)).length, 'not given'],
  ];
  return counts.flatMap(([count, word]) => (count === 0 ? [] : [`${count} ${word}`])).join(', ');
}

/** What can still be ended comes first, then what is on its way out. */
function order({ request, grant }: Outcome): number {
  if (grant === null) return isUnderWay(request) ? 0 : 2;
  return grant.state === 'closed' ? 2 : grant.state === 'active' || grant.state === 'issuing' ? 0 : 1;
}

const isLive = ({ grant }: Outcome): boolean => grant?.state === 'active' || grant?.state === 'issuing';
const isUnderWay = ({ state }: RequestView): boolean => state === 'pending' || state === 'approved';

function one(frame: Frame, outcome: Outcome): Html {
  const { href, now } = frame;
  const { request, grant } = outcome;
  const { id, createdAt, reason, permissions, can } = request;
  const targets = [...new Set(permissions.map(({ target }) => target))].join(', ');
  return html`<li class="card item">
    <div class="line">
      <h3><a href="${href(`${ROOT}/requests/${id}`)}">${requesterName(request)}: ${headline(request)}</a></h3>
      ${standing(outcome)}
    </div>
    <p class="facts">${lengthWords(request)}, at ${foreign(targets, 200)}, asked for on ${time(createdAt)}</p>
    <p class="why"><span class="label">Why</span> ${foreign(reason.replaceAll('\n', ' '), 200)}</p>
    ${grant === null ? nothingYet(request, now) : null}
    ${grant?.state === 'issuing' ? html`<p>It is being issued.</p>` : null}
    ${grant?.state === 'active' && grant.expiresAt !== null ? html`<p>Ends ${until(grant.expiresAt, now)}</p>` : null}
    ${grant === null ? null : endOfAccess(grant, now)}
    ${grant !== null && can.includes('revoke') ? revokeForm(frame, grant, 'End it now') : null}
    ${grant !== null && isLive(outcome) && !can.includes('revoke') ? html`<p>It is not yours to end.</p>` : null}
    ${grant !== null && can.includes('review') && !isLive(outcome) ? html`<p class="facts">Its review is open.</p>` : null}
  </li>`;
}

function nothingYet(request: RequestView, now: number): Html {
  const { state, deadline } = request;
  if (!isUnderWay(request)) return html`<p>Nothing was given.</p>`;
  const missing = missingWords(request);
  const waits =
    state === 'approved' ? `Confirmed by ${confirmers(request)}, and not taken up yet` : `It waits for ${missing}`;
  return html`<p>${display(waits, 400)}${deadline === null ? null : html`; until ${until(deadline, now)}`}.</p>`;
}

function endPanel({ href, viewer }: Frame, shown: IncidentPage): Html {
  const { source, id, reference, items, revocable, kept } = shown;
  const open = items.filter(({ request, grant }) => grant === null && isUnderWay(request)).length;
  const others =
    kept === 0
      ? null
      : html`<p>
          ${amount(kept, 'live access', 'live accesses')} of it ${kept === 1 ? 'is' : 'are'} not yours to end.
        </p>`;
  if (revocable + open === 0 || viewer === null) {
    return html`<div class="card panel">
      <h2>Nothing to end</h2>
      <p>Of what was given for it, nothing lives that you could end.</p>
      ${others}
    </div>`;
  }
  const what = [
    ...(revocable === 0 ? [] : [amount(revocable, 'live access', 'live accesses')]),
    ...(open === 0 ? [] : [amount(open, 'request under way', 'requests under way')]),
  ];
  return html`<div class="card panel">
    <h2>End everything of ${foreign(reference, 100)}</h2>
    <p>One click ends ${listed(what)}, at once and for good. Then each says here when it was really gone.</p>
    ${others}
    <form method="post" action="${href(`${incidentPath({ source, id, reference })}/end`)}">
      ${field('form', viewer.form)}
      <button class="danger" id="end-all">End everything</button>
    </form>
  </div>`;
}
