/**
 * Ending what others hold: whom policy lets do it sees such a grant as its holder does, and gets no credential of it.
 * @module
 */
import { counted } from '../../core/approval.ts';
import { JitError } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import type { GrantId } from '../../core/ids.ts';
import { answersFor, type Principal, type PrincipalKey } from '../../core/principal.ts';
import type { StoredGrant, StoredRequest } from '../store/store.ts';
import { mayRevoke, mayRevokeAt } from './may-revoke.ts';
import { type Insight, insightFor } from './votes.ts';
import type { World } from './world.ts';

/** As `insightFor`, also for those who may end what came of the request. */
export async function insightOf(world: World, caller: Principal, stored: StoredRequest): Promise<Insight | null> {
  const insight = await insightFor(world, caller, stored);
  if (insight !== null || !(await mayRevoke(world, caller, stored))) return insight;
  return { missing: stored.decision.quorum.map(() => 0), counting: new Set(counted(stored)), can: [] };
}

/** Where a grant can still be used, or the cloud has not confirmed its end. */
export const LIVE = ['issuing', 'active', 'revoking', 'stuck'] as const;

/** What became of the live grants of somebody. */
export interface Ended {
  /** With those that were ending already, so that a repeated call tells the same. */
  readonly ended: readonly (readonly [StoredGrant, StoredRequest])[];
  /** Live still: those that the caller may not end, and those at which the store failed. */
  readonly kept: readonly GrantId[];
}

/**
 * Ends what that principal holds and what agents hold for them, as far as the caller may. Whoever may end nothing of theirs
 * anywhere hears of none, as if there were none.
 * @param end ends one grant, and gives it as it is then.
 */
export async function endAllOf(
  world: World,
  caller: Principal,
  holder: PrincipalKey,
  end: (id: GrantId) => Promise<StoredGrant>,
): Promise<Ended> {
  const ended: [StoredGrant, StoredRequest][] = [];
  const kept = new Set<GrantId>();
  const seen = new Set<GrantId>();
  let knows = false;
  for (;;) {
    // Looked for again, because more may have been issued meanwhile.
    const found = await world.store.grants({ requester: holder, states: LIVE, limit: 1_000 });
    const fresh = found.filter(({ grant }) => !seen.has(grant.id));
    if (fresh.length === 0) break;
    for (const { grant } of fresh) seen.add(grant.id);
    const works = fresh.map(async ({ grant }) => {
      const request = await world.store.request(grant.requestId);
      if (request === null) return;
      const { requester } = request.request;
      if (!answersFor(caller, requester) && !(await mayRevoke(world, caller, request))) {
        if (isEnding(grant)) return;
        kept.add(grant.id);
        if (await mayRevokeAt(world, caller, requester, 'some', [...world.targets.keys()])) knows = true;
        return;
      }
      knows = true;
      try {
        ended.push([await end(grant.id), request]);
      } catch (thrown) {
        if (!(thrown instanceof JitError) || !thrown.facts.retryable) throw thrown;
        kept.add(grant.id);
      }
    });
    // All at once, and all are tried whatever becomes of any of them.
    for (const one of await Promise.allSettled(works)) if (one.status === 'rejected') throw one.reason;
  }
  return { ended, kept: knows ? [...kept] : [] };
}

function isEnding({ state }: Grant): boolean {
  return state.name === 'revoking' || state.name === 'stuck';
}
