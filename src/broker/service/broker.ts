/**
 * The broker's use cases, one function each. Who calls is already proven; whether they may see or do it is decided here.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import { JitError } from '../../core/errors.ts';
import type { CloseReason } from '../../core/grant.ts';
import type { GrantId, RequestId } from '../../core/ids.ts';
import { answersFor, type Principal, samePrincipal } from '../../core/principal.ts';
import type { RequestBody, UseBody } from '../../wire/bodies.ts';
import type { CredentialsView, EntriesView, Outcome, OutcomeList, PlanView } from '../../wire/views.ts';
import type { EntryFilter, Idempotency, StoredGrant, StoredRequest } from '../store/store.ts';
import { applyEvent } from './apply.ts';
import { draft } from './decide.ts';
import type { Issuer } from './issue.ts';
import { submit, type Submitted } from './submit.ts';
import { credentialsView, outcomeView, planView } from './views.ts';
import type { World } from './world.ts';

const ISSUE_PATIENCE_MS = 10_000;
export const LIVE = ['issuing', 'active', 'revoking', 'stuck'] as const;

export interface Wait {
  readonly ms: number;
  readonly signal: AbortSignal;
}

export interface Broker {
  plan(principal: Principal, body: RequestBody): Promise<PlanView>;
  /** Decides and, when granted, issues; waits up to 10 s for the cloud, after which the grant may still be `issuing`. */
  submit(principal: Principal, body: RequestBody, idempotency: Idempotency | null): Promise<Outcome>;
  request(principal: Principal, id: RequestId, wait: Wait | null): Promise<Outcome>;
  /** With `after`: waits until the grant's version is above it. */
  grant(principal: Principal, id: GrantId, wait: (Wait & { readonly after: number }) | null): Promise<Outcome>;
  requests(principal: Principal, limit: number): Promise<OutcomeList>;
  liveGrants(principal: Principal, limit: number): Promise<OutcomeList>;
  credentials(principal: Principal, id: GrantId): Promise<CredentialsView>;
  revoke(principal: Principal, id: GrantId, reason: Extract<CloseReason, 'revoked' | 'completed'>): Promise<Outcome>;
  revokeMine(principal: Principal): Promise<OutcomeList>;
  use(principal: Principal, id: GrantId, body: UseBody): Promise<void>;
  entries(principal: Principal, filter: EntryFilter): Promise<EntriesView>;
}

