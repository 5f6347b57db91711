/**
 * A live grant gets a later end, if it would be granted for that long today and its rule allows another renewal.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import { type Principal, samePrincipal } from '../../core/principal.ts';
import type { Idempotency, StoredGrant, StoredRequest } from '../store/store.ts';
import { applyEvent } from './apply.ts';
import { ended, live } from './live.ts';
import { decisionNow, endAsDenied, type Today } from './same-decision.ts';
import type { World } from './world.ts';

const PATIENCE = 50;

/**
 * Moves the end to `seconds` from now, never to an earlier one; where it is later already, nothing changes and no renewal
 * is spent. It counts as a sign of use. Policy is asked twice. Whether the grant would stand as it was given: a denial ends
 * it, as it would before the next credential. And whether as much would be granted at this hour for this long: a no to
 * that, or a harder way to a yes, leaves the grant as it is. The same key with the same body renews once.
 *
 * Throws `ERR_DENIED`, `ERR_GRANT_ENDED`, `ERR_PENDING` while issuing, `ERR_IDEMPOTENCY`.
 */
export async function renewGrant(
  world: World,
  principal: Principal,
  [first, asked]: readonly [StoredGrant, StoredRequest],
  how: { readonly seconds: number; readonly idempotency: Idempotency | null },
): Promise<StoredGrant> {
  const { id } = first.grant;
  let stored: StoredGrant | null = first;
  for (let round = 0; round < PATIENCE; round++) {
    if (stored === null) break;
    if (isReplay(stored, how.idempotency)) return stored;
    try {
      return await attempt(world, principal, asked, stored, how);
    } catch (thrown) {
      // Somebody was faster: an end, another renewal, or only a credential. All is looked at anew.
      if (!(thrown instanceof JitError) || thrown.code !== 'ERR_CONFLICT') throw thrown;
      stored = await world.store.grant(id);
    }
  }
  throw new JitError({ code: 'ERR_STORE', message: 'too many changes to this grant at once' });
}

async function attempt(
  world: World,
  principal: Principal,
  asked: StoredRequest,
  stored: StoredGrant,
  { seconds, idempotency }: Parameters<typeof renewGrant>[3],
): Promise<StoredGrant> {
  const { id } = stored.grant;
  if (!samePrincipal(principal, asked.request.requester)) {
    throw new JitError({ code: 'ERR_DENIED', message: 'denied: only who asked for a grant renews it', subject: id });
  }
  live(stored.grant.state, id);
  const { permit, policy } = await demandRenewable(world, principal, asked, stored, seconds);
  const at = world.now();
  const { expiresAt } = live(stored.grant.state, id);
  if (at >= expiresAt) throw ended(id);
  // A whole second, as the clouds take it.
  const endsAt = Math.floor(at / 1_000) * 1_000 + seconds * 1_000;
  if (endsAt <= expiresAt) return stored;
  const { idleSeconds } = permit;
  return applyEvent(world, id, { type: 'renew', at, endsAt, idleSeconds } as const, {
    actor: principal,
    known: stored,
    version: stored.version,
    data: { seconds, renewals: stored.grant.renewals + 1, version: policy },
    keep: (after) => ({
      usedAt: after.idleSeconds === null ? null : Math.max(at, stored.usedAt ?? 0),
      renewalKeys: idempotency === null ? stored.renewalKeys : [...stored.renewalKeys, idempotency],
    }),
  });
}

async function demandRenewable(
  world: World,
  principal: Principal,
  asked: StoredRequest,
  { grant, createdAt }: StoredGrant,
  seconds: number,
): Promise<{ readonly permit: Extract<Today, { kind: 'same' }>['permit']; readonly policy: string }> {
  const { id } = grant;
  const asGiven = await decisionNow(world, principal, asked, { seconds: grant.seconds, at: createdAt });
  if (asGiven.kind === 'denied') throw await endAsDenied(world, id, asked, asGiven.why);
  const today = await decisionNow(world, principal, asked, { seconds, at: world.now() });
  switch (today.kind) {
    case 'denied':
      throw refusal(id, today.why, today.hint === null ? ANEW : `renew it with: jit renew ${id} ${today.hint}`);
    case 'harder':
      throw refusal(id, today.why, ANEW);
    case 'same': {
      const { renewals, policyId } = today.permit;
      if (grant.renewals < renewals) return today;
      const why =
        renewals === 0
          ? `policy ${policyId} allows no renewal`
          : `renewed ${times(grant.renewals)} already, and policy ${policyId} allows ${times(renewals)}`;
      throw refusal(id, why, ANEW);
    }
  }
}

const ANEW = 'ask anew with: jit request';

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);

function refusal(id: GrantId, why: string, hint: string): JitError {
  return new JitError({ code: 'ERR_DENIED', message: `denied: ${why}; the grant goes on as it is`, hint, subject: id });
}

function isReplay({ grant, renewalKeys }: StoredGrant, idempotency: Idempotency | null): boolean {
  const earlier = renewalKeys.find(({ key }) => key === idempotency?.key);
  if (earlier === undefined) return false;
  if (earlier.bodyHash === idempotency?.bodyHash) return true;
  throw new JitError({
    code: 'ERR_IDEMPOTENCY',
    message: 'this idempotency key was used for another renewal',
    hint: 'use a new key for each new renewal',
    subject: grant.id,
  });
}
