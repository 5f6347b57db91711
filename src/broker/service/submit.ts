/**
 * A request comes in: decided, made durable with its intent, then carried out.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import { type ErrorCode, JitError } from '../../core/errors.ts';
import { openGrant } from '../../core/grant.ts';
import { grantId, requestId } from '../../core/ids.ts';
import type { Principal } from '../../core/principal.ts';
import { type AccessRequest, type Decision, requestHash } from '../../core/request.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { RequestBody } from '../../wire/bodies.ts';
import type { Idempotency, StoredGrant, StoredRequest } from '../store/store.ts';
import { byTarget, type Draft, draft, placeOf } from './decide.ts';
import type { World } from './world.ts';

/** How long the broker that took a request keeps its issue effects to itself. */
export const CLAIM_MS = 60_000;

export interface Submitted {
  readonly request: StoredRequest;
  readonly grant: StoredGrant | null;
  /** Whether this call made the request, or an earlier one with the same key did. */
  readonly made: 'now' | 'earlier';
}

/**
 * Stores the request with its decision. When it is granted, the grant's intent is stored with it and its `issue` effects
 * are claimed for the caller, who carries them out. A denial is stored as well, then thrown (`ERR_DENIED`, `ERR_NEEDS_APPROVAL`).
 */
export async function submit(
  world: World,
  principal: Principal,
  body: RequestBody,
  idempotency: Idempotency | null,
): Promise<Submitted> {
  const earlier = idempotency === null ? null : await replay(world, principal, idempotency);
  if (earlier !== null) return earlier;
  const drafted = await draft(world, principal, body);
  const at = world.now();
  const request: AccessRequest = {
    id: requestId(world.random(16)),
    requester: principal,
    asks: drafted.asks,
    permissions: drafted.permissions,
    seconds: drafted.seconds,
    reason: drafted.reason,
    ticket: drafted.ticket,
    createdAt: at,
  };
  const decision = decisionOf(drafted.verdict, world.policy.version);
  const hash = requestHash(request);
  const entries = [submittedEntry(request, hash), decidedEntry(request, decision, drafted.verdict)];
  if (decision.state !== 'approved') {
    const stored: StoredRequest = { request, hash, decision, grant: null };
    await keep(world, principal, { request: { ...stored, idempotency }, entries }, idempotency);
    throw denial(stored, drafted.verdict.hint ?? undefined);
  }
  return grantNow(world, { request, hash, decision, grant: null }, drafted, idempotency, entries);
}

async function grantNow(
  world: World,
  asked: StoredRequest,
  drafted: Draft,
  idempotency: Idempotency | null,
  entries: readonly AuditEvent[],
): Promise<Submitted> {
  const { request } = asked;
  const at = request.createdAt;
  const id = grantId(world.random(16));
  const endsAt = at + drafted.seconds * 1_000;
  const legs = [...byTarget(drafted.permissions)].map(([name, permissions]) => {
    const { target, provider } = placeOf(world, name);
    const intent = provider.intend(target, { grant: id, principal: request.requester, permissions, endsAt });
    return { target: name, provider: provider.kind, ...intent };
  });
  const { grant, effects } = openGrant({ id, requestId: request.id, seconds: drafted.seconds, at, legs });
  const stored: StoredRequest = { ...asked, grant: id };
  const fresh: StoredGrant = { grant, requester: request.requester, version: 0, createdAt: at, deliveredAt: null };
  const intents = legs.map(({ target, notAfter }) => ({
    type: 'grant.intended',
    at,
    actor: 'broker' as const,
    request: request.id,
    grant: id,
    data: { target, notAfter: new Date(notAfter).toISOString() },
  }));
  const change = {
    request: { ...stored, idempotency },
    grant: fresh,
    effects: effects.map((effect) => ({ ...effect, claimedUntil: at + CLAIM_MS })),
    entries: [...entries, ...intents],
  };
  const raced = await keep(world, request.requester, change, idempotency);
  return raced ?? { request: stored, grant: { ...fresh, version: 1 }, made: 'now' };
}

/** Commits; where a twin with the same idempotency key was faster, gives the twin's result instead. */
async function keep(
  world: World,
  principal: Principal,
  change: Parameters<World['store']['commit']>[0],
  idempotency: Idempotency | null,
): Promise<Submitted | null> {
  try {
    await world.store.commit(change);
    return null;
  } catch (thrown) {
    const conflict = thrown instanceof JitError && thrown.code === 'ERR_CONFLICT';
    const twin = conflict && idempotency !== null ? await replay(world, principal, idempotency) : null;
    if (twin === null) throw thrown;
    return twin;
  }
}

async function replay(world: World, principal: Principal, idempotency: Idempotency): Promise<Submitted | null> {
  const earlier = await world.store.replayed(principal, idempotency.key);
  if (earlier === null) return null;
  if (earlier.bodyHash !== idempotency.bodyHash) {
    throw new JitError({
      code: 'ERR_IDEMPOTENCY',
      message: 'this idempotency key was used for another request',
      hint: 'use a new key for each new request',
      subject: earlier.id,
    });
  }
  const request = await world.store.request(earlier.id);
  if (request === null) return null;
  if (request.decision.state === 'denied') throw denial(request, undefined);
  const grant = request.grant === null ? null : await world.store.grant(request.grant);
  return { request, grant, made: 'earlier' };
}

function decisionOf(verdict: Verdict, policy: string): Decision {
  if (verdict.kind === 'deny') return { state: 'denied', tier: null, why: verdict.why, policy };
  if (verdict.tier === 'auto') {
    return { state: 'approved', tier: verdict.tier, why: verdict.why, policy };
  }
  const votes = verdict.quorum.map(({ group, approvers }) => `${approvers} of ${group ?? 'those who may approve'}`);
  const needs = verdict.tier === 'self-serve' ? 'your own confirmation' : `approval by ${votes.join(' and ')}`;
  return {
    state: 'denied',
    tier: verdict.tier,
    why: `needs ${needs} (${verdict.tier}, policy ${verdict.policyId}), which is not available on this broker`,
    policy,
  };
}

function denial(stored: StoredRequest, hint: string | undefined): JitError {
  const { decision, request } = stored;
  const code: ErrorCode = decision.tier === null ? 'ERR_DENIED' : 'ERR_NEEDS_APPROVAL';
  return new JitError({ code, message: `denied: ${decision.why}`, hint, subject: request.id });
}

function submittedEntry(request: AccessRequest, hash: string): AuditEvent {
  const data = {
    hash,
    seconds: request.seconds,
    reason: request.reason,
    ticket: request.ticket,
    name: request.requester.name,
    permissions: request.permissions.map(({ target, operation, actions, resources }) => ({
      target,
      operation,
      actions,
      resources,
    })),
  };
  return {
    type: 'request.submitted',
    at: request.createdAt,
    actor: request.requester,
    request: request.id,
    grant: null,
    data,
  };
}

function decidedEntry(request: AccessRequest, decision: Decision, verdict: Verdict): AuditEvent {
  const policies = verdict.kind === 'deny' ? verdict.policyIds : [verdict.policyId];
  const { state, tier, why, policy } = decision;
  const data = { state, tier, why, version: policy, policies };
  return { type: 'request.decided', at: request.createdAt, actor: 'broker', request: request.id, grant: null, data };
}