/** @param wake tells the worker that something is due at that time, epoch ms. */
export function makeBroker(world: World, issuer: Issuer, wake: (dueAt: number) => void): Broker {
  const { store, targets } = world;

  const view = async (request: StoredRequest): Promise<Outcome> =>
    outcomeView(request, request.grant === null ? null : await store.grant(request.grant), targets);

  // The same answer for what does not exist and for what is somebody else's.
  async function ownRequest(principal: Principal, id: RequestId): Promise<StoredRequest> {
    const stored = await store.request(id);
    if (stored !== null && answersFor(principal, stored.request.requester)) return stored;
    throw new JitError({
      code: 'ERR_NOT_FOUND',
      message: `there is no request ${id} of yours`,
      hint: 'jit list --all',
    });
  }

  async function ownGrant(principal: Principal, id: GrantId): Promise<readonly [StoredGrant, StoredRequest]> {
    const stored = await store.grant(id);
    const request = stored === null ? null : await store.request(stored.grant.requestId);
    if (stored !== null && request !== null && answersFor(principal, request.request.requester)) {
      return [stored, request];
    }
    throw notYours(id);
  }

  async function settle({ request, grant: fresh, made }: Submitted): Promise<Outcome> {
    if (fresh === null || fresh.grant.state.name !== 'issuing') return outcomeView(request, fresh, targets);
    const { id, legs } = fresh.grant;
    if (made === 'now') {
      const known = { stored: fresh, asked: request };
      const work = legs.map(async ({ target }) => issuer.issue({ grant: id, kind: 'issue', target }, known));
      const [first] = await within(Promise.allSettled(work), ISSUE_PATIENCE_MS);
      const last = legs.length === 1 && first?.status === 'fulfilled' ? first.value : await store.grant(id);
      const state = last?.grant.state;
      wake(state?.name === 'active' ? state.expiresAt : world.now());
      return outcomeView(request, last, targets);
    } else {
      await world.changes.next(id, ISSUE_PATIENCE_MS, new AbortController().signal);
    }
    return view(request);
  }

  async function end(principal: Principal, id: GrantId, reason: CloseReason): Promise<void> {
    await applyEvent(world, id, { type: 'end', reason, at: world.now() }, { actor: principal });
    wake(world.now());
  }

  async function grant(principal: Principal, id: GrantId, wait: Parameters<Broker['grant']>[2]): Promise<Outcome> {
    let [stored, request] = await ownGrant(principal, id);
    const deadline = world.now() + (wait?.ms ?? 0);
    while (wait !== null && stored.version <= wait.after && !wait.signal.aborted && world.now() < deadline) {
      const announced = world.changes.next(id, deadline - world.now(), wait.signal);
      // Looked at again after listening, so that a change in between is not slept through.
      [stored, request] = await ownGrant(principal, id);
      if (stored.version > wait.after) break;
      await announced;
      [stored, request] = await ownGrant(principal, id);
    }
    return outcomeView(request, stored, targets);
  }

  return {
    plan: async (principal, body) => planView(await draft(world, principal, body)),
    submit: async (principal, body, idempotency) => settle(await submit(world, principal, body, idempotency)),
    request: async (principal, id, wait) => {
      const stored = await ownRequest(principal, id);
      const seen = await view(stored);
      if (wait === null || seen.grant?.state !== 'issuing') return seen;
      return grant(principal, seen.grant.id, { ...wait, after: seen.grant.version });
    },
    grant,
    requests: async (principal, limit) => {
      const found = await store.requests({ requester: principal, limit });
      return { items: await Promise.all(found.map(view)) };
    },
    liveGrants: async (principal, limit) => liveOf(principal, limit),
    credentials: async (principal, id) => {
      const [stored, request] = await ownGrant(principal, id);
      // Whoever answers for an agent sees and ends what it does, but its credentials are its own.
      if (!samePrincipal(principal, request.request.requester)) throw notYours(id);
      return credentialsView(await issuer.handOut(principal, request, stored));
    },
    revoke: async (principal, id, reason) => {
      await ownGrant(principal, id);
      await end(principal, id, reason);
      return grant(principal, id, null);
    },
    revokeMine: async (principal) => {
      const found = await store.grants({ requester: principal, states: ['issuing', 'active'], limit: 1_000 });
      for (const stored of found) await end(principal, stored.grant.id, 'revoked');
      return liveOf(principal, 1_000);
    },
    use: async (principal, id, body) => {
      const [stored] = await ownGrant(principal, id);
      await store.commit({ entries: body.uses.map((use) => usedEntry(principal, stored, use, world.now())) });
    },
    entries: async (principal, filter) => {
      if (filter.grant !== undefined) await ownGrant(principal, filter.grant);
      else if (filter.request !== undefined) await ownRequest(principal, filter.request);
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
        return request === null ? [] : [outcomeView(request, stored, targets)];
      }),
    );
    return { items: items.flat() };
  }
}

function notYours(id: GrantId): JitError {
  return new JitError({ code: 'ERR_NOT_FOUND', message: `there is no grant ${id} of yours`, hint: 'jit list --all' });
}

function usedEntry(actor: Principal, stored: StoredGrant, use: UseBody['uses'][number], at: number): AuditEvent {
  const { channel, count, first, last } = use;
  const { id, requestId } = stored.grant;
  return { type: 'credential.used', at, actor, request: requestId, grant: id, data: { channel, count, first, last } };
}

/** What the work comes to, or nothing where it takes longer; it goes on behind. */
async function within<T>(work: Promise<readonly T[]>, ms: number): Promise<readonly T[]> {
  const { promise, resolve } = Promise.withResolvers<readonly T[]>();
  const timer = setTimeout(resolve, ms, []);
  void work.then(resolve);
  const done = await promise;
  clearTimeout(timer);
  return done;
}
