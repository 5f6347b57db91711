/**
 * The tables, as an ordered list of migrations. A migration that has been released is never changed: add another.
 * @module
 */
import { EMERGENCY_TABLES } from './emergency-schema.ts';
import { NOTICE_TABLES } from './notice-schema.ts';
import { REPORT_TABLES } from './report-schema.ts';
import { SESSION_TABLES } from './session-schema.ts';
import { WEB_TABLES, WEB_VERDICTS } from './web-schema.ts';

/**
 * Written into the header of the file, so that no other program's database is taken for a store, nor one in the forms that
 * were tried before the first release (`jit1` to `jit6`): `jit7` in ASCII.
 */
export const APPLICATION_ID = 0x6a697437;

/** Entry n brings a database from version n to n + 1. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE migrations (
    version INTEGER PRIMARY KEY,
    applied_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE principals (
    n INTEGER PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- For whom an agent acts.
    person INTEGER REFERENCES principals (n)
  ) STRICT;
  CREATE UNIQUE INDEX principals_themselves ON principals (issuer, subject) WHERE person IS NULL;
  CREATE UNIQUE INDEX principals_agents ON principals (person, issuer, subject) WHERE person IS NOT NULL;

  CREATE TABLE requests (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE CHECK (id GLOB 'req_*'),
    requester INTEGER NOT NULL REFERENCES principals (n),
    -- Who answers for it: the person of an agent, or the requester.
    owner INTEGER NOT NULL REFERENCES principals (n),
    requester_kind TEXT NOT NULL CHECK (requester_kind IN ('user', 'workload', 'agent')),
    name TEXT NOT NULL,
    groups TEXT NOT NULL CHECK (json_valid(groups)),
    -- Which human being, where the identity provider says so: nobody counts as two people.
    person_key TEXT,
    person_name TEXT CHECK ((person_name IS NULL) = (owner = requester)),
    person_groups TEXT CHECK (json_valid(person_groups)) CHECK ((person_groups IS NULL) = (owner = requester)),
    persons_key TEXT CHECK (persons_key IS NULL OR owner <> requester),
    asks TEXT NOT NULL CHECK (json_valid(asks)),
    permissions TEXT NOT NULL CHECK (json_valid(permissions)),
    seconds INTEGER NOT NULL CHECK (seconds > 0),
    reason TEXT NOT NULL,
    ticket TEXT,
    -- For an emergency: the incident that it is bound to.
    incident TEXT CHECK (json_valid(incident)),
    created_at INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    hash TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'cancelled', 'timed-out')),
    tier TEXT CHECK (tier IN ('auto', 'self-serve', 'manual', 'break-glass')),
    why TEXT NOT NULL,
    policy TEXT NOT NULL,
    quorum TEXT NOT NULL CHECK (json_valid(quorum)),
    votes TEXT NOT NULL CHECK (json_valid(votes)),
    deadline INTEGER CHECK (deadline BETWEEN 0 AND 9007199254740991),
    version INTEGER NOT NULL CHECK (version > 0),
    grant_id TEXT CHECK (grant_id GLOB 'gr_*'),
    idempotency_key TEXT,
    body_hash TEXT,
    CHECK ((idempotency_key IS NULL) = (body_hash IS NULL))
  ) STRICT;
  CREATE UNIQUE INDEX requests_replay ON requests (requester, idempotency_key) WHERE idempotency_key IS NOT NULL;
  CREATE INDEX requests_newest ON requests (created_at);
  CREATE INDEX requests_open ON requests (deadline) WHERE grant_id IS NULL AND state IN ('pending', 'approved');
  CREATE INDEX requests_of ON requests (owner, created_at);
  CREATE INDEX requests_by ON requests (requester, created_at) WHERE requester <> owner;

  CREATE TABLE grants (
    -- The number of its request, which becomes at most one grant, however many brokers decide it at once.
    n INTEGER PRIMARY KEY REFERENCES requests (n),
    id TEXT NOT NULL UNIQUE CHECK (id GLOB 'gr_*'),
    requester INTEGER NOT NULL REFERENCES principals (n),
    owner INTEGER NOT NULL REFERENCES principals (n),
    seconds INTEGER NOT NULL CHECK (seconds > 0),
    state TEXT NOT NULL CHECK (state IN ('issuing', 'active', 'revoking', 'stuck', 'closed')),
    -- When it came to this state: issuedAt, since or closedAt.
    state_at INTEGER CHECK ((state_at IS NULL) = (state = 'issuing')),
    expires_at INTEGER CHECK ((expires_at IS NULL) = (state <> 'active')),
    close_reason TEXT
      CHECK (close_reason IN ('expired', 'revoked', 'completed', 'idle', 'incident-closed', 'failed'))
      CHECK ((close_reason IS NULL) = (state IN ('issuing', 'active'))),
    -- Why an active one ends sooner than was granted.
    cut TEXT CHECK (cut = 'incident-closed') CHECK (cut IS NULL OR state = 'active'),
    version INTEGER NOT NULL CHECK (version > 0),
    created_at INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    delivered_at INTEGER,
    renewals INTEGER NOT NULL DEFAULT 0 CHECK (renewals >= 0),
    renewal_keys TEXT CHECK (json_valid(renewal_keys)),
    idle_seconds INTEGER CHECK (idle_seconds > 0),
    -- The last sign of use. Without an idle limit nobody wants to know.
    used_at INTEGER CHECK (used_at IS NULL OR idle_seconds IS NOT NULL)
  ) STRICT;
  CREATE INDEX grants_newest ON grants (state, created_at);
  -- By owner without the state: it moves several times in the life of a grant, and each move would rewrite the index.
  CREATE INDEX grants_of ON grants (owner, created_at);
  CREATE INDEX grants_live_of ON grants (owner, created_at) WHERE state <> 'closed';
  CREATE INDEX grants_by ON grants (requester, created_at) WHERE requester <> owner;

  CREATE TABLE legs (
    grant_n INTEGER NOT NULL REFERENCES grants (n),
    position INTEGER NOT NULL CHECK (position >= 0),
    target TEXT NOT NULL CHECK (target <> ''),
    provider TEXT NOT NULL,
    handle TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Seconds within which access is gone after a revocation: 0 at once, null only by expiry.
    revoked_within INTEGER,
    state TEXT NOT NULL CHECK (state IN ('intended', 'maybe-issued', 'issued', 'gone')),
    ends_at INTEGER,
    not_after INTEGER NOT NULL,
    issues INTEGER NOT NULL CHECK (issues >= 0),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    problem TEXT,
    gone_at INTEGER,
    proof TEXT CHECK ((proof IS NULL) = (gone_at IS NULL)),
    -- When the grant first began to end. Never moves: a grant does not come back to life.
    ended_at INTEGER,
    -- Whether the cloud may still hold something that outlives the grant. A leg that was refused without ever having an
    -- end is the one kind that surely holds nothing.
    early INTEGER NOT NULL GENERATED ALWAYS AS (
      CASE
        WHEN ended_at IS NULL THEN 0
        WHEN ends_at IS NULL THEN state <> 'gone' OR problem IS NULL
        ELSE ended_at < ends_at
      END
    ) VIRTUAL,
    PRIMARY KEY (grant_n, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX legs_early ON legs (provider, not_after) WHERE early = 1;

  CREATE TABLE effects (
    grant_n INTEGER NOT NULL REFERENCES grants (n),
    kind TEXT NOT NULL CHECK (kind IN ('issue', 'revoke', 'tidy', 'expire', 'claim-by', 'idle')),
    target TEXT NOT NULL CHECK ((target = '') = (kind IN ('expire', 'claim-by', 'idle'))),
    due_at INTEGER NOT NULL CHECK (due_at BETWEEN 0 AND 9007199254740991),
    -- Null: nobody has taken it. Otherwise somebody may have carried it out; 0 when that claim was given up.
    claimed_until INTEGER CHECK (claimed_until BETWEEN 0 AND 9007199254740991),
    ready_at INTEGER NOT NULL GENERATED ALWAYS AS (max(due_at, coalesce(claimed_until, 0))) VIRTUAL,
    PRIMARY KEY (grant_n, kind, target)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX effects_ready ON effects (target, ready_at);
  CREATE INDEX effects_claimed ON effects (claimed_until) WHERE claimed_until > 0;

  CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    request_n INTEGER,
    grant_n INTEGER,
    line TEXT NOT NULL,
    leaf BLOB NOT NULL CHECK (length(leaf) = 32),
    about INTEGER GENERATED ALWAYS AS (coalesce(grant_n, request_n)) VIRTUAL,
    -- Whoever asks for a grant and its request asks for one number.
    CHECK (grant_n = request_n)
  ) STRICT;
  CREATE INDEX entries_about ON entries (about, seq) WHERE about IS NOT NULL;

  -- Guards against mistakes and against REPLACE, which removes rows without telling a DELETE trigger. Who can write the
  -- file can drop them: what proves the log is its Merkle tree.
  CREATE TRIGGER entries_are_appended BEFORE INSERT ON entries
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq) + 1, 0) FROM entries)
    BEGIN SELECT raise(ABORT, 'audit entries are numbered without a gap'); END;
  CREATE TRIGGER entries_stay BEFORE DELETE ON entries
    BEGIN SELECT raise(ABORT, 'audit entries are never removed'); END;
  CREATE TRIGGER entries_stay_the_same BEFORE UPDATE ON entries
    BEGIN SELECT raise(ABORT, 'audit entries are never changed'); END;
  `,
  SESSION_TABLES,
  WEB_TABLES,
  NOTICE_TABLES,
  EMERGENCY_TABLES,
  REPORT_TABLES,
  WEB_VERDICTS,
];
