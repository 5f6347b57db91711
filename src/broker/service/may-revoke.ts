/**
 * Whether policy lets somebody end what others hold.
 * @module
 */
import type { Principal } from '../../core/principal.ts';
import type { StoredRequest } from '../store/store.ts';
import type { World } from './world.ts';

/** Whether policy lets the caller end the grant of that request, at every target of it. */
export async function mayRevoke(world: World, caller: Principal, stored: StoredRequest): Promise<boolean> {
  if (stored.grant === null) return false;
  const { requester, permissions } = stored.request;
  const places = new Set(permissions.map(({ target }) => target));
  return mayRevokeAt(world, caller, requester, 'every', [...places]);
}

/** The same at every one of some places, or at some of them. */
export async function mayRevokeAt(
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
