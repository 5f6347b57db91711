/**
 * How often somebody may have sources asked: a source takes so many questions and no more, and whoever uses them up would leave
 * everybody else without it.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { PrincipalKey } from '../../core/principal.ts';

const WITHIN_MS = 60_000;
const QUESTIONS = 60;
const MOST_PEOPLE = 10_000;

/** Counts one question. Throws `ERR_DENIED` for one too many. */
export type Budget = (who: PrincipalKey) => void;

export function makeBudget(now: Clock): Budget {
  const spent = new Map<string, { readonly since: number; readonly questions: number }>();
  return ({ issuer, subject }) => {
    const key = JSON.stringify([issuer, subject]);
    const before = spent.get(key);
    const at = now();
    const current = before !== undefined && at - before.since < WITHIN_MS ? before : { since: at, questions: 0 };
    if (current.questions >= QUESTIONS) {
      const message = `denied: you have looked up ${QUESTIONS} incidents within a minute`;
      throw new JitError({ code: 'ERR_DENIED', message, hint: 'try again in a minute' });
    }
    spent.delete(key);
    spent.set(key, { ...current, questions: current.questions + 1 });
    const [oldest] = spent.keys();
    if (spent.size > MOST_PEOPLE && oldest !== undefined) spent.delete(oldest);
  };
}
