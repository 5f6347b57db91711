/**
 * The tables of those who use the pages. Of a cookie they hold the SHA-256, and refuse anything else in its place.
 * @module
 */

const sha256 = (column: string): string => `length(${column}) = 64 AND ${column} NOT GLOB '*[^0-9a-f]*'`;
const time = (column: string): string => `${column} BETWEEN 0 AND 9007199254740991`;

export const WEB_TABLES = `
  CREATE TABLE web_sessions (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE CHECK (id GLOB 'ses_*'),
    cookie_hash TEXT NOT NULL UNIQUE CHECK (${sha256('cookie_hash')}),
    provider TEXT NOT NULL,
    principal TEXT NOT NULL CHECK (json_valid(principal)),
    issuer TEXT NOT NULL GENERATED ALWAYS AS (principal ->> '$.issuer') VIRTUAL,
    subject TEXT NOT NULL GENERATED ALWAYS AS (principal ->> '$.subject') VIRTUAL,
    created_at INTEGER NOT NULL CHECK (${time('created_at')}),
    expires_at INTEGER NOT NULL CHECK (${time('expires_at')}),
    verified_at INTEGER NOT NULL CHECK (${time('verified_at')}),
    ended_at INTEGER CHECK (${time('ended_at')}),
    over_at INTEGER NOT NULL GENERATED ALWAYS AS (min(expires_at, coalesce(ended_at, expires_at))) VIRTUAL
  ) STRICT;
  CREATE INDEX web_sessions_over ON web_sessions (over_at);
  CREATE INDEX web_sessions_of ON web_sessions (issuer, subject, verified_at);

  CREATE TABLE web_acts (
    hash TEXT PRIMARY KEY CHECK (${sha256('hash')}),
    session INTEGER NOT NULL REFERENCES web_sessions (n) ON DELETE CASCADE,
    request TEXT NOT NULL CHECK (request GLOB 'req_*'),
    choice TEXT NOT NULL CHECK (choice IN ('approve', 'confirm')),
    request_hash TEXT NOT NULL CHECK (${sha256('request_hash')}),
    policy TEXT NOT NULL,
    comment TEXT,
    until INTEGER NOT NULL CHECK (${time('until')}),
    UNIQUE (session, request)
  ) STRICT, WITHOUT ROWID;
  `;

/** Verdicts are decisions as well. What is on its way to its word, a quarter of an hour at most, is begun again. */
export const WEB_VERDICTS = `
  DROP TABLE web_acts;
  CREATE TABLE web_acts (
    hash TEXT PRIMARY KEY CHECK (${sha256('hash')}),
    session INTEGER NOT NULL REFERENCES web_sessions (n) ON DELETE CASCADE,
    request TEXT NOT NULL CHECK (request GLOB 'req_*'),
    choice TEXT NOT NULL CHECK (choice IN ('approve', 'confirm', 'justified', 'unjustified')),
    request_hash TEXT NOT NULL CHECK (${sha256('request_hash')}),
    policy TEXT NOT NULL,
    comment TEXT,
    until INTEGER NOT NULL CHECK (${time('until')}),
    UNIQUE (session, request)
  ) STRICT, WITHOUT ROWID;
  `;
