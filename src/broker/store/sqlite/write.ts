/**
 * Writes one change. Runs inside a transaction that holds the write lock, so that what it checks stays true until the commit.
 * @module
 */
import type { RevocationClass } from '../../../core/access.ts';
import { JitError } from '../../../core/errors.ts';
import type { Grant, GrantState } from '../../../core/grant.ts';
import type { Change, StoredGrant } from '../store.ts';
import { appendEntries } from './append.ts';
import { integer } from './cells.ts';
import { writeEmergency } from './emergency-store.ts';
import { writeNotices } from './notice-store.ts';
import { type Numbers, numbersOf } from './numbers.ts';
import { filePrincipal } from './principals.ts';
import type { Statements } from './statements.ts';

/** Throws `ERR_CONFLICT` as the port says; whatever it throws, the caller undoes what was written. */
export function writeChange(sql: Statements, change: Change): void {
  const numbers = numbersOf(sql);
  const { request, grant, done, effects = [] } = change;
  if (request !== undefined) numbers.note(request.request.id, writeRequest(sql, request));
  if (grant !== undefined) writeGrant(sql, numbers, grant);
  writeEmergency(sql, numbers, change);
  if (done !== undefined) sql('effectDone').run({ grant: done.grant, kind: done.kind, target: done.target });
  if (effects.length > 0) writeEffects(sql, grantNumber(numbers, grant), effects);
  writeNotices(sql, numbers, change.notices ?? []);
  appendEntries(sql, numbers, change.entries);
}

/** @returns the request's number. */
function writeRequest(sql: Statements, change: NonNullable<Change['request']>): number {
  const { request, hash, decision, votes, grant, version, idempotency } = change;
  const decided = {
    state: decision.state,
    tier: decision.tier,
    why: decision.why,
    policy: decision.policy,
    quorum: JSON.stringify(decision.quorum),
    votes: JSON.stringify(votes),
    deadline: decision.deadline,
    grantId: grant,
  };
  const standing = sql('requestStanding').get({ id: request.id });
  if (standing !== undefined || version > 0) {
    const another = standing?.['grant_id'] !== null && standing?.['grant_id'] !== grant;
    if (standing === undefined || another || standing['hash'] !== hash) throw moved(request.id);
    const { changes } = sql('requestDecide').run({ id: request.id, ...decided, version });
    if (changes !== 1) throw moved(request.id);
    return integer(standing, 'n');
  }
  const { kind: requesterKind, name, groups, personKey, actsFor } = request.requester;
  const filed = filePrincipal(sql, request.requester);
  if (idempotency !== null) {
    const { requester } = filed;
    const taken = sql('replayed').get({ requester, key: idempotency.key });
    if (taken !== undefined) throw conflict('that idempotency key is taken', undefined);
  }
  const { lastInsertRowid } = sql('requestInsert').run({
    id: request.id,
    ...filed,
    requesterKind,
    name,
    groups: JSON.stringify(groups),
    personKey: personKey ?? null,
    personName: actsFor?.name ?? null,
    personGroups: actsFor === undefined ? null : JSON.stringify(actsFor.groups),
    personsKey: actsFor?.personKey ?? null,
    asks: JSON.stringify(request.asks),
    permissions: JSON.stringify(request.permissions),
    seconds: request.seconds,
    reason: request.reason,
    ticket: request.ticket,
    incident: request.incident === null ? null : JSON.stringify(request.incident),
    createdAt: request.createdAt,
    hash,
    ...decided,
    idempotencyKey: idempotency?.key ?? null,
    bodyHash: idempotency?.bodyHash ?? null,
  });
  return Number(lastInsertRowid);
}

function writeGrant(sql: Statements, numbers: Numbers, change: StoredGrant): void {
  const { grant, requester, version, createdAt, deliveredAt } = change;
  const { id, seconds } = grant;
  const changing = { id, seconds, ...stateCells(grant.state), deliveredAt };
  const written =
    version === 0
      ? sql('grantInsert').run({
          ...changing,
          n: numbers.of(grant.requestId),
          ...filePrincipal(sql, requester),
          createdAt,
        })
      : sql('grantUpdate').run({ ...changing, version });
  if (written.changes !== 1) throw conflict('the grant has changed meanwhile', id);
  writeTerms(sql, numbers.of(id), change);
  writeLegs(sql, numbers.of(id), grant);
}

function writeTerms(sql: Statements, n: number, { grant, usedAt, renewalKeys }: StoredGrant): void {
  const { renewals, idleSeconds } = grant;
  if (renewals === 0 && idleSeconds === null && renewalKeys.length === 0 && usedAt === null) return;
  const keys = renewalKeys.length === 0 ? null : JSON.stringify(renewalKeys);
  sql('grantTerms').run({ n, renewals, renewalKeys: keys, idleSeconds, usedAt });
}

function stateCells(state: GrantState) {
  const none = { stateAt: null, expiresAt: null, closeReason: null, cut: null };
  switch (state.name) {
    case 'issuing':
      return { ...none, state: state.name };
    case 'active':
      return { ...none, state: state.name, stateAt: state.issuedAt, expiresAt: state.expiresAt, cut: state.cut };
    case 'revoking':
    case 'stuck':
      return { ...none, state: state.name, stateAt: state.since, closeReason: state.reason };
    case 'closed':
      return { ...none, state: state.name, stateAt: state.closedAt, closeReason: state.reason };
  }
}

function writeLegs(sql: Statements, n: number, grant: Grant): void {
  const { stateAt, closeReason } = stateCells(grant.state);
  if (new Set(grant.legs.map((leg) => leg.target)).size !== grant.legs.length) {
    throw new JitError({ code: 'ERR_UNEXPECTED', message: 'a grant has one leg at a target' });
  }
  for (const [position, leg] of grant.legs.entries()) {
    const endedAt = closeReason === null ? null : stateAt;
    const { target, provider, handle, name, state, endsAt, notAfter, issues, attempts, problem, gone } = leg;
    const revokedWithin = secondsToRevoke(leg.revocation);
    const doubt = { attempts, problem, goneAt: gone?.at ?? null, proof: gone?.proof ?? null };
    const cells = { target, provider, handle, name, revokedWithin, state, endsAt, notAfter, issues, ...doubt };
    sql('legPut').run({ n, position, ...cells, endedAt });
  }
}

function secondsToRevoke(revocation: RevocationClass): number | null {
  switch (revocation.kind) {
    case 'immediate':
      return 0;
    case 'within':
      return revocation.seconds;
    case 'expiry-only':
      return null;
    default:
      return revocation satisfies never;
  }
}

function writeEffects(sql: Statements, n: number, effects: NonNullable<Change['effects']>): void {
  for (const effect of effects) {
    const { kind, dueAt, claimedUntil } = effect;
    sql('effectPut').run({ n, kind, target: 'target' in effect ? effect.target : '', dueAt, claimedUntil });
  }
}

function grantNumber(numbers: Numbers, grant: StoredGrant | undefined): number {
  if (grant !== undefined) return numbers.of(grant.grant.id);
  throw new JitError({ code: 'ERR_UNEXPECTED', message: 'effects are stored with the grant that they belong to' });
}

function moved(subject: string): JitError {
  return conflict('the request has changed meanwhile', subject);
}

function conflict(message: string, subject: string | undefined): JitError {
  return new JitError({ code: 'ERR_CONFLICT', message, hint: 'read it again and decide anew', subject });
}
