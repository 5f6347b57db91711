/**
 * The tables of notices that wait to be told, and of what notifiers remember of those that they have told.
 * @module
 */

const time = (column: string): string => `${column} BETWEEN 0 AND 9007199254740991`;

export const NOTICE_TABLES = `
  CREATE TABLE notices (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    notifier TEXT NOT NULL,
    request_n INTEGER NOT NULL REFERENCES requests (n),
    notice TEXT NOT NULL CHECK (json_valid(notice)),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    due_at INTEGER NOT NULL CHECK (${time('due_at')}),
    claimed_until INTEGER CHECK (${time('claimed_until')}),
    ready_at INTEGER NOT NULL GENERATED ALWAYS AS (max(due_at, coalesce(claimed_until, 0))) VIRTUAL,
    UNIQUE (id, notifier)
  ) STRICT;
  CREATE INDEX notices_ready ON notices (notifier, ready_at, n);
  CREATE INDEX notices_of ON notices (request_n, notifier, n);

  CREATE TABLE notice_receipts (
    request_n INTEGER NOT NULL REFERENCES requests (n),
    notifier TEXT NOT NULL,
    receipt TEXT NOT NULL CHECK (length(receipt) <= 1000),
    at INTEGER NOT NULL CHECK (${time('at')}),
    PRIMARY KEY (request_n, notifier)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX notice_receipts_old ON notice_receipts (at);
  `;
