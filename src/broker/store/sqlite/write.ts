/**
 * Writes one change. Runs inside a transaction that holds the write lock, so that what it checks stays true until the commit.
 * @module
 */
import { JitError } from '../../../core/errors.ts';
import type { Grant, GrantState } from '../../../core/grant.ts';
import type { GrantId } from '../../../core/ids.ts';
import type { Change, StoredGrant } from '../store.ts';
import { appendEntries } from './append.ts';
import { filePrincipal } from './principals.ts';
import type { Statements } from './statements.ts';

/** Throws `ERR_CONFLICT` as the port says; whatever it throws, the caller undoes what was written. */
export function writeChange(sql: Statements, change: Change): void {
  if (change.request !== undefined) writeRequest(sql, change.request);
  if (change.grant !== undefined) writeGrant(sql, change.grant);
  if (change.done !== undefined) {
    const { grant, kind, target } = change.done;
    sql('effectDone').run({ grant, kind, target });
  }
  if (change.effects !== undefined && change.effects.length > 0) {
    writeEffects(sql, change.grant?.grant.id, change.effects);
  }
  if (change.entries.length > 0) appendEntries(sql, change.entries);
}

function writeRequest(sql: Statements, change: NonNullable<Change['request']>): void {
  const { request, hash, decision, grant, idempotency } = change;
  const decided = {
    state: decision.state,
    tier: decision.tier,
    why: decision.why,
    policy: decision.policy,
    grantId: grant,
  };
  const standing = sql('requestStanding').get({ id: request.id });
  if (standing !== undefined) {
    // A decision is final and a grant is for good, so that of two racing deciders one learns that it was late.
    const late = standing['state'] !== 'pending' && standing['state'] !== decision.state;
    const another = standing['grant_id'] !== null && standing['grant_id'] !== grant;
    if (late || another || standing['hash'] !== hash)
      throw conflict('the request has been decided meanwhile', request.id);
    sql('requestDecide').run({ id: request.id, ...decided });
    return;
  }
  const { kind: requesterKind, name, groups, actsFor } = request.requester;
  const filed = filePrincipal(sql, request.requester);
  if (idempotency !== null) {
    const { requester } = filed;
    const taken = sql('replayed').get({ requester, key: idempotency.key });
    if (taken !== undefined) throw conflict('that idempotency key is taken', undefined);
  }
  sql('requestInsert').run({
    id: request.id,
    ...filed,
    requesterKind,
    name,
    groups: JSON.stringify(groups),
    personName: actsFor?.name ?? null,
    personGroups: actsFor === undefined ? null : JSON.stringify(actsFor.groups),
    asks: JSON.stringify(request.asks),
    permissions: JSON.stringify(request.permissions),
    seconds: request.seconds,
    reason: request.reason,
    ticket: request.ticket,
    createdAt: request.createdAt,
    hash,
    ...decided,
    idempotencyKey: idempotency?.key ?? null,
    bodyHash: idempotency?.bodyHash ?? null,
  });
}

function writeGrant(sql: Statements, change: StoredGrant): void {
  const { grant, requester, version, createdAt, deliveredAt } = change;
  const changing = { id: grant.id, seconds: grant.seconds, ...stateCells(grant.state), deliveredAt };
  const written =
    version === 0
      ? sql('grantInsert').run({ ...changing, requestId: grant.requestId, ...filePrincipal(sql, requester), createdAt })
      : sql('grantUpdate').run({ ...changing, version });
  if (written.changes !== 1) throw conflict('the grant has changed meanwhile', grant.id);
  writeLegs(sql, grant);
}

function stateCells(state: GrantState) {
  const none = { stateAt: null, expiresAt: null, closeReason: null };
  switch (state.name) {
    case 'issuing':
      return { ...none, state: state.name };
    case 'active':
      return { ...none, state: state.name, stateAt: state.issuedAt, expiresAt: state.expiresAt };
    case 'revoking':
    case 'stuck':
      return { ...none, state: state.name, stateAt: state.since, closeReason: state.reason };
    case 'closed':
      return { ...none, state: state.name, stateAt: state.closedAt, closeReason: state.reason };
  }
}

function writeLegs(sql: Statements, grant: Grant): void {
  const { stateAt, closeReason } = stateCells(grant.state);
  for (const [position, leg] of grant.legs.entries()) {
    const endedAt = closeReason === null ? null : stateAt;
    const { target, provider, handle, state, endsAt, notAfter, attempts, problem } = leg;
    const cells = { target, provider, handle, state, endsAt, notAfter, attempts, problem };
    sql('legPut').run({ grantId: grant.id, position, ...cells, endedAt });
  }
}

function writeEffects(sql: Statements, grantId: GrantId | undefined, effects: NonNullable<Change['effects']>): void {
  if (grantId === undefined) {
    throw new JitError({ code: 'ERR_UNEXPECTED', message: 'effects are stored with the grant that they belong to' });
  }
  for (const effect of effects) {
    const { kind, dueAt, claimedUntil } = effect;
    sql('effectPut').run({ grantId, kind, target: 'target' in effect ? effect.target : '', dueAt, claimedUntil });
  }
}

function conflict(message: string, subject: string | undefined): JitError {
  return new JitError({ code: 'ERR_CONFLICT', message, hint: 'read it again and decide anew', subject });
}
