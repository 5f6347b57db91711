/**
 * The broker's use cases, one function each. Who calls is already proven; whether they may see or do it is decided here.
 * @module
 */
import { asksPeople } from '../../core/approval.ts';
import { JitError } from '../../core/errors.ts';
import type { CloseReason } from '../../core/grant.ts';
import type { GrantId, RequestId } from '../../core/ids.ts';
import { answersFor, type Principal, samePrincipal } from '../../core/principal.ts';
import { parseReason } from '../../core/request.ts';
import type { ApproveBody, DenyBody, RenewBody, RequestBody, SelfServeBody, UseBody } from '../../wire/bodies.ts';
import type {
  CredentialsView,
  EntriesView,
  ExplanationView,
  Outcome,
  OutcomeList,
  PlanView,
  ReviewView,
  UserRevocation,
} from '../../wire/views.ts';
import type { EntryFilter, Idempotency, StoredGrant, StoredRequest } from '../store/store.ts';
import { applyEvent } from './apply.ts';
import type { Approvals } from './approvals.ts';
import { draft, judge, plansOf } from './decide.ts';
import { type EmergencyAccess, makeEmergencyAccess } from './emergency/access.ts';
import { type Part, partIn } from './emergency/part.ts';
import { explanationOf } from './explain.ts';
import { historyOf } from './history.ts';
import type { Issuer } from './issue.ts';
import { mayRevoke } from './may-revoke.ts';
import { endAllOf, LIVE } from './revocation.ts';
import { failingAwake, makeSettle } from './settle.ts';
import { makeSight, notYourRequest, notYours } from './sight.ts';
import { makeSubmit } from './submit.ts';
import { renewGrant } from './renew.ts';
import type { Unconfirmed } from './unconfirmed.ts';
import { reportUse } from './use.ts';
import { credentialsView, outcomeView, planView, requestView, targetViews } from './views.ts';
import { insightFor } from './votes.ts';
import type { World } from './world.ts';

export interface Wait {
  readonly ms: number;
  readonly signal: AbortSignal;
}

export interface Broker extends EmergencyAccess {
  plan(principal: Principal, body: RequestBody): Promise<PlanView>;
  /**
   * Decides and, when granted, issues; waits up to 10 s for the cloud, after which the grant may still be `issuing`.
   * @param unconfirmed here and below, of an emergency call that no identity provider has vouched for: what is given ends early.
   */
  submit(
    principal: Principal,
    body: RequestBody,
    idempotency: Idempotency | null,
    unconfirmed?: Unconfirmed | null,
  ): Promise<Outcome>;
  /** Somebody's own request, or one on which they may vote. With `after`: waits until its version is above it, or its grant is there. */
  request(
    principal: Principal,
    id: RequestId,
    wait: (Wait & { readonly after: number | null }) | null,
  ): Promise<Outcome>;
  /** Open requests on which the caller may still vote, the most urgent first. */
  inbox(principal: Principal, limit: number): Promise<OutcomeList>;
  review(principal: Principal, id: RequestId): Promise<ReviewView>;
  /** Why it was decided as it was, and what the present policies make of it; for whoever may see the request. */
  explanation(principal: Principal, id: RequestId): Promise<ExplanationView>;
  approve(principal: Principal, id: RequestId, body: ApproveBody): Promise<Outcome>;
  deny(principal: Principal, id: RequestId, body: DenyBody): Promise<Outcome>;
  confirm(principal: Principal, id: RequestId, body: SelfServeBody): Promise<Outcome>;
  cancel(principal: Principal, id: RequestId): Promise<Outcome>;
  /** Takes an approved request up: everything is judged anew, the grant's clock starts, and the cloud is asked. */
  issue(principal: Principal, id: RequestId, unconfirmed?: Unconfirmed | null): Promise<Outcome>;
  /** With `after`: waits until the grant's version is above it. */
  grant(principal: Principal, id: GrantId, wait: (Wait & { readonly after: number }) | null): Promise<Outcome>;
  requests(principal: Principal, limit: number): Promise<OutcomeList>;
  liveGrants(principal: Principal, limit: number): Promise<OutcomeList>;
  credentials(principal: Principal, id: GrantId, unconfirmed?: Unconfirmed | null): Promise<CredentialsView>;
  /** Puts the end off. The same key and body renew once. */
  renew(principal: Principal, id: GrantId, body: RenewBody, idempotency: Idempotency | null): Promise<Outcome>;
  /** One's own, or one that policy lets the caller end. */
  revoke(principal: Principal, id: GrantId, reason: Extract<CloseReason, 'revoked' | 'completed'>): Promise<Outcome>;
  revokeMine(principal: Principal): Promise<OutcomeList>;
  /** Ends the live grants of a user, as far as the caller may. @param holder the issuer is the caller's own where it is left out. */
  revokeUser(
    principal: Principal,
    holder: { readonly issuer?: string | undefined; readonly subject: string },
  ): Promise<UserRevocation>;
  use(principal: Principal, id: GrantId, body: UseBody): Promise<void>;
  entries(principal: Principal, filter: EntryFilter): Promise<EntriesView>;
}

