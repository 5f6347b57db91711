/**
 * Whether what was decided would be decided the same way now, asked each time before credentials leave.
 * @module
 */
import { missing } from '../../core/approval.ts';
import { canonicalJson } from '../../core/canonical.ts';
import { asJitError, JitError } from '../../core/errors.ts';
import type { Principal } from '../../core/principal.ts';
import { compareTiers } from '../../core/tier.ts';
import type { StoredGrant, StoredRequest } from '../store/store.ts';
import { applyEvent } from './apply.ts';
import { shape } from './approvals.ts';
import { judge } from './decide.ts';
import { electorateOf } from './votes.ts';
import type { World } from './world.ts';

/**
 * Credentials leave only under a decision that would be the same today: who left a group meanwhile is given nothing more.
 * The hours of rules are about when it was granted, not about each credential. Throws `ERR_DENIED`, having ended the grant.
 */
export async function demandSameDecision(
  world: World,
  principal: Principal,
  asked: StoredRequest,
  { grant: { id }, createdAt }: StoredGrant,
): Promise<void> {
  const { request, decision } = asked;
  const why = await judge(world, principal, request, createdAt).then(
    async ({ permissions, verdict }) => {
      if (verdict.kind === 'deny') return verdict.why;
      if (decision.tier === null || compareTiers(verdict.tier, decision.tier) > 0) return `it is ${verdict.tier} now`;
      if (canonicalJson(shape(permissions)) !== canonicalJson(shape(request.permissions))) {
        return 'what was asked for means something else now';
      }
      if (verdict.tier !== 'manual') return null;
      const { serves } = await electorateOf(world, asked, null);
      // The votes stay good under a newer policy, as long as their owners may vote and they are enough for it.
      const now = { decision: { ...decision, quorum: verdict.quorum }, votes: asked.votes };
      return missing(now, serves(verdict.quorum)).length === 0 ? null : 'the approvals do not hold any more';
    },
    (thrown: unknown) => {
      const error = asJitError(thrown);
      // A passing fault of the store is no answer.
      if (error.facts.retryable) throw error;
      return error.message;
    },
  );
  if (why === null) return;
  await applyEvent(world, id, { type: 'end', reason: 'revoked', at: world.now() }, { actor: 'broker' });
  throw new JitError({
    code: 'ERR_DENIED',
    message: `denied: ${why}, so the grant was ended`,
    hint: 'ask anew with: jit request',
    subject: id,
  });
}
