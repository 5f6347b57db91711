/**
 * Every statement that the store runs, in one place, so that a test can ask SQLite how it would run each of them.
 * @module
 */
import { EMERGENCY_QUERIES } from './emergency-queries.ts';
import { NOTICE_QUERIES } from './notice-queries.ts';
import { REPORT_QUERIES } from './report-queries.ts';
import { SESSION_QUERIES } from './session-queries.ts';
import { WEB_QUERIES } from './web-queries.ts';

const DUE_TARGETS = `
  WITH RECURSIVE targets (target) AS (
    SELECT min(target) FROM effects
    UNION ALL
    SELECT (SELECT min(target) FROM effects WHERE target > targets.target) FROM targets WHERE targets.target IS NOT NULL
  ),
  free (target) AS (
    SELECT target FROM targets WHERE target IS NOT NULL AND target NOT IN (SELECT value FROM json_each(:busy))
  )`;

/** Steps from one target to the next in the index, so that the work depends on how many targets there are and not on how many effects. */
const DUE = `${DUE_TARGETS}
  SELECT grants.id AS grant_id, due.grant_n, kind, target, due_at, claimed_until FROM (
    SELECT effects.* FROM free CROSS JOIN effects ON (effects.grant_n, effects.kind, effects.target) IN (
      SELECT grant_n, kind, target FROM effects
      WHERE target = free.target AND ready_at <= :now ORDER BY ready_at LIMIT :perTarget
    )
    WHERE free.target <> ''
    UNION ALL
    SELECT effects.* FROM free CROSS JOIN effects ON (effects.grant_n, effects.kind, effects.target) IN (
      SELECT grant_n, kind, target FROM effects
      WHERE target = '' AND ready_at <= :now ORDER BY ready_at LIMIT :limit
    )
    WHERE free.target = ''
  ) AS due LEFT JOIN grants ON grants.n = due.grant_n
  ORDER BY ready_at LIMIT :limit`;

/** Left joins, so that a row whose principal is missing is found, and refused by whoever reads it. */
const requesterOf = (table: string): string => `
  LEFT JOIN principals AS requester ON requester.n = ${table}.requester
  LEFT JOIN principals AS person ON person.n = requester.person`;

const REQUESTER = `
  requester.issuer, requester.subject, requester.person, person.issuer AS person_issuer, person.subject AS person_subject`;

const REQUEST = `
  SELECT requests.id, requester_kind, name, groups, person_key, person_name, person_groups, persons_key, asks, permissions,
    seconds, reason, ticket, incident, created_at, hash, state, tier, why, policy, quorum, votes, deadline, version,
    grant_id, ${REQUESTER}
  FROM requests ${requesterOf('requests')} WHERE requests.id = :id`;

const GRANT = `
  SELECT grants.n, grants.id, requests.id AS request_id, grants.seconds, grants.state, state_at, expires_at, close_reason, cut,
    grants.version, grants.created_at, delivered_at, renewals, renewal_keys, idle_seconds, used_at, ${REQUESTER}
  FROM grants LEFT JOIN requests ON requests.n = grants.n ${requesterOf('grants')} WHERE grants.id = :id`;

const NEWEST = 'ORDER BY created_at DESC, n DESC LIMIT :limit';
const OPEN = "grant_id IS NULL AND state IN ('pending', 'approved')";
const IN_STATES = 'state IN (SELECT value FROM json_each(:states))';

