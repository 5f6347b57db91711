/**
 * What an approver is shown before a vote, and what everybody is told after one.
 * @module
 */
import { JitError, worded } from '../../core/errors.ts';
import type { Outcome, RequestAction, RequestView, ReviewView } from '../../wire/views.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import type { Site } from '../site.ts';
import { type Fact, fact, record } from '../table.ts';
import type { Line } from '../text.ts';
import { recordedTime, roughly } from '../time.ts';
import { reviewFacts } from './consent.ts';
import { permissionLines } from './plan.ts';

/** Everything that a decision needs: who, what, why, how long, the exact permission, earlier use, and the votes so far. */
export function reviewLines(review: ReviewView, site: Site, width: number, now: number): Line[] {
  const { request, history, targets } = review;
  const { deadline, votes } = request;
  const facts: Fact[] = [
    ...reviewFacts(review, site),
    fact('before', historyWords(history, now)),
    ...votes.map(({ by, choice, comment, counts }) =>
      fact(
        'vote',
        `${choice} by ${by.name}${comment === null ? '' : `: ${comment}`}${counts ? '' : ' (does not count)'}`,
      ),
    ),
    fact('missing', missingWords(request)),
    ...(deadline === null ? [] : [fact('waits', `${roughly(Math.max(0, Date.parse(deadline) - now))} more`, 'warn')]),
  ];
  return [...record(facts, width), ...targets.flatMap(({ permission }) => permissionLines(permission)), ''];
}

function historyWords({ requests, granted, denied, used, lastGrantedAt }: ReviewView['history'], now: number): string {
  if (requests === 0) return 'never asked for this before';
  const last = lastGrantedAt === null ? '' : `, last ${recordedTime(Date.parse(lastGrantedAt), now)}`;
  return `asked ${requests} times: ${granted} granted, ${used} used, ${denied} denied${last}`;
}

function missingWords({ quorum }: RequestView): string {
  const open = quorum.filter(({ missing }) => missing > 0);
  if (open.length === 0) return 'nobody';
  return open.map(({ group, missing }) => `${missing} of ${group ?? 'those who may approve'}`).join(' and ');
}

/** Throws `ERR_DECIDED` where it is decided already or has the caller's vote, `ERR_DENIED` where they have none. */
export function requireOpen(request: RequestView, action: RequestAction, { broker, line }: Site): void {
  if (request.can.includes(action)) return;
  const open = request.state === 'pending' || request.state === 'approved';
  const voted = request.can.includes('deny');
  const message = voted
    ? `you have approved it, and it is ${request.state}`
    : open
      ? 'you may not decide this one'
      : `it is ${request.state} already: ${request.why}`;
  throw new JitError({
    code: open && !voted ? 'ERR_DENIED' : 'ERR_DECIDED',
    message,
    hint: `the whole story: ${line(`jit show ${request.id}`)}`,
    subject: request.id,
    broker,
  });
}

/** `jit.decision/v1`, or one line. @returns 0. */
export async function reportVote(
  context: Context,
  { request, grant }: Outcome,
  site: Site,
  format: Format,
): Promise<number> {
  const { out } = context;
  if (format === 'json') {
    out.document('decision', { request, grant, broker: site.name });
    return 0;
  }
  const missing = request.state === 'pending' ? `, still missing: ${missingWords(request)}` : '';
  const why = request.state === 'pending' ? '' : `: ${request.why}`;
  await out.note(worded({ broker: site.broker, message: `${request.id} is ${request.state}${why}${missing}` }));
  return 0;
}
