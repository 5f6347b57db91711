/**
 * Whether what was decided would be decided the same way now, asked each time before credentials leave or an end moves.
 * @module
 */
import { missing } from '../../core/approval.ts';
import { canonicalJson } from '../../core/canonical.ts';
import { asJitError, JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Principal } from '../../core/principal.ts';
import { compareTiers } from '../../core/tier.ts';
import type { Denial } from '../../policy/verdict.ts';
import type { StoredGrant, StoredRequest } from '../store/store.ts';
import { applyEvent } from './apply.ts';
import { shape } from './approvals.ts';
import { judge, type Ruling } from './decide.ts';
import { isClosed } from './emergency/rule.ts';
import { electorateOf } from './votes.ts';
import type { World } from './world.ts';

/** What policy says of a request that was granted earlier. */
export type Today =
  | { readonly kind: 'same'; readonly permit: Exclude<Ruling, Denial>; readonly policy: string }
  /** It would still be possible, but more would be asked for it than was. */
  | { readonly kind: 'harder'; readonly why: string }
  | { readonly kind: 'denied'; readonly why: string; readonly hint: string | null };

/**
 * @param seconds length to judge, in place of the request's own. @param at epoch ms, for the hours of rules.
 * Throws only what may pass, such as `ERR_STORE`.
 */
export async function decisionNow(
  world: World,
  principal: Principal,
  asked: StoredRequest,
  { seconds, at }: { readonly seconds: number; readonly at: number },
): Promise<Today> {
  const { request, decision } = asked;
  // One set for the whole of the answer: the policies may be loaded anew in between.
  const pinned = { ...world, policy: world.policy };
  try {
    const { permissions, verdict, policy } = await judge(pinned, principal, { ...request, seconds }, at);
    if (verdict.kind === 'deny') return { kind: 'denied', why: verdict.why, hint: verdict.hint };
    if (decision.tier === null || compareTiers(verdict.tier, decision.tier) > 0) {
      return { kind: 'harder', why: `it is ${verdict.tier} now` };
    }
    if (canonicalJson(shape(permissions)) !== canonicalJson(shape(request.permissions))) {
      return { kind: 'denied', why: 'what was asked for means something else now', hint: null };
    }
    const same = { kind: 'same', permit: verdict, policy } as const;
    if (verdict.quorum.length === 0) return same;
    // Who may approve can depend on the length.
    const { serves } = await electorateOf(pinned, { ...asked, request: { ...request, seconds } }, null);
    // The votes stay good under a newer policy, as long as their owners may vote and they are enough for it.
    const now = { decision: { ...decision, quorum: verdict.quorum }, votes: asked.votes };
    if (missing(now, serves(verdict.quorum)).length === 0) return same;
    return { kind: 'harder', why: 'the approvals do not hold any more' };
  } catch (thrown) {
    const error = asJitError(thrown);
    // A passing fault of the store is no answer.
    if (error.facts.retryable) throw error;
    return { kind: 'denied', why: error.message, hint: null };
  }
}

/**
 * Whether nothing that went into a decision without votes has changed, as far as the configuration is the same: the policies,
 * and the groups of whoever calls and of the person for whom an agent calls.
 */
export function isAsDecided({ policy }: World, principal: Principal, { request, decision }: StoredRequest): boolean {
  const { requester } = request;
  return (
    decision.tier === 'auto' &&
    decision.policy === policy.version &&
    sameList(principal.groups, requester.groups) &&
    sameList(principal.actsFor?.groups ?? [], requester.actsFor?.groups ?? [])
  );
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at]);
}

/**
 * Credentials leave only under a decision that would be the same today: who left a group meanwhile is given nothing more.
 * The hours of rules are about when it was granted, not about each credential. Throws `ERR_DENIED`, having ended the grant.
 */
export async function demandSameDecision(
  world: World,
  principal: Principal,
  asked: StoredRequest,
  { grant: { id, seconds }, createdAt }: StoredGrant,
): Promise<void> {
  const today = await decisionNow(world, principal, asked, { seconds, at: createdAt });
  if (today.kind !== 'same') throw await endAsDenied(world, id, asked, today.why);
}

/** Ends what would not be granted any more. @returns what to throw. */
export async function endAsDenied(
  world: World,
  id: GrantId,
  { request: { incident } }: StoredRequest,
  why: string,
): Promise<JitError> {
  const reason = incident !== null && (await isClosed(world, incident)) ? 'incident-closed' : 'revoked';
  const how = incident === null ? {} : { data: { incident: incident.reference, why } };
  await applyEvent(world, id, { type: 'end', reason, at: world.now() }, { actor: 'broker', ...how });
  return new JitError({
    code: 'ERR_DENIED',
    message: `denied: ${why}, so the grant was ended`,
    hint: 'ask anew with: jit request',
    subject: id,
  });
}
