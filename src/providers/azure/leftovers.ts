/**
 * What this broker made in a subscription and that is still there, whoever remembers it.
 * @module
 */
import type { GrantId } from '../../core/ids.ts';
import type { Leftover } from '../../core/ports.ts';
import { writeHandle } from './handle.ts';
import type { Handle } from './handle.ts';
import { listIdentities } from './identity.ts';
import { identityName } from './names.ts';
import { PROPAGATION } from './plan.ts';
import type { Reach, Standing } from './standing.ts';
import type { AzureTarget } from './target.ts';

/** No moment that anybody will see: of what nothing but the broker ends. */
export const NEVER = Date.UTC(9999, 11, 31);

/** By what it is given to: a grant at one target gives to one principal. */
export async function leftoversOf(standing: Standing, reach: Reach, target: AzureTarget): Promise<readonly Leftover[]> {
  const { recipient, access } = target;
  const identities =
    recipient.kind === 'identity' ? await listIdentities(reach, recipient.place.group) : new Map<GrantId, number>();
  const known = new Map<GrantId, { until: number; scopes: string[]; principalId: string | null }>();
  for (const [grant, until] of identities) known.set(grant, { until, scopes: [], principalId: null });
  for (const { holders, scope, principalId } of await standing.all(reach, access.subscription)) {
    for (const [grant, until] of holders) {
      const one = known.get(grant);
      if (one === undefined) known.set(grant, { until, scopes: [scope], principalId });
      else {
        one.until = Math.max(one.until, until);
        one.scopes.push(scope);
      }
    }
  }
  return [...known].flatMap(([grant, { until, scopes, principalId }]) => {
    const to = recipientOf(target, principalId);
    if (to === null) return [];
    const handle = writeHandle({ owner: reach.owner, grant, access, mode: target.mode, to, scopes });
    const notAfter = target.mode === 'direct' && recipient.kind === 'requester' ? NEVER : until + PROPAGATION * 1_000;
    return [{ grant, handle, name: nameOf(target, grant), notAfter }];
  });
}

/** What a grant is called in Azure. */
export function nameOf({ recipient }: Pick<AzureTarget, 'recipient'>, grant: GrantId): string {
  return recipient.kind === 'identity' ? identityName(grant) : `jit ${grant}`;
}

function recipientOf({ recipient }: AzureTarget, principalId: string | null): Handle['to'] | null {
  if (recipient.kind === 'identity') return { kind: 'identity', group: recipient.place.group };
  return principalId === null ? null : { kind: 'requester', id: principalId.toLowerCase() };
}
