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
import { missingWords, voteWords } from './words.ts';

/**
 * Everything that a decision needs: the exact permission, then who, what, why, how long, earlier use, and the votes so far.
 * The permission comes first, as it may be longer than the screen: what is said in words stays in view above the question.
 */
export function reviewLines(review: ReviewView, site: Site, width: number, now: number): Line[] {
  const { request, history, targets } = review;
  const { deadline, votes } = request;
  const facts: Fact[] = [
    ...reviewFacts(review, site),
    fact('before', historyWords(history, now)),
    ...votes.map((vote) => fact('vote', voteWords(vote))),
    fact('missing', missingWords(request)),
    ...(deadline === null ? [] : [fact('waits', `${roughly(Math.max(0, Date.parse(deadline) - now))} more`, 'warn')]),
  ];
  return [...targets.flatMap(({ permission }) => permissionLines(permission)), '', ...record(facts, width), ''];
}

function historyWords({ requests, granted, denied, used, lastGrantedAt }: ReviewView['history'], now: number): string {
  if (requests === 0) return 'never asked for this before';
  const last = lastGrantedAt === null ? '' : `, last ${recordedTime(Date.parse(lastGrantedAt), now)}`;
  return `asked ${requests === 1 ? 'once' : `${requests} times`}: ${granted} granted, ${used} used, ${denied} denied${last}`;
}

/** Throws `ERR_DECIDED` where it is decided already or has the caller's vote, `ERR_DENIED` where they have none. */
export function requireOpen(request: RequestView, action: RequestAction, { broker, line }: Site): void {
  if (request.can.includes(action)) return;
  const { code, message, hint } = whyNot(request, line);
  throw new JitError({ code, message, hint, subject: request.id, broker });
}

interface WhyNot {
  readonly code: 'ERR_DECIDED' | 'ERR_DENIED';
  readonly message: string;
  readonly hint: string;
}

function whyNot(request: RequestView, line: Site['line']): WhyNot {
  const { id, state, why, can, grant } = request;
  const hint = `the whole story: ${line(`jit show ${id}`)}`;
  if (grant !== null) return { code: 'ERR_DECIDED', message: 'too late: it has been taken up already', hint };
  if (can.includes('confirm')) {
    const message = 'it needs no vote, but the word of whoever answers for it: yours';
    return { code: 'ERR_DENIED', message, hint: `confirm it with: ${line(`jit wait ${id}`)}` };
  }
  if (can.includes('cancel')) {
    const message = 'it is your own request: somebody else has to decide';
    return { code: 'ERR_DENIED', message, hint: `take it back with: ${line(`jit cancel ${id}`)}` };
  }
  if (state === 'pending' && can.includes('deny')) {
    const message = `you have approved it already, still missing: ${missingWords(request)}`;
    return { code: 'ERR_DECIDED', message, hint };
  }
  if (state === 'pending') return { code: 'ERR_DENIED', message: 'you may not decide this one', hint };
  return { code: 'ERR_DECIDED', message: `it is ${state} already: ${why}`, hint };
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
