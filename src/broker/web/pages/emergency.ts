/**
 * What is said of emergency access wherever it is shown: that it is one, and the incident that it is bound to.
 * @module
 */
import { html } from 'hono/html';
import type { RequestView } from '../../../wire/views.ts';
import { incidentPath } from '../address.ts';
import type { Frame } from './layout.ts';
import { foreign, type Html, listed } from './text.ts';

type Bound = NonNullable<RequestView['incident']>;

/** Leads to everything of that incident. */
export function incidentLink({ href }: Frame, incident: Bound): Html {
  return html`<a href="${href(incidentPath(incident))}">${foreign(incident.reference, 100)}</a>`;
}

/** On the page of one request or grant; nothing where it is no emergency. */
export function emergencyBanner(frame: Frame, request: RequestView): Html | null {
  const { incident } = request;
  if (incident === null) return null;
  return html`<div class="notice" role="note">
    <h2>Emergency access, bound to ${foreign(incident.reference, 100)}</h2>
    <p>
      ${isSealed(request) ? 'The source of its incident gave no answer, so people confirm it.' : 'Nobody was asked beforehand.'}
      It ends with its incident at ${foreign(incident.source, 100)}:
      <a href="${frame.href(incidentPath(incident))}">everything of ${foreign(incident.reference, 100)}</a>.
    </p>
  </div>`;
}

/** A line of a list; nothing where it is no emergency. */
export function emergencyMark(frame: Frame, { incident }: RequestView): Html | null {
  if (incident === null) return null;
  return html`<p class="facts">
    <span class="badge wait">emergency</span> bound to ${incidentLink(frame, incident)} at
    ${foreign(incident.source, 100)}
  </p>`;
}

/** Whether people confirm it in place of the source of its incident, which gave no answer. */
export function isSealed({ incident, quorum }: RequestView): boolean {
  return incident !== null && quorum.length > 0;
}

/** `2 people from on-call`. */
export function confirmers({ quorum }: RequestView): string {
  return listed(
    quorum.map(
      ({ group, approvers }) =>
        `${approvers} ${approvers === 1 ? 'person' : 'people'}${group === null ? '' : ` from ${group}`}`,
    ),
  );
}
