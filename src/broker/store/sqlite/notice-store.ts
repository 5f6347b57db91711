/**
 * Notices: stored with what they are about, claimed by one teller at a time, gone when they are told.
 * @module
 */
import type { StatementSync } from 'node:sqlite';
import type { RequestId } from '../../../core/ids.ts';
import type { AddressedNotice, ClaimedNotice, NoticeStore } from '../notices.ts';
import { appendEntries } from './append.ts';
import { integer, orNull, text } from './cells.ts';
import { type Numbers, numbersOf } from './numbers.ts';
import type { NOTICE_QUERIES } from './notice-queries.ts';
import { noticeJson, readClaimed } from './notice-rows.ts';
import { type ReportProblem, readable, understood } from './read.ts';
import type { Statements } from './statements.ts';

export type NoticeStatements = (name: keyof typeof NOTICE_QUERIES) => StatementSync;

/** How much one call of `forgetNotices` removes: bounds how long it keeps the event loop. */
const FORGET_AT_ONCE = 1_000;

/**
 * Part of `writeChange`, after the request and the grant. A notice that is stored already, for the same event, is left as it is.
 * Throws `ERR_UNEXPECTED` for one about a request that is not stored.
 */
export function writeNotices(sql: NoticeStatements, numbers: Numbers, notices: readonly AddressedNotice[]): void {
  for (const { notice, notifiers } of notices) {
    if (notifiers.length === 0) continue;
    const row = { id: notice.id, request: numbers.of(notice.request.id), notice: noticeJson(notice), dueAt: notice.at };
    for (const notifier of notifiers) sql('noticeInsert').run({ ...row, notifier });
  }
}

/** Runs inside a transaction: a claim that a crash forgot would be made by two. */
export function claimNotices(
  sql: NoticeStatements,
  { notifier, now, until, limit }: Parameters<NoticeStore['claimNotices']>[0],
  report: ReportProblem,
): readonly ClaimedNotice[] {
  const due = sql('noticesDue').all({ notifier, now, limit });
  for (const row of due) sql('noticeClaim').run({ n: integer(row, 'n'), until });
  // An unreadable one stays claimed, so that it is reported once in a while and not in a tight loop.
  return readable(
    due,
    (row) =>
      understood(`notice ${String(row['n'])}`, () => readClaimed(sql('notice').get({ n: integer(row, 'n') }) ?? {})),
    report,
  );
}

export function nextNotice(sql: NoticeStatements, notifier: string): number | null {
  return orNull(integer, sql('noticeNext').get({ notifier }) ?? { next: null }, 'next');
}

export function finishNotice(
  sql: Statements & NoticeStatements,
  { row: n, receipt, at, entries }: Parameters<NoticeStore['finishNotice']>[0],
): void {
  if (receipt !== null) sql('receiptPut').run({ n, receipt, at });
  if (sql('noticeDone').run({ n }).changes === 1) appendEntries(sql, numbersOf(sql), entries);
}

export function noticeReceipt(sql: NoticeStatements, notifier: string, request: RequestId): string | null {
  const row = sql('receipt').get({ notifier, request });
  return row === undefined ? null : understood(`receipt of ${request}`, () => text(row, 'receipt'));
}

export function forgetNotices(
  sql: NoticeStatements,
  { notifiers, before }: Parameters<NoticeStore['forgetNotices']>[0],
): number {
  let left = FORGET_AT_ONCE;
  for (let after = ''; left > 0;) {
    const name = orNull(text, sql('noticesAfter').get({ after }) ?? { notifier: null }, 'notifier');
    if (name === null) break;
    if (!notifiers.includes(name)) left -= Number(sql('noticesForget').run({ notifier: name, limit: left }).changes);
    after = name;
  }
  if (left > 0) left -= Number(sql('receiptsForget').run({ before, limit: left }).changes);
  return FORGET_AT_ONCE - left;
}
