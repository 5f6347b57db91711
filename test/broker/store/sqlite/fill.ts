/**
 * A store as full as a large broker's, written by SQL, because the way there does not matter.
 * @module
 */
import type { DatabaseSync } from 'node:sqlite';
import { START } from '../samples.ts';

/** Twenty targets, each grant active with one effect due later, every hundredth grant revoked early, and as many sessions and spent tokens. */
export function fill(db: DatabaseSync, grants: number): void {
  db.exec(`
    BEGIN;
    CREATE TEMP TABLE numbers AS
      WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < ${grants} - 1)
      SELECT i, printf('%026d', i) AS body, 'subject-' || (i % 500) AS subject, 1 + i % 500 AS who, 'target-' || (i % 20) AS target FROM numbers;
    INSERT INTO principals (issuer, subject) SELECT 'os', subject FROM numbers WHERE i < 500;
    INSERT INTO requests (id, requester, owner, requester_kind, name, groups, asks, permissions, seconds, reason, created_at,
        hash, state, why, policy, grant_id)
      SELECT 'req_' || body, who, who, 'user', subject, '[]', '[]', '[]', 60, 'r', ${START} + i,
        'h', 'approved', 'w', 'p', 'gr_' || body FROM numbers;
    INSERT INTO grants (id, request_id, requester, owner, seconds, state, state_at, expires_at, version, created_at)
      SELECT 'gr_' || body, 'req_' || body, who, who, 60, 'active', ${START}, ${START} + i, 1, ${START} + i FROM numbers;
    INSERT INTO legs (grant_id, position, target, provider, handle, state, ends_at, not_after, attempts, ended_at)
      SELECT 'gr_' || body, 0, target, 'aws', 'h', 'issued', ${START} + 600000, ${START} + 900000, 0,
        iif(i % 100 = 0, ${START}, NULL) FROM numbers;
    INSERT INTO effects (grant_id, kind, target, due_at)
      SELECT 'gr_' || body, 'expire', '', ${START} + 60000 + i FROM numbers UNION ALL
      SELECT 'gr_' || body, 'revoke', target, ${START} + 60000 + i FROM numbers;
    INSERT INTO entries (seq, request_id, grant_id, line, leaf)
      SELECT i, 'req_' || body, 'gr_' || body, '{}', zeroblob(32) FROM numbers WHERE i < 1000;
    INSERT INTO sessions (id, provider, principal, key_thumbprint, access_hash, access_until, refresh_hash, created_at,
        expires_at, verified_at, renewal, version)
      SELECT 'ses_' || body, 'corp', json_object('issuer', 'os', 'subject', subject), 'k', printf('%064d', i), ${START},
        printf('%064d', i), ${START}, ${START} + i, ${START}, 'on demand', 1 FROM numbers;
    INSERT INTO spent_refresh (hash, session) SELECT printf('%064d', i), i + 1 FROM numbers;
    INSERT INTO spent_proofs (once, until) SELECT body, ${START} + i FROM numbers;
    DROP TABLE numbers;
    COMMIT;`);
}
