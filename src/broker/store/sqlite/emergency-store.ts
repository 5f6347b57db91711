/**
 * Emergencies: one row beside that of the request, written in the transaction of what it is about.
 * @module
 */
import type { StatementSync } from 'node:sqlite';
import { JitError } from '../../../core/errors.ts';
import { isRequestId, type RequestId } from '../../../core/ids.ts';
import { VERDICTS } from '../../../core/incident.ts';
import type { EmergencyFilter, Review, StoredEmergency } from '../emergencies.ts';
import type { Change } from '../store.ts';
import { guarded, integer, orNull, type Row, text } from './cells.ts';
import type { EMERGENCY_QUERIES } from './emergency-queries.ts';
import { asPerson } from './members.ts';
import { findNumber, type Numbers } from './numbers.ts';
import { readable, readOneRequest, type ReportProblem, understood } from './read.ts';
import type { Statements } from './statements.ts';

export type EmergencyStatements = (name: keyof typeof EMERGENCY_QUERIES) => StatementSync;

/**
 * Part of `writeChange`, after the request. Throws `ERR_CONFLICT` when its version has moved on, `ERR_UNEXPECTED` for a new
 * one without its request.
 */
export function writeEmergency(sql: EmergencyStatements, numbers: Numbers, { emergency, request }: Change): void {
  if (emergency === undefined) return;
  const { id, incident, warnSeconds, watched, review, version } = emergency;
  const n = numbers.of(id);
  const cells = {
    n,
    incident,
    warnSeconds,
    watched: Number(watched),
    reviewOpenedAt: review?.openedAt ?? null,
    review: review === null || review.closed === null ? null : JSON.stringify(review.closed),
  };
  if (version > 0) {
    if (sql('emergencyUpdate').run({ ...cells, version }).changes !== 1) throw moved(id);
    return;
  }
  const bound = request?.request.id === id ? request.request.incident : null;
  if (request === undefined || bound === null) {
    throw new JitError({ code: 'ERR_UNEXPECTED', message: 'an emergency is stored with its request', subject: id });
  }
  const { source } = bound;
  const askedAt = request.request.createdAt;
  if (sql('emergencyInsert').run({ ...cells, source, askedAt }).changes !== 1) throw moved(id);
}

export function readOneEmergency(sql: Statements & EmergencyStatements, id: RequestId): StoredEmergency | null {
  const n = findNumber(sql, id);
  const row = n === null ? undefined : sql('emergency').get({ n });
  return row === undefined ? null : readEmergency(sql, row);
}

export function readEmergencies(
  sql: Statements & EmergencyStatements,
  filter: EmergencyFilter,
  report: ReportProblem,
): readonly StoredEmergency[] {
  return readable(rowsOf(sql, filter), (row) => readEmergency(sql, row), report);
}

function rowsOf(sql: EmergencyStatements, filter: EmergencyFilter): readonly Row[] {
  switch (filter.kind) {
    case 'watched':
      return sql('emergenciesWatched').all();
    case 'of incident': {
      const { source, id: incident } = filter.incident;
      return sql('emergenciesOf').all({ source, incident, limit: filter.limit });
    }
    case 'since': {
      const { at, limit } = filter;
      const rows = sql('emergenciesSince').all({ at, minor: 0, limit });
      return [...rows, ...sql('emergenciesSince').all({ at, minor: 1, limit: limit - rows.length })];
    }
    case 'unreviewed':
      return sql('emergenciesUnreviewed').all({ limit: filter.limit });
  }
}

function readEmergency(sql: Statements, row: Row): StoredEmergency | null {
  return understood(`emergency ${String(row['request_id'])}`, () => {
    const request = readOneRequest(sql, guarded(isRequestId, row, 'request_id'));
    if (request === null) return null;
    return {
      request,
      incident: orNull(text, row, 'incident'),
      warnSeconds: integer(row, 'warn_seconds'),
      watched: integer(row, 'watched') === 1,
      review: readReview(row),
      version: integer(row, 'version'),
    };
  });
}

function readReview(row: Row): Review | null {
  const openedAt = orNull(integer, row, 'review_opened_at');
  if (openedAt === null) return null;
  const closed = orNull(text, row, 'review');
  return { openedAt, closed: closed === null ? null : readClosed(JSON.parse(closed)) };
}

function readClosed(value: unknown): NonNullable<Review['closed']> {
  // Safe: every member is looked at below.
  const { at, by, verdict, comment } = Object(value) as Readonly<Record<string, unknown>>;
  const known = VERDICTS.find((each) => each === verdict);
  const person = asPerson(by);
  if (typeof at !== 'number' || typeof comment !== 'string' || known === undefined || person === null) {
    throw new TypeError('column review');
  }
  return { at, by: person, verdict: known, comment };
}

function moved(subject: string): JitError {
  return new JitError({
    code: 'ERR_CONFLICT',
    message: 'the emergency has changed meanwhile',
    hint: 'read it again and decide anew',
    subject,
  });
}
