/**
 * From an approved request to a grant's intent, made durable before any cloud is called.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import { openGrant } from '../../core/transition.ts';
import { grantId } from '../../core/ids.ts';
import type { Change, StoredGrant, StoredRequest } from '../store/store.ts';
import { byTarget, placeOf } from './decide.ts';
import { secondsLeft, type Unconfirmed } from './unconfirmed.ts';
import type { World } from './world.ts';

/** How long the broker that opened a grant keeps its issue effects to itself. */
export const CLAIM_MS = 60_000;

export interface Opening {
  readonly request: StoredRequest;
  readonly grant: StoredGrant;
  /** To be committed with them. */
  readonly effects: NonNullable<Change['effects']>;
  readonly entries: readonly AuditEvent[];
}

/**
 * @param at epoch ms: the grant's clock starts here. @param idleSeconds as policy says it now. @param unconfirmed of the call by which
 * it opens: then it may be shorter than was asked for. Throws `ERR_TARGET` where a target is not configured any more.
 */
export function openFor(
  world: World,
  asked: StoredRequest,
  at: number,
  { idleSeconds, unconfirmed }: { readonly idleSeconds: number | null; readonly unconfirmed: Unconfirmed | null },
): Opening {
  const { request } = asked;
  const id = grantId(world.random(16));
  const seconds = secondsLeft(request.seconds, unconfirmed, at);
  const endsAt = at + seconds * 1_000;
  const legs = [...byTarget(request.permissions)].map(([name, permissions]) => {
    const { target, provider } = placeOf(world, name);
    const intent = provider.intend(target, { grant: id, principal: request.requester, permissions, endsAt });
    return { target: name, provider: provider.kind, ...intent };
  });
  const { grant, effects } = openGrant({ id, requestId: request.id, seconds, idleSeconds, at, legs });
  return {
    request: { ...asked, grant: id, decision: { ...asked.decision, deadline: null } },
    grant: {
      grant,
      requester: request.requester,
      version: 0,
      createdAt: at,
      deliveredAt: null,
      usedAt: null,
      renewalKeys: [],
    },
    effects: effects.map((effect) => ({ ...effect, claimedUntil: at + CLAIM_MS })),
    entries: legs.map(({ target, name, notAfter }) => ({
      type: 'grant.intended',
      at,
      actor: 'broker',
      request: request.id,
      grant: id,
      data: { target, name, notAfter: new Date(notAfter).toISOString() },
    })),
  };
}
