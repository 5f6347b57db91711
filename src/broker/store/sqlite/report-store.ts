/**
 * Reports on incidents: the latest word on each stays, and what is over is forgotten in time.
 * @module
 */
import type { StatementSync } from 'node:sqlite';
import {
  type IncidentReport,
  type IncidentReports,
  REPORT_KEPT_MS,
  type ReportOutcome,
} from '../../../core/incident-report.ts';
import { integer, type Row, text, word } from './cells.ts';
import { requireLimit, understood } from './read.ts';
import type { REPORT_QUERIES } from './report-queries.ts';

export type ReportStatements = (name: keyof typeof REPORT_QUERIES) => StatementSync;

/** More go with each new one than come, so that none pile up. */
const FORGET_AT_ONCE = 20;

export function readReport(sql: ReportStatements, source: string, id: string): IncidentReport | null {
  return oneOf(sql('report').get({ source, id }));
}

export function readReportNamed(sql: ReportStatements, source: string, reference: string): IncidentReport | null {
  return oneOf(sql('reportNamed').get({ source, reference }));
}

/** Fails whole rather than leave one out, as a source does. */
export function readOpenReports(sql: ReportStatements, source: string, limit: number): readonly IncidentReport[] {
  const rows = sql('reportsOpen').all({ source, limit: requireLimit(limit) });
  return understood(`the reports of ${source}`, () => rows.map(reportOf));
}

/** Runs inside a transaction, so that of two that come at once the later one stays. */
export function putReport(
  sql: ReportStatements,
  report: IncidentReport,
  now: Parameters<IncidentReports['putReport']>[1],
): ReportOutcome {
  const known = readReport(sql, report.source, report.id);
  if (known !== null && report.updatedAt <= known.updatedAt) {
    if (report.updatedAt < known.updatedAt) return 'older';
    return report.report === known.report ? 'same' : 'other';
  }
  const { source, id, reference, state, openedAt, updatedAt } = report;
  sql('reportPut').run({
    source,
    id,
    reference,
    state,
    openedAt,
    updatedAt,
    receivedAt: now,
    report: report.report,
  });
  sql('reportsForget').run({ before: Math.max(0, now - REPORT_KEPT_MS), limit: FORGET_AT_ONCE });
  return 'newer';
}

function oneOf(row: Row | undefined): IncidentReport | null {
  return row === undefined ? null : understood('a report on an incident', () => reportOf(row));
}

function reportOf(row: Row): IncidentReport {
  return {
    source: text(row, 'source'),
    id: text(row, 'id'),
    reference: text(row, 'reference'),
    state: word(['open', 'closed'], row, 'state'),
    openedAt: integer(row, 'opened_at'),
    updatedAt: integer(row, 'updated_at'),
    report: text(row, 'report'),
  };
}
