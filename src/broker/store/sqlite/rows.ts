/**
 * Rows to domain objects. Reading is strict: what is not exactly what the store writes is a `TypeError`, and no guess.
 * @module
 */
import type { RevocationClass } from '../../../core/access.ts';
import { CLOSE_REASONS, type GrantState, type Leg } from '../../../core/grant.ts';
import { isGrantId, isRequestId } from '../../../core/ids.ts';
import type { BoundIncident } from '../../../core/incident.ts';
import type { Mark } from '../../../core/ports.ts';
import type { Principal, PrincipalKey } from '../../../core/principal.ts';
import { TIERS } from '../../../core/tier.ts';
import type { ClaimedEffect, StoredGrant, StoredRequest } from '../store.ts';
import { guarded, integer, list, orNull, type Row, text, word } from './cells.ts';
import { asAsk, asBound, asIdempotency, asPermission, asQuorum, asText, asVote } from './members.ts';

export const GRANT_STATES = ['issuing', 'active', 'revoking', 'stuck', 'closed'] as const;
const CUTS = ['incident-closed'] as const;
const LEG_STATES = ['intended', 'maybe-issued', 'issued', 'gone'] as const;
const REQUEST_STATES = ['pending', 'approved', 'denied', 'cancelled', 'timed-out'] as const;
const EFFECTS = ['issue', 'revoke', 'tidy', 'expire', 'claim-by', 'idle'] as const;
const REQUESTERS = ['user', 'workload', 'agent'] as const;

export function readRequest(row: Row): StoredRequest {
  return {
    request: {
      id: guarded(isRequestId, row, 'id'),
      requester: readRequester(row),
      asks: list(asAsk, row, 'asks'),
      permissions: list(asPermission, row, 'permissions'),
      seconds: integer(row, 'seconds'),
      reason: text(row, 'reason'),
      ticket: orNull(text, row, 'ticket'),
      incident: orNull(readBound, row, 'incident'),
      createdAt: integer(row, 'created_at'),
    },
    hash: text(row, 'hash'),
    decision: {
      state: word(REQUEST_STATES, row, 'state'),
      tier: row['tier'] === null ? null : word(TIERS, row, 'tier'),
      why: text(row, 'why'),
      policy: text(row, 'policy'),
      quorum: list(asQuorum, row, 'quorum'),
      deadline: orNull(integer, row, 'deadline'),
    },
    votes: list(asVote, row, 'votes'),
    version: integer(row, 'version'),
    grant: row['grant_id'] === null ? null : guarded(isGrantId, row, 'grant_id'),
  };
}

function readBound(row: Row, column: string): BoundIncident {
  const bound = asBound(JSON.parse(text(row, column)));
  if (bound === null) throw new TypeError(`column ${column}`);
  return bound;
}

function readRequester(row: Row): Principal {
  const { issuer, subject, actsFor } = readKey(row);
  const kind = word(REQUESTERS, row, 'requester_kind');
  const itself = {
    kind,
    issuer,
    subject,
    name: text(row, 'name'),
    groups: list(asText, row, 'groups'),
    ...keyIn(row, 'person_key'),
  };
  if (actsFor === undefined) {
    // What is said of a person without the person would turn what an agent did into what somebody did alone.
    const orphan = ['person_name', 'person_groups', 'persons_key'].find((column) => row[column] !== null);
    if (orphan !== undefined) throw new TypeError(`column ${orphan}`);
    return itself;
  }
  const person = {
    name: text(row, 'person_name'),
    groups: list(asText, row, 'person_groups'),
    ...keyIn(row, 'persons_key'),
  };
  return { ...itself, actsFor: { kind: 'user', ...actsFor, ...person } };
}

function keyIn(row: Row, column: string): Pick<Principal, 'personKey'> {
  const personKey = orNull(text, row, column);
  return personKey === null ? {} : { personKey };
}

function readKey(row: Row): PrincipalKey {
  const itself = { issuer: text(row, 'issuer'), subject: text(row, 'subject') };
  if (row['person'] === null) return itself;
  return { ...itself, actsFor: { issuer: text(row, 'person_issuer'), subject: text(row, 'person_subject') } };
}

export function readGrant(row: Row, legs: readonly Row[]): StoredGrant {
  return {
    grant: {
      id: guarded(isGrantId, row, 'id'),
      requestId: guarded(isRequestId, row, 'request_id'),
      seconds: integer(row, 'seconds'),
      renewals: integer(row, 'renewals'),
      idleSeconds: orNull(integer, row, 'idle_seconds'),
      state: readState(row),
      legs: legs.map(readLeg),
    },
    requester: readKey(row),
    version: integer(row, 'version'),
    createdAt: integer(row, 'created_at'),
    deliveredAt: orNull(integer, row, 'delivered_at'),
    usedAt: orNull(integer, row, 'used_at'),
    renewalKeys: row['renewal_keys'] === null ? [] : list(asIdempotency, row, 'renewal_keys'),
  };
}

function readState(row: Row): GrantState {
  const name = word(GRANT_STATES, row, 'state');
  switch (name) {
    case 'issuing':
      return { name };
    case 'active':
      return {
        name,
        issuedAt: integer(row, 'state_at'),
        expiresAt: integer(row, 'expires_at'),
        cut: row['cut'] === null ? null : word(CUTS, row, 'cut'),
      };
    case 'revoking':
    case 'stuck':
      return { name, reason: word(CLOSE_REASONS, row, 'close_reason'), since: integer(row, 'state_at') };
    case 'closed':
      return { name, reason: word(CLOSE_REASONS, row, 'close_reason'), closedAt: integer(row, 'state_at') };
  }
}

function readLeg(row: Row): Leg {
  return {
    target: text(row, 'target'),
    provider: text(row, 'provider'),
    handle: text(row, 'handle'),
    name: text(row, 'name'),
    revocation: readRevocation(orNull(integer, row, 'revoked_within')),
    state: word(LEG_STATES, row, 'state'),
    endsAt: orNull(integer, row, 'ends_at'),
    notAfter: integer(row, 'not_after'),
    issues: integer(row, 'issues'),
    attempts: integer(row, 'attempts'),
    problem: orNull(text, row, 'problem'),
    gone: row['gone_at'] === null ? null : { at: integer(row, 'gone_at'), proof: text(row, 'proof') },
  };
}

function readRevocation(seconds: number | null): RevocationClass {
  if (seconds === null) return { kind: 'expiry-only' };
  return seconds === 0 ? { kind: 'immediate' } : { kind: 'within', seconds };
}

export function readMark(row: Row): Mark {
  return {
    grant: guarded(isGrantId, row, 'grant_id'),
    target: text(row, 'target'),
    handle: text(row, 'handle'),
    endsAt: orNull(integer, row, 'ends_at'),
    notAfter: integer(row, 'not_after'),
  };
}

export function readEffect(row: Row): ClaimedEffect {
  return {
    grant: guarded(isGrantId, row, 'grant_id'),
    kind: word(EFFECTS, row, 'kind'),
    target: text(row, 'target'),
    dueAt: integer(row, 'due_at'),
    attempted: row['claimed_until'] === null ? 'never' : 'maybe',
  };
}
