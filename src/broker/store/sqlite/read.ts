/**
 * Reads requests, grants and entries.
 * @module
 */
import { JitError } from '../../../core/errors.ts';
import { type GrantId, isGrantId, isRequestId, type RequestId } from '../../../core/ids.ts';
import type { Mark } from '../../../core/ports.ts';
import type { PrincipalKey } from '../../../core/principal.ts';
import type { EntryFilter, GrantFilter, Store, StoredGrant, StoredRequest } from '../store.ts';
import { guarded, integer, orNull, type Row, text } from './cells.ts';
import { asStoreFailure, unreadable } from './failure.ts';
import { GRANT_STATES, readGrant, readMark, readRequest } from './rows.ts';
import { findNumber } from './numbers.ts';
import { findPrincipal } from './principals.ts';
import type { Statements } from './statements.ts';

export type ReportProblem = (problem: JitError) => void;

export function readOneRequest(sql: Statements, id: RequestId): StoredRequest | null {
  return understood(`request ${id}`, () => {
    const row = sql('request').get({ id });
    return row === undefined ? null : readRequest(row);
  });
}

export function readOneGrant(sql: Statements, id: GrantId): StoredGrant | null {
  return understood(`grant ${id}`, () => {
    const row = sql('grant').get({ id });
    return row === undefined ? null : readGrant(row, sql('legs').all({ n: integer(row, 'n') }));
  });
}

export function readGrants(sql: Statements, filter: GrantFilter, report: ReportProblem): readonly StoredGrant[] {
  const limit = requireLimit(filter.limit);
  const { requester, states = GRANT_STATES } = filter;
  const newest = requester === undefined ? newestOf(sql, states, limit) : grantsOf(sql, requester, states, limit);
  return readable(newest, (row) => readOneGrant(sql, requireId(isGrantId, 'grant', row)), report);
}

type States = NonNullable<GrantFilter['states']>;

/** Goes state by state, so that a few live grants are found at once among many closed ones. */
function newestOf(sql: Statements, states: States, limit: number): readonly Row[] {
  return [...new Set(states)]
    .flatMap((state) => sql('grantsNewest').all({ state, limit }))
    .toSorted((a, b) => integer(b, 'created_at') - integer(a, 'created_at') || integer(b, 'n') - integer(a, 'n'))
    .slice(0, limit);
}

function grantsOf(sql: Statements, requester: PrincipalKey, names: States, limit: number): readonly Row[] {
  const filed = findPrincipal(sql, requester);
  if (filed === null) return [];
  const { owner } = filed;
  const states = JSON.stringify(names);
  const closedToo = names.includes('closed');
  if (requester.actsFor === undefined) {
    return sql(closedToo ? 'grantsOf' : 'grantsLiveOf').all({ owner, states, limit });
  }
  if (!closedToo) return sql('grantsLiveBy').all({ ...filed, states, limit });
  return sql('grantsBy').all({ requester: filed.requester, states, limit });
}

export function readRequests(
  sql: Statements,
  filter: Parameters<Store['requests']>[0],
  report: ReportProblem,
): readonly StoredRequest[] {
  const newest = newestRequests(sql, filter.requester, requireLimit(filter.limit));
  return readable(newest, (row) => readOneRequest(sql, requireId(isRequestId, 'request', row)), report);
}

export function readOpenRequests(
  sql: Statements,
  by: number | null,
  limit: number,
  report: ReportProblem,
): readonly StoredRequest[] {
  const page = { limit: requireLimit(limit) };
  const open = by === null ? sql('requestsOpen').all(page) : sql('requestsDue').all({ by, ...page });
  return readable(open, (row) => readOneRequest(sql, requireId(isRequestId, 'request', row)), report);
}

export function readNextDeadline(sql: Statements): number | null {
  return understood('a deadline', () => orNull(integer, sql('nextDeadline').get() ?? { next: null }, 'next'));
}

function newestRequests(sql: Statements, requester: PrincipalKey | undefined, limit: number): readonly Row[] {
  if (requester === undefined) return sql('requestsNewest').all({ limit });
  const filed = findPrincipal(sql, requester);
  if (filed === null) return [];
  return requester.actsFor === undefined
    ? sql('requestsOf').all({ owner: filed.owner, limit })
    : sql('requestsBy').all({ requester: filed.requester, limit });
}

export function readReplayed(
  sql: Statements,
  principal: PrincipalKey,
  key: string,
): Awaited<ReturnType<Store['replayed']>> {
  const filed = findPrincipal(sql, principal);
  const row = filed === null ? undefined : sql('replayed').get({ requester: filed.requester, key });
  if (row === undefined) return null;
  return { bodyHash: text(row, 'body_hash'), id: requireId(isRequestId, 'request', row) };
}

/** All or nothing: a mark that was left out would lift a denial at the cloud. */
export function readRevoked(sql: Statements, provider: string, now: number): readonly Mark[] {
  return sql('revoked')
    .all({ provider, now })
    .map((row) => understood(`leg of grant ${String(row['grant_id'])}`, () => readMark(row)));
}

/** All or nothing: a gap in the log is a finding, and never a shorter answer. */
export function readEntries(sql: Statements, filter: EntryFilter): Awaited<ReturnType<Store['entries']>> {
  return entryRows(sql, filter).map((row) => ({ sequence: integer(row, 'seq'), line: text(row, 'line') }));
}

function entryRows(sql: Statements, { grant, request, from, limit }: EntryFilter): readonly Row[] {
  const page = { from, limit: requireLimit(limit) };
  const id = grant ?? request;
  if (id === undefined) return sql('entries').all(page);
  const n = findNumber(sql, id);
  if (n === null) return [];
  if (grant === undefined) return sql('entriesOfRequest').all({ n, ...page });
  if (request === undefined) return sql('entriesOfGrant').all({ n, ...page });
  return findNumber(sql, request) === n ? sql('entriesOfBoth').all({ n, ...page }) : [];
}

/** Leaves out what cannot be read, after reporting it: one broken row must not hide the others. */
export function readable<T>(rows: readonly Row[], read: (row: Row) => T | null, report: ReportProblem): readonly T[] {
  return rows.flatMap((row) => {
    try {
      const value = read(row);
      return value === null ? [] : [value];
    } catch (thrown) {
      report(asStoreFailure(thrown));
      return [];
    }
  });
}

/** Turns a row of an unexpected form, and no other fault, into `ERR_STORE` naming the row. */
export function understood<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw thrown instanceof TypeError || thrown instanceof SyntaxError || thrown instanceof RangeError
      ? unreadable(what, thrown)
      : thrown;
  }
}

function requireId<T extends string>(guard: (value: string) => value is T, what: string, row: Row): T {
  return understood(`${what} ${String(row['id'])}`, () => guarded(guard, row, 'id'));
}

/** A page that somebody asks for. Throws `ERR_UNEXPECTED`: no caller has a reason for another length. */
export function requireLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return limit;
  throw new JitError({ code: 'ERR_UNEXPECTED', message: 'a page of the store has 1 to 1,000 rows' });
}
