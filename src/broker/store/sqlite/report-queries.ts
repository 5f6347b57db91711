/**
 * The statements about reports on incidents, which `queries.ts` takes in.
 * @module
 */

const REPORT = 'SELECT source, id, reference, state, opened_at, updated_at, report FROM incident_reports';

export const REPORT_QUERIES = {
  report: `${REPORT} WHERE source = :source AND id = :id`,
  // `open` comes after `closed`.
  reportNamed: `
    ${REPORT} WHERE source = :source AND reference = :reference ORDER BY state DESC, opened_at DESC LIMIT 1`,
  reportsOpen: `${REPORT} WHERE source = :source AND state = 'open' ORDER BY opened_at DESC LIMIT :limit`,
  reportPut: `
    INSERT INTO incident_reports (source, id, reference, state, opened_at, updated_at, received_at, report)
    VALUES (:source, :id, :reference, :state, :openedAt, :updatedAt, :receivedAt, :report)
    ON CONFLICT (source, id) DO UPDATE SET reference = excluded.reference, state = excluded.state,
      opened_at = excluded.opened_at, updated_at = excluded.updated_at, received_at = excluded.received_at,
      report = excluded.report`,
  reportsForget: `
    DELETE FROM incident_reports WHERE n IN (
      SELECT n FROM incident_reports WHERE state = 'closed' AND received_at < :before ORDER BY received_at LIMIT :limit)`,
} as const;