export const QUERIES = {
  principal: 'SELECT n FROM principals WHERE issuer = :issuer AND subject = :subject AND person IS NULL',
  agent: 'SELECT n FROM principals WHERE issuer = :issuer AND subject = :subject AND person = :person',
  principalInsert: 'INSERT INTO principals (issuer, subject, person) VALUES (:issuer, :subject, :person)',

  request: REQUEST,
  requestNumber: 'SELECT n FROM requests WHERE id = :id',
  requestStanding: 'SELECT n, hash, grant_id FROM requests WHERE id = :id',
  requestInsert: `
    INSERT INTO requests (id, requester, owner, requester_kind, name, groups, person_key, person_name, person_groups,
      persons_key, asks, permissions, seconds, reason, ticket, incident, created_at, hash, state, tier, why, policy, quorum,
      votes, deadline, version, grant_id, idempotency_key, body_hash)
    VALUES (:id, :requester, :owner, :requesterKind, :name, :groups, :personKey, :personName, :personGroups,
      :personsKey, :asks, :permissions, :seconds, :reason, :ticket, :incident, :createdAt, :hash, :state, :tier, :why,
      :policy, :quorum, :votes, :deadline, 1, :grantId, :idempotencyKey, :bodyHash)`,
  requestDecide: `
    UPDATE requests SET state = :state, tier = :tier, why = :why, policy = :policy, quorum = :quorum, votes = :votes,
      deadline = :deadline, version = version + 1, grant_id = :grantId
    WHERE id = :id AND version = :version`,
  replayed: 'SELECT id, body_hash FROM requests WHERE requester = :requester AND idempotency_key = :key',
  requestsNewest: `SELECT id FROM requests ${NEWEST}`,
  requestsOpen: `SELECT id FROM requests WHERE ${OPEN} ORDER BY deadline NULLS LAST, n LIMIT :limit`,
  // Of its own: with a condition that can be switched off, all that is open would be walked through to the end.
  requestsDue: `SELECT id FROM requests WHERE ${OPEN} AND deadline <= :by ORDER BY deadline, n LIMIT :limit`,
  nextDeadline: `SELECT min(deadline) AS next FROM requests WHERE ${OPEN}`,
  requestsOf: `SELECT id FROM requests WHERE owner = :owner ${NEWEST}`,
  requestsBy: `SELECT id FROM requests WHERE requester = :requester AND requester <> owner ${NEWEST}`,

  grant: GRANT,
  grantNumber: 'SELECT n FROM grants WHERE id = :id',
  grantInsert: `
    INSERT INTO grants (n, id, requester, owner, seconds, state, state_at, expires_at, close_reason, cut, version,
      created_at, delivered_at)
    VALUES (:n, :id, :requester, :owner, :seconds, :state, :stateAt, :expiresAt, :closeReason, :cut, 1, :createdAt,
      :deliveredAt)
    ON CONFLICT DO NOTHING`,
  grantUpdate: `
    UPDATE grants SET seconds = :seconds, state = :state, state_at = :stateAt, expires_at = :expiresAt,
      close_reason = :closeReason, cut = :cut, version = version + 1, delivered_at = :deliveredAt, renewals = 0,
      renewal_keys = NULL, idle_seconds = NULL, used_at = NULL
    WHERE id = :id AND version = :version`,
  // Of its own: most grants are never renewed and have no limit, and should not pay for those that are or do.
  grantTerms: `
    UPDATE grants SET renewals = :renewals, renewal_keys = :renewalKeys, idle_seconds = :idleSeconds, used_at = :usedAt
    WHERE n = :n`,
  grantsNewest: `SELECT n, id, created_at FROM grants WHERE state = :state ${NEWEST}`,
  grantsOf: `SELECT id FROM grants WHERE owner = :owner AND ${IN_STATES} ${NEWEST}`,
  grantsLiveOf: `SELECT id FROM grants WHERE owner = :owner AND state <> 'closed' AND ${IN_STATES} ${NEWEST}`,
  grantsBy: `SELECT id FROM grants WHERE requester = :requester AND requester <> owner AND ${IN_STATES} ${NEWEST}`,
  grantsLiveBy: `
    SELECT id FROM grants
    WHERE owner = :owner AND requester = :requester AND state <> 'closed' AND ${IN_STATES} ${NEWEST}`,

  legs: `
    SELECT target, provider, handle, name, revoked_within, state, ends_at, not_after, issues, attempts, problem, gone_at,
      proof
    FROM legs WHERE grant_n = :n ORDER BY position`,
  legPut: `
    INSERT INTO legs (grant_n, position, target, provider, handle, name, revoked_within, state, ends_at, not_after,
      issues, attempts, problem, gone_at, proof, ended_at)
    VALUES (:n, :position, :target, :provider, :handle, :name, :revokedWithin, :state, :endsAt, :notAfter, :issues, :attempts,
      :problem, :goneAt, :proof, :endedAt)
    ON CONFLICT (grant_n, position) DO UPDATE SET target = excluded.target, provider = excluded.provider,
      handle = excluded.handle, name = excluded.name, revoked_within = excluded.revoked_within, state = excluded.state, ends_at = excluded.ends_at, not_after = excluded.not_after,
      issues = excluded.issues, attempts = excluded.attempts, problem = excluded.problem, gone_at = excluded.gone_at, proof = excluded.proof,
      ended_at = coalesce(legs.ended_at, excluded.ended_at)`,
  revoked: `
    SELECT grants.id AS grant_id, target, handle, ends_at, not_after FROM legs LEFT JOIN grants ON grants.n = legs.grant_n
    WHERE provider = :provider AND not_after > :now AND early = 1 ORDER BY not_after`,

  effectPut: `
    INSERT INTO effects (grant_n, kind, target, due_at, claimed_until) VALUES (:n, :kind, :target, :dueAt, :claimedUntil)
    ON CONFLICT (grant_n, kind, target) DO UPDATE SET due_at = excluded.due_at, claimed_until = excluded.claimed_until`,
  effectDone: `
    DELETE FROM effects
    WHERE grant_n = (SELECT n FROM grants WHERE id = :grant) AND kind = :kind AND target = :target`,
  due: DUE,
  effectClaim: 'UPDATE effects SET claimed_until = :until WHERE grant_n = :n AND kind = :kind AND target = :target',
  nextDue: `${DUE_TARGETS}
    SELECT min((SELECT min(ready_at) FROM effects WHERE target = free.target)) AS next FROM free`,
  releaseClaims: 'UPDATE effects SET claimed_until = 0 WHERE claimed_until > 0',

  nextSequence: 'SELECT coalesce(max(seq) + 1, 0) AS next FROM entries',
  entryInsert:
    'INSERT INTO entries (seq, request_n, grant_n, line, leaf) VALUES (:seq, :request, :grant, :line, :leaf)',
  entries: 'SELECT seq, line FROM entries WHERE seq >= :from ORDER BY seq LIMIT :limit',
  entriesOfGrant:
    'SELECT seq, line FROM entries WHERE about = :n AND grant_n = :n AND seq >= :from ORDER BY seq LIMIT :limit',
  entriesOfRequest:
    'SELECT seq, line FROM entries WHERE about = :n AND request_n = :n AND seq >= :from ORDER BY seq LIMIT :limit',
  entriesOfBoth: `
    SELECT seq, line FROM entries WHERE about = :n AND grant_n = :n AND request_n = :n AND seq >= :from
    ORDER BY seq LIMIT :limit`,

  ...EMERGENCY_QUERIES,
  ...NOTICE_QUERIES,
  ...REPORT_QUERIES,
  ...SESSION_QUERIES,
  ...WEB_QUERIES,
} as const;
