/**
 * A store as full as a large broker's, written by SQL, because the way there does not matter.
 * @module
 */
import type { DatabaseSync } from 'node:sqlite';
import { START } from '../samples.ts';

/**
 * Twenty targets, each grant active with one effect due later, every hundredth grant revoked early, as many sessions and spent
 * tokens, the first 50,000 of them over, and a tenth as many requests that are still open.
 */
export function fill(db: DatabaseSync, grants: number): void {
  db.exec(`
    BEGIN;
    CREATE TEMP TABLE numbers AS
      WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < ${grants} - 1)
      SELECT i, printf('%026d', i) AS body, 'subject-' || (i % 500) AS subject, 1 + i % 500 AS who, 'target-' || (i % 20) AS target FROM numbers;
    INSERT INTO principals (issuer, subject) SELECT 'os', subject FROM numbers WHERE i < 500;
    INSERT INTO requests (id, requester, owner, requester_kind, name, groups, asks, permissions, seconds, reason, created_at,
        hash, state, why, policy, quorum, votes, version, grant_id)
      SELECT 'req_' || body, who, who, 'user', subject, '[]', '[]', '[]', 60, 'r', ${START} + i,
        'h', 'approved', 'w', 'p', '[]', '[]', 1, 'gr_' || body FROM numbers;
    INSERT INTO requests (id, requester, owner, requester_kind, name, groups, asks, permissions, seconds, reason, created_at,
        hash, state, why, policy, quorum, votes, deadline, version)
      SELECT 'req_9' || substr(body, 2), who, who, 'user', subject, '[]', '[]', '[]', 60, 'r', ${START} + i,
        'h', iif(i % 3 = 0, 'approved', 'pending'), 'w', 'p', '[{"group":null,"approvers":1}]', '[]', ${START} + i, 1
        FROM numbers WHERE i % 10 = 0;
    INSERT INTO grants (n, id, requester, owner, seconds, state, state_at, expires_at, version, created_at)
      SELECT i + 1, 'gr_' || body, who, who, 60, 'active', ${START}, ${START} + i, 1, ${START} + i FROM numbers;
    INSERT INTO legs (grant_n, position, target, provider, handle, name, state, ends_at, not_after, issues, attempts, ended_at)
      SELECT i + 1, 0, target, 'aws', 'h', 'n', 'issued', ${START} + 600000, ${START} + 900000, 1, 0,
        iif(i % 100 = 0, ${START}, NULL) FROM numbers;
    INSERT INTO effects (grant_n, kind, target, due_at)
      SELECT i + 1, 'expire', '', ${START} + 60000 + i FROM numbers UNION ALL
      SELECT i + 1, 'revoke', target, ${START} + 60000 + i FROM numbers;
    INSERT INTO entries (seq, request_n, grant_n, line, leaf)
      SELECT i, i + 1, i + 1, '{}', zeroblob(32) FROM numbers WHERE i < 1000;
    INSERT INTO sessions (id, provider, principal, key_thumbprint, access_hash, access_until, refresh_hash, created_at,
        expires_at, verified_at, renewal, version)
      SELECT 'ses_' || body, 'corp', json_object('kind', 'user', 'issuer', 'os', 'subject', subject, 'name', subject, 'groups', json_array()), 'k', printf('%064d', i), ${START},
        printf('%064d', i), ${START}, ${START} + i - 50000, ${START}, 'on demand', 1 FROM numbers;
    INSERT INTO spent_refresh (hash, session) SELECT printf('%064d', i), i + 1 FROM numbers;
    INSERT INTO spent_proofs (once, until) SELECT body, ${START} + i - 50000 FROM numbers;
    DROP TABLE numbers;
    COMMIT;`);
}
