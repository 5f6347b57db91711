/**
 * A request comes in: decided, made durable with its intent, then carried out.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import { type ErrorCode, JitError } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import { requestId } from '../../core/ids.ts';
import { answersFor, type Principal } from '../../core/principal.ts';
import { type AccessRequest, type Decision, requestHash } from '../../core/request.ts';
import type { RequestBody } from '../../wire/bodies.ts';
import type { AddressedNotice } from '../store/notices.ts';
import type { Idempotency, StoredGrant, StoredRequest } from '../store/store.ts';
import { type Draft, draft, type Ruling } from './decide.ts';
import { heldUp } from './emergency/limits.ts';
import { makeLine } from './emergency/line.ts';
import { askedOtherwise } from './emergency/noise.ts';
import { firstOf, incidentData } from './emergency/record.ts';
import { openFor } from './open.ts';
import { noticeKindOf, weightOf } from './tell.ts';
import { markedDecision, type Unconfirmed, unconfirmedData } from './unconfirmed.ts';
import type { World } from './world.ts';

export interface Submitted {
  readonly request: StoredRequest;
  readonly grant: StoredGrant | null;
  /** Whether this call made the request, or an earlier one with the same key did. */
  readonly made: 'now' | 'earlier';
}

/**
 * Stores the request with its decision. When it is granted at once, the grant's intent is stored with it and its `issue`
 * effects are claimed for the caller, who carries them out. A denial is stored as well, then thrown (`ERR_DENIED`,
 * `ERR_NEEDS_APPROVAL` where approval would be needed that nobody can give). Throws `ERR_DENIED` where too many wait already.
 */
export type Submit = (
  principal: Principal,
  body: RequestBody,
  idempotency: Idempotency | null,
  unconfirmed: Unconfirmed | null,
) => Promise<Submitted>;

export function makeSubmit(world: World): Submit {
  const inLine = makeLine();
  return async (principal, body, idempotency, unconfirmed) => {
    const earlier = idempotency === null ? null : await replay(world, principal, idempotency);
    if (earlier !== null) return earlier;
    const drafted = await draft(world, principal, body);
    const { incident } = drafted;
    const how = { idempotency, unconfirmed };
    if (incident === null || drafted.verdict.kind === 'deny') return record(world, principal, drafted, how);
    // Those that are decided at the same time would otherwise each count only those before them all.
    return inLine(async () => {
      const twin = idempotency === null ? null : await replay(world, principal, idempotency);
      if (twin !== null) return twin;
      const held = await heldUp(world, principal, incident);
      return record(world, principal, held === null ? drafted : { ...drafted, verdict: held }, how);
    });
  };
}

async function record(
  world: World,
  principal: Principal,
  drafted: Draft,
  how: { readonly idempotency: Idempotency | null; readonly unconfirmed: Unconfirmed | null },
): Promise<Submitted> {
  const { idempotency, unconfirmed } = how;
  const at = world.now();
  const request: AccessRequest = {
    id: requestId(world.random(16)),
    requester: principal,
    asks: drafted.asks,
    permissions: drafted.permissions,
    seconds: drafted.seconds,
    reason: drafted.reason,
    ticket: drafted.ticket,
    incident: drafted.incident,
    createdAt: at,
  };
  const decision = markedDecision(decisionOf(world, drafted, principal, at), unconfirmed, at);
  const hash = requestHash(request);
  const entries = [submittedEntry(request, hash), decidedEntry(request, decision, drafted.verdict, unconfirmed)];
  const stored: StoredRequest = { request, hash, decision, votes: [], grant: null, version: 0 };
  if (decision.state === 'pending') await demandRoom(world, principal);
  if (decision.state !== 'approved') {
    const notices = noticesOf(world, stored, null, drafted);
    const change = { request: { ...stored, idempotency }, entries, notices, ...firstOf(stored, drafted.verdict, at) };
    const raced = await keep(world, principal, change, idempotency);
    if (raced !== null) return raced;
    if (notices.length > 0) world.teller.stored();
    if (decision.state === 'denied') throw denial(stored, drafted.verdict.hint ?? undefined);
    return { request: { ...stored, version: 1 }, grant: null, made: 'now' };
  }
  const { verdict } = drafted;
  const opening = openFor(world, stored, at, {
    idleSeconds: verdict.kind === 'permit' ? verdict.idleSeconds : null,
    unconfirmed,
  });
  const notices = noticesOf(world, opening.request, opening.grant.grant, drafted);
  const change = {
    request: { ...opening.request, idempotency },
    grant: opening.grant,
    effects: opening.effects,
    entries: [...entries, ...opening.entries],
    notices,
    ...firstOf(opening.request, verdict, at),
  };
  const raced = await keep(world, principal, change, idempotency);
  if (raced !== null) return raced;
  if (notices.length > 0) world.teller.stored();
  return {
    request: { ...opening.request, version: 1 },
    grant: { ...opening.grant, version: 1 },
    made: 'now',
  };
}

