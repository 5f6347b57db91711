/**
 * Whose requests and grants somebody sees. What does not exist and what is nobody's business give the same answer.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { GrantId, RequestId } from '../../core/ids.ts';
import { answersFor, type Principal } from '../../core/principal.ts';
import type { Outcome } from '../../wire/views.ts';
import type { StoredGrant, StoredRequest } from '../store/store.ts';
import { mayRevoke } from './may-revoke.ts';
import { insightOf } from './revocation.ts';
import { outcomeView } from './views.ts';
import { type Insight, insightFor } from './votes.ts';
import type { World } from './world.ts';

/** All of it throws `ERR_NOT_FOUND` for what the caller does not see. */
export interface Sight {
  /** @param known the grant of the request where it is at hand already. */
  view(principal: Principal, stored: StoredRequest, known?: StoredGrant | null): Promise<Outcome>;
  /** One's own, or one on which they may vote. */
  visible(principal: Principal, id: RequestId): Promise<readonly [StoredRequest, Insight]>;
  /** One's own, or that of an agent which acts for the caller; below as well. */
  ownRequest(principal: Principal, id: RequestId): Promise<StoredRequest>;
  ownGrant(principal: Principal, id: GrantId): Promise<readonly [StoredGrant, StoredRequest]>;
  /** One's own, one that policy lets the caller end, and of emergency access what concerns them. */
  seenGrant(principal: Principal, id: GrantId): Promise<readonly [StoredGrant, StoredRequest]>;
}

export function makeSight(world: World): Sight {
  const { store, targets } = world;

  async function view(principal: Principal, stored: StoredRequest, known?: StoredGrant | null): Promise<Outcome> {
    const insight = await insightOf(world, principal, stored);
    if (insight === null) throw notYourRequest(stored.request.id);
    const made = known === undefined && stored.grant !== null ? await store.grant(stored.grant) : (known ?? null);
    return outcomeView(stored, made, targets, insight);
  }

  async function visible(principal: Principal, id: RequestId): Promise<readonly [StoredRequest, Insight]> {
    const stored = await store.request(id);
    const insight = stored === null ? null : await insightOf(world, principal, stored);
    if (stored === null || insight === null) throw notYourRequest(id);
    return [stored, insight];
  }

  async function ownRequest(principal: Principal, id: RequestId): Promise<StoredRequest> {
    const stored = await store.request(id);
    if (stored !== null && answersFor(principal, stored.request.requester)) return stored;
    throw notYourRequest(id);
  }

  async function ownGrant(principal: Principal, id: GrantId): Promise<readonly [StoredGrant, StoredRequest]> {
    const stored = await store.grant(id);
    const request = stored === null ? null : await store.request(stored.grant.requestId);
    if (stored !== null && request !== null && answersFor(principal, request.request.requester)) {
      return [stored, request];
    }
    throw notYours(id);
  }

  async function seenGrant(principal: Principal, id: GrantId): Promise<readonly [StoredGrant, StoredRequest]> {
    const stored = await store.grant(id);
    const request = stored === null ? null : await store.request(stored.grant.requestId);
    if (stored === null || request === null) throw notYours(id);
    if (answersFor(principal, request.request.requester)) return [stored, request];
    const concerned = request.request.incident !== null && (await insightFor(world, principal, request)) !== null;
    if (!concerned && !(await mayRevoke(world, principal, request))) throw notYours(id);
    return [stored, request];
  }

  return { view, visible, ownRequest, ownGrant, seenGrant };
}

export function notYourRequest(id: RequestId): JitError {
  return new JitError({ code: 'ERR_NOT_FOUND', message: `there is no request ${id} of yours`, hint: 'jit list --all' });
}

export function notYours(id: GrantId): JitError {
  return new JitError({ code: 'ERR_NOT_FOUND', message: `there is no grant ${id} of yours`, hint: 'jit list --all' });
}
