/**
 * What an answer to a POST means for a notice.
 * @module
 */
import type { Delivery } from '../core/notice.ts';
import type { Answer } from './post.ts';

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

/** Seconds or a date (RFC 9110, section 10.2.3). @returns null for what is neither. */
export function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000;
  const date = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(header)
    ? Date.parse(header)
    : NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
