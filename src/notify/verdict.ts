/**
 * What an answer to a POST means for a notice.
 * @module
 */
import type { Delivery } from '../core/notice.ts';
import type { Answer } from '../outbound/call.ts';
import { retryAfterMs } from '../outbound/retry-after.ts';

/** The statuses that speak of the message itself, so that it would be refused for ever (RFC 9110, section 15.5). */
const OF_THE_MESSAGE: readonly number[] = [400, 410, 413, 414, 415, 422];

/** By the status alone. Redirects, refusals of access and missing pages are tried again: somebody may be mending them. */
export function verdictOf(answer: Answer, now: number): Delivery {
  if (answer.kind === 'failed') return { kind: 'later', afterMs: null, problem: answer.problem };
  const { status } = answer;
  if (status >= 200 && status < 300) return { kind: 'delivered', receipt: null };
  const problem = `it answered with status ${status}`;
  if (OF_THE_MESSAGE.includes(status)) return { kind: 'refused', problem };
  return { kind: 'later', afterMs: retryAfterMs(answer.retryAfter, now), problem };
}