/** @param wake tells the worker that something is due at that time, epoch ms. */
export function makeBroker(world: World, issuer: Issuer, approvals: Approvals, wake: (dueAt: number) => void): Broker {
  const { store, targets } = world;
  const submit = makeSubmit(world);
  const { view, visible, ownRequest, ownGrant, seenGrant } = makeSight(world);
  const orWake = failingAwake(world, wake);
  const settle = makeSettle(world, issuer, { wake, view });

  async function end(principal: Principal, id: GrantId, reason: CloseReason): Promise<StoredGrant> {
    const ended = await applyEvent(world, id, { type: 'end', reason, at: world.now() }, { actor: principal });
    wake(world.now());
    return ended;
  }

  async function grant(principal: Principal, id: GrantId, wait: Parameters<Broker['grant']>[2]): Promise<Outcome> {
    let [stored, request] = await seenGrant(principal, id);
    const deadline = world.now() + (wait?.ms ?? 0);
    while (wait !== null && stored.version <= wait.after && !wait.signal.aborted && world.now() < deadline) {
      const announced = world.changes.next(id, deadline - world.now(), wait.signal);
      // Looked at again after listening, so that a change in between is not slept through.
      [stored, request] = await seenGrant(principal, id);
      if (stored.version > wait.after) break;
      await announced;
      [stored, request] = await seenGrant(principal, id);
    }
    return view(principal, request, stored);
  }

  return {
    ...makeEmergencyAccess(world, approvals, wake),
    plan: async (principal, body) => planView(await draft(world, principal, body), world.approvals.approvers),
    submit: async (principal, body, idempotency, unconfirmed = null) =>
      settle(principal, await submit(principal, body, idempotency, unconfirmed)),
    request: async (principal, id, wait) => {
      const deadline = world.now() + (wait?.ms ?? 0);
      for (;;) {
        const changed = wait === null ? null : world.changes.next(id, deadline - world.now(), wait.signal);
        const [stored] = await visible(principal, id);
        const seen = await view(principal, stored);
        if (wait === null || changed === null || wait.signal.aborted || world.now() >= deadline) return seen;
        const { request, grant: made } = seen;
        if (made !== null) {
          return made.state === 'issuing' ? grant(principal, made.id, { ...wait, after: made.version }) : seen;
        }
        if (wait.after === null ? request.state !== 'pending' : request.version > wait.after) return seen;
        await changed;
      }
    },
    inbox: async (principal, limit) => {
      const open = await store.openRequests(null, 1_000);
      const items: Outcome[] = [];
      for (const stored of open) {
        if (stored.decision.state !== 'pending' || !asksPeople(stored.decision)) continue;
        const insight = await insightFor(world, principal, stored);
        if (insight?.can.includes('approve') === true) items.push(outcomeView(stored, null, targets, insight));
        if (items.length === limit) break;
      }
      return { items };
    },
    review: async (principal, id) => {
      const [stored, insight] = await visible(principal, id);
      const plans = await plansOf(world, stored.request.permissions, stored.request.seconds);
      return {
        request: requestView(stored, insight),
        targets: targetViews(plans),
        terms: await termsOf(world, stored),
        history: await historyOf(store, stored),
      };
    },
    explanation: async (principal, id) => {
      const [stored] = await visible(principal, id);
      return explanationOf(world, stored);
    },
    approve: async (principal, id, { comment, attended, ...seen }) => {
      await visible(principal, id);
      const word = comment === undefined ? null : parseReason(comment);
      return view(principal, await approvals.vote(principal, id, { choice: 'approve', comment: word, attended }, seen));
    },
    deny: async (principal, id, { reason, ...seen }) => {
      await visible(principal, id);
      const word = { choice: 'deny', comment: parseReason(reason), attended: false } as const;
      return view(principal, await approvals.vote(principal, id, word, seen));
    },
    confirm: async (principal, id, seen) => {
      await ownRequest(principal, id);
      return view(principal, await approvals.confirm(principal, id, seen));
    },
    cancel: async (principal, id) => {
      await ownRequest(principal, id);
      return view(principal, await approvals.cancel(principal, id));
    },
    issue: async (principal, id, unconfirmed = null) => {
      const stored = await ownRequest(principal, id);
      if (!samePrincipal(principal, stored.request.requester)) throw notYourRequest(id);
      return settle(principal, await approvals.takeUp(principal, id, unconfirmed));
    },
    grant,
    requests: async (principal, limit) => {
      const found = await store.requests({ requester: principal, limit });
      return { items: await Promise.all(found.map(async (each) => view(principal, each))) };
    },
    liveGrants: async (principal, limit) => liveOf(principal, limit),
    credentials: async (principal, id, unconfirmed = null) => {
      const [stored, request] = await ownGrant(principal, id);
      // Whoever answers for an agent sees and ends what it does, but its credentials are its own.
      if (!samePrincipal(principal, request.request.requester)) throw notYours(id);
      return orWake(async () => credentialsView(await issuer.handOut(principal, request, stored, unconfirmed)));
    },
    renew: async (principal, id, { seconds }, idempotency) => {
      const [stored, request] = await ownGrant(principal, id);
      return orWake(async () => {
        const renewed = await renewGrant(world, principal, [stored, request], { seconds, idempotency });
        return view(principal, request, renewed);
      });
    },
    revoke: async (principal, id, reason) => {
      const [, asked] = await seenGrant(principal, id);
      const part = (await mayRevoke(world, principal, asked)) ? 'policy' : await partIn(world, principal, asked);
      demandEnding(principal, asked, id, part, reason);
      await end(principal, id, reason);
      return grant(principal, id, null);
    },
    revokeMine: async (principal) => {
      for (;;) {
        const found = await store.grants({ requester: principal, states: ['issuing', 'active'], limit: 1_000 });
        // All are tried, at once, whatever becomes of any of them.
        const ends = await Promise.allSettled(found.map(async ({ grant: { id } }) => end(principal, id, 'revoked')));
        for (const one of ends) if (one.status === 'rejected') throw one.reason;
        if (found.length === 0) return liveOf(principal, 1_000);
      }
    },
    revokeUser: async (principal, who) => {
      const holder = { issuer: who.issuer ?? principal.issuer, subject: who.subject };
      const { ended, kept } = await endAllOf(world, principal, holder, async (id) => end(principal, id, 'revoked'));
      const items = ended.map(async ([stored, request]) => view(principal, request, stored));
      return { items: await Promise.all(items), kept: [...kept] };
    },
    use: async (principal, id, body) => {
      await reportUse(world, principal, await ownGrant(principal, id), body);
    },
    entries: async (principal, filter) => {
      if (filter.grant !== undefined) await seenGrant(principal, filter.grant);
      else if (filter.request !== undefined) await visible(principal, filter.request);
      else throw new JitError({ code: 'ERR_DENIED', message: 'name the grant or the request whose entries you want' });
      const found = await store.entries(filter);
      return { entries: found.map(({ sequence, line }) => ({ sequence, line })) };
    },
  };

  async function liveOf(principal: Principal, limit: number): Promise<OutcomeList> {
    const found = await store.grants({ requester: principal, states: LIVE, limit });
    const items = await Promise.all(
      found.map(async (stored) => {
        const request = await store.request(stored.grant.requestId);
        return request === null ? [] : [await view(principal, request, stored)];
      }),
    );
    return { items: items.flat() };
  }
}

/** Others end what policy lets them, and emergency access in which they have a part; whether a task is done is only for its owner to say. */
function demandEnding(
  principal: Principal,
  { request }: StoredRequest,
  id: GrantId,
  part: Part | 'policy',
  reason: CloseReason,
): void {
  if (answersFor(principal, request.requester) || (part !== 'none' && reason === 'revoked')) return;
  const why = part === 'none' ? 'you may not end this grant' : 'whether its task is done is for its holder to say';
  throw new JitError({ code: 'ERR_DENIED', message: `denied: ${why}`, hint: `jit show ${request.id}`, subject: id });
}

/** What a grant of it could become by renewal, and how idle it may be. */
async function termsOf(world: World, { request }: StoredRequest): Promise<ReviewView['terms']> {
  try {
    const { verdict } = await judge(world, await world.present(request.requester), request, world.now());
    if (verdict.kind === 'deny') return null;
    const { renewals, maxSeconds, idleSeconds } = verdict;
    return { renewals, maxSeconds, idleSeconds };
  } catch (thrown) {
    // As long as its incident's source is silent nothing permits it; whoever has to look at it can all the same.
    if (thrown instanceof JitError && thrown.code === 'ERR_INCIDENT_SOURCE') return null;
    throw thrown;
  }
}
