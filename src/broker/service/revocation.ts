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
import { type Insight, insightFor } from './votes.ts';
import type { World } from './world.ts';

/** Whether policy lets the caller end the grant of that request, at every target of it. */
export async function mayRevoke(world: World, caller: Principal, stored: StoredRequest): Promise<boolean> {
  if (stored.grant === null) return false;
  const { requester, permissions } = stored.request;
  const places = new Set(permissions.map(({ target }) => target));
  return mayRevokeAt(world, caller, requester, 'every', [...places]);
}

async function mayRevokeAt(
  { policy, targets, now, present }: World,
  caller: Principal,
  requester: Principal,
  where: 'every' | 'some',
  places: readonly string[],
): Promise<boolean> {
  const holder = await present(requester);
  const at = now();
  // Of a target that was taken out nothing is known by which it could be judged.
  const may = (name: string): boolean => {
    const target = targets.get(name);
    return target !== undefined && policy.mayRevoke(caller, { holder, target, now: at });
  };
  return places.length > 0 && (where === 'every' ? places.every(may) : places.some(may));
}

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
    for (const { grant } of fresh) {
      seen.add(grant.id);
      const request = await world.store.request(grant.requestId);
      if (request === null) continue;
      const { requester } = request.request;
      if (!answersFor(caller, requester) && !(await mayRevoke(world, caller, request))) {
        if (isEnding(grant)) continue;
        kept.add(grant.id);
        knows ||= await mayRevokeAt(world, caller, requester, 'some', [...world.targets.keys()]);
        continue;
      }
      knows = true;
      try {
        ended.push([await end(grant.id), request]);
      } catch (thrown) {
        if (!(thrown instanceof JitError) || !thrown.facts.retryable) throw thrown;
        kept.add(grant.id);
      }
    }
  }
  return { ended, kept: knows ? [...kept] : [] };
}

function isEnding({ state }: Grant): boolean {
  return state.name === 'revoking' || state.name === 'stuck';
}
