/**
 * The table of reports on incidents, one row for each incident.
 * @module
 */

const time = (column: string): string => `${column} BETWEEN 0 AND 9007199254740991`;

export const REPORT_TABLES = `
  CREATE TABLE incident_reports (
    n INTEGER PRIMARY KEY,
    source TEXT NOT NULL CHECK (source <> ''),
    id TEXT NOT NULL CHECK (id <> ''),
    reference TEXT NOT NULL CHECK (reference <> ''),
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    opened_at INTEGER NOT NULL CHECK (${time('opened_at')}),
    updated_at INTEGER NOT NULL CHECK (${time('updated_at')}),
    received_at INTEGER NOT NULL CHECK (${time('received_at')}),
    report TEXT NOT NULL CHECK (json_valid(report)),
    UNIQUE (source, id)
  ) STRICT;
  CREATE INDEX incident_reports_named ON incident_reports (source, reference, state, opened_at);
  CREATE INDEX incident_reports_open ON incident_reports (source, opened_at) WHERE state = 'open';
  CREATE INDEX incident_reports_over ON incident_reports (received_at) WHERE state = 'closed';
  `;
