/**
 * What became of access that is over: when it was really gone and how that is known, or how long it could last otherwise.
 * @module
 */
import { html } from 'hono/html';
import type { GrantView, LegView } from '../../../wire/views.ts';
import { foreign, type Html, time, until } from './text.ts';

const REASONS: Readonly<Record<NonNullable<GrantView['reason']>, string>> = {
  expired: 'its time was over',
  revoked: 'somebody ended it',
  completed: 'its task was done',
  idle: 'it was not used',
  'incident-closed': 'its incident is over',
  failed: 'it could not be issued',
};

/** Of a grant that has ended, as far as that is known; nothing of a live one. */
export function endOfAccess(grant: GrantView, now: number): Html | null {
  const { state, reason, closedAt, endedAt, legs } = grant;
  if (state === 'closed' && closedAt !== null) {
    return html`<p class="gone"><strong>Really gone at ${time(closedAt)}</strong>${because(reason)}</p>
      <ul class="facts">
        ${legs.map((leg) => html`<li>${foreign(leg.target, 100)}: ${proof(leg)}</li>`)}
      </ul>`;
  }
  if (state !== 'revoking' && state !== 'stuck') return null;
  return html`<p>
      <strong>Not confirmed yet.</strong>
      ${endedAt === null ? 'Ending' : html`Ending since ${time(endedAt)}`}${because(reason)}.
      ${state === 'stuck' ? 'The cloud keeps refusing: it is tried again for ever, and somebody should look at it.' : null}
    </p>
    <ul class="facts">
      ${legs.map((leg) => html`<li>${foreign(leg.target, 100)}: ${residual(leg, now)}</li>`)}
    </ul>`;
}

function because(reason: GrantView['reason']): string {
  return reason === null ? '' : `, because ${REASONS[reason]}`;
}

/** Only what was never issued keeps the problem that it had. */
function proof({ problem, gone }: LegView): Html {
  return problem === null ? seen(gone) : html`nothing was issued there (${foreign(problem, 400)})`;
}

function seen(gone: LegView['gone']): Html {
  return gone === null ? html`gone` : html`gone at ${time(gone.at)}: ${foreign(gone.proof, 400)}`;
}

function residual({ state, provider, problem, gone, notAfter }: LegView, now: number): Html {
  if (state === 'gone') return seen(gone);
  const refusal = problem === null ? null : html` Problem: ${foreign(problem, 400)}`;
  return Date.parse(notAfter) <= now
    ? html`what was issued ran out at ${time(notAfter)}.${refusal}`
    : html`as long as ${provider} has not confirmed it, it could last until ${until(notAfter, now)}.${refusal}`;
}
