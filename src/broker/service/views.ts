/**
 * From what is stored to what the API shows. Every field is chosen; nothing is spread.
 * @module
 */
import type { Plan } from '../../core/access.ts';
import type { Credential } from '../../core/credential.ts';
import type { Grant, Leg } from '../../core/grant.ts';
import type { Target } from '../../core/ports.ts';
import type { Principal } from '../../core/principal.ts';

import type { CredentialsView, GrantView, LegView, Outcome, PlanView, RequestView } from '../../wire/views.ts';
import type { StoredGrant, StoredRequest } from '../store/store.ts';
import type { Draft } from './decide.ts';
import type { Insight } from './votes.ts';
import type { Handouts } from './issue.ts';
import type { ApprovalSettings } from './world.ts';

type Targets = ReadonlyMap<string, Target>;

const iso = (ms: number): string => new Date(ms).toISOString();

/** @param insight what the caller may know of it and do with it. */
export function outcomeView(
  request: StoredRequest,
  grant: StoredGrant | null,
  targets: Targets,
  insight: Insight,
): Outcome {
  return { request: requestView(request, insight), grant: grant === null ? null : grantView(grant, targets) };
}

export function requestView(stored: StoredRequest, { missing, counting, can }: Insight): RequestView {
  const { request, hash, decision, votes, grant, version } = stored;
  return {
    id: request.id,
    hash,
    state: decision.state,
    tier: decision.tier,
    why: decision.why,
    requester: requesterView(request.requester),
    asks: request.asks.map(({ operation, resources, target }) => ({
      operation,
      resources: [...resources],
      ...(target === undefined ? {} : { target }),
    })),
    permissions: request.permissions.map(({ target, operation, actions, resources }) => ({
      target,
      operation,
      actions: [...actions],
      resources: [...resources],
    })),
    seconds: request.seconds,
    reason: request.reason,
    ticket: request.ticket,
    incident: incidentView(request.incident),
    policy: decision.policy,
    createdAt: iso(request.createdAt),
    grant,
    version,
    deadline: decision.deadline === null ? null : iso(decision.deadline),
    quorum: decision.quorum.map((each, at) => ({ ...each, missing: missing[at] ?? 0 })),
    votes: votes.map((vote) => ({
      by: { issuer: vote.voter.issuer, subject: vote.voter.subject, name: vote.voter.name },
      choice: vote.choice,
      comment: vote.comment,
      at: iso(vote.at),
      counts: counting.has(vote),
    })),
    can: [...can],
  };
}

function requesterView({ kind, issuer, subject, name, actsFor }: Principal): RequestView['requester'] {
  const own = { kind, issuer, subject, name };
  if (actsFor === undefined) return own;
  return { ...own, actsFor: { issuer: actsFor.issuer, subject: actsFor.subject, name: actsFor.name } };
}

function grantView({ grant, version, createdAt }: StoredGrant, targets: Targets): GrantView {
  return {
    id: grant.id,
    request: grant.requestId,
    state: grant.state.name,
    seconds: grant.seconds,
    renewals: grant.renewals,
    idleSeconds: grant.idleSeconds,
    version,
    createdAt: iso(createdAt),
    ...timesOf(grant),
    legs: grant.legs.map((leg) => legView(leg, targets.get(leg.target))),
  };
}

type Times = Pick<GrantView, 'reason' | 'issuedAt' | 'expiresAt' | 'endedAt' | 'closedAt'>;

function timesOf({ state }: Grant): Times {
  const none: Times = { reason: null, issuedAt: null, expiresAt: null, endedAt: null, closedAt: null };
  switch (state.name) {
    case 'issuing':
      return none;
    case 'active':
      return { ...none, issuedAt: iso(state.issuedAt), expiresAt: iso(state.expiresAt) };
    case 'revoking':
    case 'stuck':
      return { ...none, reason: state.reason, endedAt: iso(state.since) };
    case 'closed':
      return { ...none, reason: state.reason, closedAt: iso(state.closedAt) };
  }
}

function incidentView(bound: StoredRequest['request']['incident']): RequestView['incident'] {
  return bound === null ? null : { source: bound.source, id: bound.id, reference: bound.reference };
}

function legView(leg: Leg, target: Target | undefined): LegView {
  return {
    target: leg.target,
    provider: leg.provider,
    environment: target?.environment ?? '',
    sandbox: target?.sandbox ?? false,
    state: leg.state,
    tool: target?.tool ?? null,
    notAfter: iso(leg.notAfter),
    attempts: leg.attempts,
    name: leg.name,
    revocation: leg.revocation,
    problem: leg.problem,
    gone: leg.gone === null ? null : { at: iso(leg.gone.at), proof: leg.gone.proof },
  };
}

/** @param approvers whether there is anybody who could approve. */
export function planView({ verdict, plans }: Draft, approvers: ApprovalSettings['approvers']): PlanView {
  return { ...verdictView(verdict, approvers), targets: targetViews(plans) };
}

export function targetViews(plans: readonly Plan[]): PlanView['targets'] {
  return plans.map((plan) => ({ ...plan, words: [...plan.words] }));
}

function verdictView(verdict: Draft['verdict'], approvers: ApprovalSettings['approvers']): Omit<PlanView, 'targets'> {
  const { why, hint } = verdict;
  if (verdict.kind === 'deny') {
    const none = { tier: null, available: false, maxSeconds: null, renewals: 0, idleSeconds: null, quorum: [] };
    return { decision: 'deny', why, hint, ...none, emergency: null };
  }
  const { tier, maxSeconds, renewals, idleSeconds } = verdict;
  const quorum = verdict.quorum.map((each) => ({ ...each }));
  const available = quorum.length === 0 || approvers === 'people';
  const terms = { maxSeconds, renewals, idleSeconds, quorum, emergency: emergencyTerms(verdict) };
  return { decision: 'permit', why, hint, tier, available, ...terms };
}

function emergencyTerms(verdict: Draft['verdict']): PlanView['emergency'] {
  if (!('warnSeconds' in verdict)) return null;
  const { warnSeconds, handover } = verdict;
  return { warnSeconds, handover };
}

/** The one place where secrets leave the broker. What else an object might hold stays: the view is strict about its members. */
function exposed(credential: Credential) {
  switch (credential.kind) {
    case 'aws':
      return { kind: credential.kind, secret: credential.secret.expose() };
    case 'postgres':
      return { kind: credential.kind, secret: credential.secret.expose() };
    case 'kubernetes':
    case 'gcp':
      return { kind: credential.kind, secret: credential.secret.expose() };
    case 'azure':
      return { kind: credential.kind, secret: credential.secret.expose() };
    case 'own':
      return { kind: credential.kind };
    default:
      return credential satisfies never;
  }
}

/** The one view that carries secrets, exposed here because the reply is about to be written to the holder. */
export function credentialsView({ stored, expiresAt, handouts }: Handouts): CredentialsView {
  return {
    grant: stored.grant.id,
    expiresAt: iso(expiresAt),
    credentials: handouts.map(({ target, tool, credential, notAfter }) => {
      const expiration = iso(Math.min(notAfter, expiresAt));
      return { target, tool, expiration, ...exposed(credential) };
    }),
  };
}
