/**
 * The grant's state machine: one total, pure function. Every way in which access starts or ends is an event into it.
 * @module
 */
import {
  CLAIM_SECONDS,
  type CloseReason,
  type Effect,
  type Grant,
  type GrantEvent,
  type GrantState,
  retryAt,
  STUCK_AFTER,
} from './grant.ts';
import type { GrantId, RequestId } from './ids.ts';
import { doubtfulLeg, goneLeg, issuedLeg, type Leg, newLeg, type NewLeg, unissuedLeg } from './leg.ts';

export interface Transition {
  readonly grant: Grant;
  readonly effects: readonly Effect[];
}

export function openGrant(parts: {
  readonly id: GrantId;
  readonly requestId: RequestId;
  readonly seconds: number;
  readonly idleSeconds: number | null;
  readonly at: number;
  readonly legs: readonly NewLeg[];
}): Transition {
  const { id, requestId, seconds, idleSeconds, at } = parts;
  const legs = parts.legs.map(newLeg);
  return {
    grant: { id, requestId, seconds, renewals: 0, idleSeconds, state: { name: 'issuing' }, legs },
    effects: legs.map(({ target }) => ({ kind: 'issue', target, dueAt: at })),
  };
}

/**
 * Applies one event. Total: an event that means nothing in a state gives the same grant and no effects, so that late,
 * repeated and racing events are harmless. A credential that turns up after the end is always revoked, even in `closed`.
 */
export function transition(grant: Grant, event: GrantEvent): Transition {
  const { state } = grant;
  if ('target' in event && legOf(grant, event.target) === undefined) return unchanged(grant);
  switch (state.name) {
    case 'issuing':
      return whileIssuing(grant, event);
    case 'active':
      return whileActive(grant, state, event);
    case 'revoking':
    case 'stuck':
      return whileEnding(grant, state, event);
    case 'closed':
      return afterEnd(grant, state.reason, event);
  }
}

function whileIssuing(grant: Grant, event: GrantEvent): Transition {
  switch (event.type) {
    case 'issued': {
      const next = withLeg(grant, event.target, (leg) => issuedLeg(leg, event));
      if (next.legs.some((leg) => leg.state !== 'issued')) return { grant: next, effects: [] };
      const expiresAt = Math.min(...next.legs.map((leg) => leg.endsAt ?? leg.notAfter));
      return {
        grant: { ...next, state: { name: 'active', issuedAt: event.at, expiresAt, cut: null } },
        effects: [
          { kind: 'expire', dueAt: expiresAt },
          { kind: 'claim-by', dueAt: Math.min(expiresAt, event.at + CLAIM_SECONDS * 1_000) },
          ...idleEffects(next.idleSeconds, event.at),
        ],
      };
    }
    case 'issue-refused':
      // A second attempt may be refused although the first one issued.
      if (!hasLegIn(grant, event.target, 'intended')) return unchanged(grant);
      return beginEnd(
        withLeg(grant, event.target, (leg) => unissuedLeg(leg, event)),
        'failed',
        event.at,
      );
    case 'issue-unknown':
      return beginEnd(
        withLeg(grant, event.target, (leg) => doubtfulLeg(leg, event.problem)),
        'failed',
        event.at,
      );
    case 'end':
      return beginEnd(grant, event.reason, event.at);
    case 'renew':
    case 'cut':
    case 'reissue':
    case 'revoke-accepted':
    case 'revoke-failed':
    case 'gone':
      return unchanged(grant);
  }
}

function whileActive(grant: Grant, state: Extract<GrantState, { name: 'active' }>, event: GrantEvent): Transition {
  switch (event.type) {
    case 'issued':
      return unchanged(withLeg(grant, event.target, (leg) => issuedLeg(leg, event)));
    case 'end':
      // Whoever took the old end's effect in hand removes it when done: the new end must have its own.
      return event.reason === 'expired' && event.at < state.expiresAt
        ? { grant, effects: [{ kind: 'expire', dueAt: state.expiresAt }] }
        : beginEnd(grant, event.reason === 'expired' ? (state.cut ?? event.reason) : event.reason, event.at);
    case 'renew':
      return renew(grant, state, event);
    case 'cut':
      return cut(grant, state, event);
    case 'reissue':
      return unchanged(
        withLeg(grant, event.target, (leg) => ({ ...leg, notAfter: Math.max(leg.notAfter, event.notAfter) })),
      );
    case 'issue-refused':
    case 'issue-unknown':
    case 'revoke-accepted':
    case 'revoke-failed':
    case 'gone':
      return unchanged(grant);
  }
}

/** The legs keep their ends: the cloud has been given them, and whatever is cut off before them has to be revoked there. */
function cut(
  grant: Grant,
  state: Extract<GrantState, { name: 'active' }>,
  { endsAt, reason }: Extract<GrantEvent, { type: 'cut' }>,
): Transition {
  if (state.cut !== null) return unchanged(grant);
  const expiresAt = Math.min(state.expiresAt, endsAt);
  return {
    grant: { ...grant, state: { ...state, expiresAt, cut: reason } },
    effects: [{ kind: 'expire', dueAt: expiresAt }],
  };
}

