/**
 * The outbox: work for the world outside, taken by one taker at a time.
 * @module
 */
import type { ClaimedEffect, Store } from '../store.ts';
import { integer, orNull, text } from './cells.ts';
import { type ReportProblem, readable, understood } from './read.ts';
import { readEffect } from './rows.ts';
import type { Statements } from './statements.ts';

/**
 * Takes what has been ready longest. An effect is ready from its due time, or from the end of a claim that ran out: work
 * that makes its taker crash goes behind what others wait for. Runs inside a transaction, because a claim that a crash
 * forgets would let the effect be carried out twice unawares.
 */
export function claimDue(
  sql: Statements,
  options: Parameters<Store['claim']>[0],
  report: ReportProblem,
): readonly ClaimedEffect[] {
  const { now, until, limit, perTarget, busy } = options;
  const due = sql('due').all({ now, limit, perTarget, busy: JSON.stringify(busy) });
  for (const row of due) {
    sql('effectClaim').run({ n: integer(row, 'grant_n'), kind: text(row, 'kind'), target: text(row, 'target'), until });
  }
  // An unreadable one stays claimed, so that it is reported once in a while and not in a tight loop.
  return readable(
    due,
    (row) => understood(`effect ${String(row['kind'])} of grant ${String(row['grant_id'])}`, () => readEffect(row)),
    report,
  );
}

export function earliestReady(sql: Statements, busy: readonly string[]): number | null {
  return orNull(integer, sql('nextDue').get({ busy: JSON.stringify(busy) }) ?? { next: null }, 'next');
}