/** @param grant where it was given at once: then nobody is told but of what nobody was asked for. */
function noticesOf(
  world: World,
  stored: StoredRequest,
  grant: Grant | null,
  { questions }: Draft,
): readonly AddressedNotice[] {
  const { request, hash, decision } = stored;
  const emergency = request.incident !== null;
  const asked = decision.state === 'pending' ? noticeKindOf(null, stored) : null;
  const kind = emergency && grant !== null ? 'break-glass' : asked;
  if (kind === null || !world.teller.wants(kind)) return [];
  const approvers = emergency ? askedOtherwise(world.policy, questions, stored) : undefined;
  const told = { kind, at: request.createdAt, serial: 1, request, hash, decision, grant, by: [], approvers };
  return world.teller.compose({ ...told, ...weightOf(questions) });
}

/** More open requests of one requester than anybody works on at once would only bury those who approve. */
const MOST_OPEN = 20;

async function demandRoom(world: World, principal: Principal): Promise<void> {
  const open = await world.store.openRequests(null, 1_000);
  const own = open.filter(({ request }) => answersFor(principal, request.requester));
  if (own.length < MOST_OPEN) return;
  throw new JitError({
    code: 'ERR_DENIED',
    message: `denied: ${own.length} of your requests are waiting already`,
    hint: 'see them with: jit list --all; take one back with: jit cancel ID',
  });
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
  if (request.decision.state === 'denied' && request.votes.length === 0) throw denial(request, undefined);
  const grant = request.grant === null ? null : await world.store.grant(request.grant);
  return { request, grant, made: 'earlier' };
}

/** What becomes of a verdict at this broker, for somebody of this kind. */
export function decisionOf(
  world: World,
  { verdict, policy }: Pick<Draft, 'verdict' | 'policy'>,
  requester: Principal,
  at: number,
): Decision {
  const nobody = { quorum: [], deadline: null };
  if (verdict.kind === 'deny') return { state: 'denied', tier: null, why: verdict.why, policy, ...nobody };
  const { tier, quorum, policyId } = verdict;
  const { approvers, waitMs, confirmMs } = world.approvals;
  switch (tier) {
    case 'auto':
      return { state: 'approved', tier, why: verdict.why, policy, ...nobody };
    case 'self-serve': {
      if (requester.kind === 'workload' || (requester.kind === 'agent' && requester.actsFor === undefined)) {
        const why = `needs a person's own confirmation (${tier}, policy ${policyId}), which a ${requester.kind} cannot give`;
        return { state: 'denied', tier, why, policy, ...nobody };
      }
      const why = `needs your own confirmation (policy ${policyId})`;
      return { state: 'pending', tier, why, policy, quorum: [], deadline: at + confirmMs };
    }
    case 'manual': {
      const votes = quorum.map(({ group, approvers: count }) => `${count} of ${group ?? 'those who may approve'}`);
      const needs = `needs approval by ${votes.join(' and ')} (policy ${policyId})`;
      if (approvers === 'nobody') {
        const why = `${needs}, and on this broker there is nobody but you`;
        return { state: 'denied', tier, why, policy, ...nobody };
      }
      return { state: 'pending', tier, why: needs, policy, quorum, deadline: at + waitMs };
    }
    case 'break-glass': {
      if (quorum.length === 0) return { state: 'approved', tier, why: verdict.why, policy, ...nobody };
      const votes = quorum.map(({ group, approvers: count }) => `${count} of ${group ?? 'those who may approve'}`);
      const why = `its incident cannot be verified now, so ${votes.join(' and ')} have to confirm it (policy ${policyId})`;
      if (approvers === 'nobody') return { state: 'denied', tier, why, policy, ...nobody };
      return { state: 'pending', tier, why, policy, quorum, deadline: at + waitMs };
    }
    default:
      return tier satisfies never;
  }
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
    ...(request.incident === null ? {} : { incident: incidentData(request.incident) }),
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

function decidedEntry(
  request: AccessRequest,
  decision: Decision,
  verdict: Ruling,
  unconfirmed: Unconfirmed | null,
): AuditEvent {
  const policies = verdict.kind === 'deny' ? verdict.policyIds : [verdict.policyId];
  const { state, tier, why, policy } = decision;
  const wordless = unconfirmed === null ? {} : { unconfirmed: unconfirmedData(unconfirmed) };
  const data = { state, tier, why, version: policy, policies, ...wordless };
  return { type: 'request.decided', at: request.createdAt, actor: 'broker', request: request.id, grant: null, data };
}