/** The legs' ends move at once: from now on, a credential with the new end may be asked for at any moment. */
function renew(
  grant: Grant,
  state: Extract<GrantState, { name: 'active' }>,
  { at, endsAt, idleSeconds }: Extract<GrantEvent, { type: 'renew' }>,
): Transition {
  if (at >= state.expiresAt || endsAt <= state.expiresAt) return unchanged(grant);
  const idle = shorter(grant.idleSeconds, idleSeconds);
  return {
    grant: {
      ...grant,
      seconds: Math.max(grant.seconds, Math.ceil((endsAt - at) / 1_000)),
      renewals: grant.renewals + 1,
      idleSeconds: idle,
      state: { ...state, expiresAt: endsAt, cut: null },
      legs: grant.legs.map((leg) => ({ ...leg, endsAt: Math.max(leg.endsAt ?? 0, endsAt) })),
    },
    effects: [{ kind: 'expire', dueAt: endsAt }, ...(idle === grant.idleSeconds ? [] : idleEffects(idle, at))],
  };
}

function idleEffects(idleSeconds: number | null, since: number): readonly Effect[] {
  return idleSeconds === null ? [] : [{ kind: 'idle', dueAt: since + idleSeconds * 1_000 }];
}

function shorter(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

type Ending = Extract<GrantState, { name: 'revoking' | 'stuck' }>;

function whileEnding(grant: Grant, state: Ending, event: GrantEvent): Transition {
  switch (event.type) {
    case 'issued':
      return revokeAgain(
        withLeg(grant, event.target, (leg) => issuedLeg(leg, event)),
        event.target,
        event.at,
      );
    case 'issue-unknown':
      return revokeAgain(
        withLeg(grant, event.target, (leg) => doubtfulLeg(leg, event.problem)),
        event.target,
        event.at,
      );
    case 'issue-refused':
      return settle(
        withLeg(grant, event.target, (leg) => (leg.state === 'intended' ? unissuedLeg(leg, event) : leg)),
        state,
        event.at,
      );
    case 'gone': {
      const settled = settle(
        withLeg(grant, event.target, (leg) => goneLeg(leg, event)),
        state,
        event.at,
      );
      if (event.tidyAt === null) return settled;
      return { ...settled, effects: [{ kind: 'tidy', target: event.target, dueAt: event.tidyAt }] };
    }
    case 'revoke-accepted': {
      if (hasLegIn(grant, event.target, 'gone')) return unchanged(grant);
      const next = withLeg(grant, event.target, (leg) => ({ ...leg, attempts: 0, problem: null }));
      const settled = settle(next, state, event.at);
      return { ...settled, effects: [{ kind: 'revoke', target: event.target, dueAt: event.until }] };
    }
    case 'revoke-failed': {
      if (hasLegIn(grant, event.target, 'gone')) return unchanged(grant);
      const next = withLeg(grant, event.target, (leg) => ({
        ...leg,
        attempts: leg.attempts + 1,
        problem: event.problem,
      }));
      const { target, at } = event;
      const dueAt = retryAt(grant, { target, attempts: legOf(next, target)?.attempts ?? 1 }, at);
      return { ...settle(next, state, event.at), effects: [{ kind: 'revoke', target: event.target, dueAt }] };
    }
    case 'renew':
    case 'cut':
    case 'reissue':
    case 'end':
      return unchanged(grant);
  }
}

function afterEnd(grant: Grant, reason: CloseReason, event: GrantEvent): Transition {
  if (event.type !== 'issued' && event.type !== 'issue-unknown') return unchanged(grant);
  const next = withLeg(grant, event.target, (leg) =>
    event.type === 'issued' ? issuedLeg(leg, event) : doubtfulLeg(leg, event.problem),
  );
  return revokeAgain({ ...next, state: { name: 'revoking', reason, since: event.at } }, event.target, event.at);
}

function beginEnd(grant: Grant, reason: CloseReason, at: number): Transition {
  const open = grant.legs.filter((leg) => leg.state !== 'gone');
  if (open.length === 0) return { grant: { ...grant, state: { name: 'closed', reason, closedAt: at } }, effects: [] };
  return {
    grant: { ...grant, state: { name: 'revoking', reason, since: at } },
    effects: open.map(({ target }) => ({ kind: 'revoke', target, dueAt: at })),
  };
}

function settle(grant: Grant, state: Ending, at: number): Transition {
  if (grant.legs.every((leg) => leg.state === 'gone')) {
    return { grant: { ...grant, state: { name: 'closed', reason: state.reason, closedAt: at } }, effects: [] };
  }
  const stuck = grant.legs.some((leg) => leg.attempts >= STUCK_AFTER);
  return { grant: { ...grant, state: { ...state, name: stuck ? 'stuck' : 'revoking' } }, effects: [] };
}

function revokeAgain(grant: Grant, target: string, dueAt: number): Transition {
  return { grant, effects: [{ kind: 'revoke', target, dueAt }] };
}

const unchanged = (grant: Grant): Transition => ({ grant, effects: [] });

const legOf = (grant: Grant, target: string): Leg | undefined => grant.legs.find((leg) => leg.target === target);

const hasLegIn = (grant: Grant, target: string, state: Leg['state']): boolean => legOf(grant, target)?.state === state;

function withLeg(grant: Grant, target: string, change: (leg: Leg) => Leg): Grant {
  return { ...grant, legs: grant.legs.map((leg) => (leg.target === target ? change(leg) : leg)) };
}
