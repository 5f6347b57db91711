/**
 * The tables of those who are signed in. Of a token they hold the SHA-256, and refuse anything else in its place.
 * @module
 */

const sha256 = (column: string): string => `length(${column}) = 64 AND ${column} NOT GLOB '*[^0-9a-f]*'`;
const time = (column: string): string => `${column} BETWEEN 0 AND 9007199254740991`;

export const SESSION_TABLES = `
  CREATE TABLE sessions (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE CHECK (id GLOB 'ses_*'),
    provider TEXT NOT NULL,
    principal TEXT NOT NULL CHECK (json_valid(principal)),
    issuer TEXT NOT NULL GENERATED ALWAYS AS (principal ->> '$.issuer') VIRTUAL,
    subject TEXT NOT NULL GENERATED ALWAYS AS (principal ->> '$.subject') VIRTUAL,
    person_issuer TEXT GENERATED ALWAYS AS (principal ->> '$.actsFor.issuer') VIRTUAL,
    person_subject TEXT GENERATED ALWAYS AS (principal ->> '$.actsFor.subject') VIRTUAL,
    key_thumbprint TEXT NOT NULL CHECK (key_thumbprint <> ''),
    access_hash TEXT NOT NULL UNIQUE CHECK (${sha256('access_hash')}),
    access_until INTEGER NOT NULL CHECK (${time('access_until')}),
    refresh_hash TEXT CHECK (${sha256('refresh_hash')}),
    created_at INTEGER NOT NULL CHECK (${time('created_at')}),
    expires_at INTEGER NOT NULL CHECK (${time('expires_at')}),
    verified_at INTEGER NOT NULL CHECK (${time('verified_at')}),
    renewal TEXT NOT NULL CHECK (renewal IN ('on demand', 'fixed')),
    ended_at INTEGER CHECK (${time('ended_at')}),
    ended_why TEXT
      CHECK (ended_why IN ('signed-out', 'reused', 'revoked'))
      CHECK ((ended_why IS NULL) = (ended_at IS NULL)),
    over_at INTEGER NOT NULL GENERATED ALWAYS AS (min(expires_at, coalesce(ended_at, expires_at))) VIRTUAL,
    version INTEGER NOT NULL CHECK (version > 0)
  ) STRICT;
  CREATE UNIQUE INDEX sessions_refresh ON sessions (refresh_hash) WHERE refresh_hash IS NOT NULL;
  CREATE INDEX sessions_over ON sessions (over_at);
  CREATE INDEX sessions_of ON sessions (issuer, subject, person_issuer, person_subject, verified_at);

  CREATE TABLE spent_refresh (
    hash TEXT PRIMARY KEY CHECK (${sha256('hash')}),
    session INTEGER NOT NULL REFERENCES sessions (n)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX spent_refresh_of ON spent_refresh (session);

  CREATE TABLE confirmations (
    hash TEXT PRIMARY KEY CHECK (${sha256('hash')}),
    session INTEGER NOT NULL REFERENCES sessions (n),
    until INTEGER NOT NULL CHECK (${time('until')})
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX confirmations_of ON confirmations (session);
  CREATE INDEX confirmations_over ON confirmations (until);

  CREATE TABLE spent_proofs (
    -- The name of a proof, which is shorter than any proof.
    once TEXT PRIMARY KEY CHECK (length(once) BETWEEN 1 AND 64),
    until INTEGER NOT NULL CHECK (${time('until')})
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX spent_proofs_over ON spent_proofs (until);
  `;
