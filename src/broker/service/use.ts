/**
 * Use of a grant as its holders report it: part of the audit trail, and what keeps a grant with an idle limit alive.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import { JitError } from '../../core/errors.ts';
import { idleAt } from '../../core/grant.ts';
import { type Principal, samePrincipal } from '../../core/principal.ts';
import type { UseBody } from '../../wire/bodies.ts';
import type { StoredGrant, StoredRequest } from '../store/store.ts';
import type { World } from './world.ts';

const PATIENCE = 50;

/**
 * Writes it all in one commit. It counts as use at the moment of its arrival, whatever times it names, and only as the
 * requester's own: others who may see a grant do not keep it alive.
 */
export async function reportUse(
  world: World,
  principal: Principal,
  [first, asked]: readonly [StoredGrant, StoredRequest],
  { uses }: UseBody,
): Promise<void> {
  const own = samePrincipal(principal, asked.request.requester);
  let stored: StoredGrant | null = first;
  for (let round = 0; stored !== null && round < PATIENCE; round++) {
    const at = world.now();
    const entries = uses.map((use) => usedEntry(principal, first, use, at));
    const limited = idleAt(stored.grant, stored.usedAt) !== null;
    const used = { ...stored, usedAt: Math.max(at, stored.usedAt ?? 0) };
    try {
      await world.store.commit(own && limited ? { grant: used, entries } : { entries });
      return;
    } catch (thrown) {
      if (!(thrown instanceof JitError) || thrown.code !== 'ERR_CONFLICT') throw thrown;
      stored = await world.store.grant(first.grant.id);
    }
  }
  throw new JitError({ code: 'ERR_STORE', message: 'too many changes to this grant at once' });
}

function usedEntry(actor: Principal, { grant }: StoredGrant, use: UseBody['uses'][number], at: number): AuditEvent {
  const { channel, count, first, last } = use;
  const data = { channel, count, first, last };
  return { type: 'credential.used', at, actor, request: grant.requestId, grant: grant.id, data };
}
