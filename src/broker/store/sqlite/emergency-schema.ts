/**
 * The table of emergency requests: with which incident they end, and what people make of them afterwards.
 * @module
 */

const time = (column: string): string => `${column} BETWEEN 0 AND 9007199254740991`;

export const EMERGENCY_TABLES = `
  CREATE TABLE emergencies (
    request_n INTEGER PRIMARY KEY REFERENCES requests (n),
    source TEXT NOT NULL CHECK (source <> ''),
    incident TEXT CHECK (incident <> ''),
    asked_at INTEGER NOT NULL CHECK (${time('asked_at')}),
    warn_seconds INTEGER NOT NULL CHECK (warn_seconds >= 0),
    watched INTEGER NOT NULL CHECK (watched IN (0, 1)),
    review_opened_at INTEGER CHECK (${time('review_opened_at')}),
    review TEXT CHECK (json_valid(review)) CHECK (review IS NULL OR review_opened_at IS NOT NULL),
    version INTEGER NOT NULL CHECK (version > 0),
    unreviewed INTEGER NOT NULL GENERATED ALWAYS AS (review_opened_at IS NOT NULL AND review IS NULL) VIRTUAL
  ) STRICT;
  CREATE INDEX emergencies_watched ON emergencies (watched, request_n) WHERE watched = 1;
  CREATE INDEX emergencies_of ON emergencies (source, incident, request_n);
  CREATE INDEX emergencies_newest ON emergencies (asked_at, request_n);
  CREATE INDEX emergencies_unreviewed ON emergencies (unreviewed, request_n) WHERE unreviewed = 1;
  `;
