/**
 * The table of emergency requests: with which incident they end, and what people make of them afterwards.
 * @module
 */
import { DRILLS } from '../../../core/incident.ts';

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
    -- Of drills and of what came to nothing anybody can have as much as they like: it comes last wherever a list has an end, so
    -- that it pushes nothing out.
    minor INTEGER NOT NULL GENERATED ALWAYS AS (
      source = '${DRILLS}' OR (watched = 0 AND review_opened_at IS NULL)
    ) VIRTUAL,
    unreviewed INTEGER NOT NULL GENERATED ALWAYS AS (review_opened_at IS NOT NULL AND review IS NULL) VIRTUAL
  ) STRICT;
  CREATE INDEX emergencies_watched ON emergencies (watched, request_n) WHERE watched = 1;
  CREATE INDEX emergencies_of ON emergencies (source, incident, watched, request_n);
  CREATE INDEX emergencies_newest ON emergencies (minor, asked_at, request_n);
  CREATE INDEX emergencies_unreviewed ON emergencies (unreviewed, minor, request_n) WHERE unreviewed = 1;
  `;
