/**
 * Taking everything of a grant out of a cluster.
 * @module
 */
import type { Cluster } from './client.ts';
import type { Handle } from './handle.ts';
import { isMarked } from './names.ts';
import { accountShelf, bindingShelf, roleShelf, secretShelf } from './objects.ts';
import { find, removeOwn } from './shelf.ts';
import type { Presence } from './shelf.ts';

/**
 * Deletes the Secret, so that no token is taken any more, and the bindings and roles; then, when all those are gone, the
 * account. The account is the last because it is by the accounts that grants are found again. One that cannot be
 * deleted does not keep the others from it. Throws the first of what calls threw.
 * @returns `absent` when there was nothing left before this.
 */
export async function removeAll(cluster: Cluster, handle: Handle): Promise<Presence> {
  const parts = [
    removeOwn(cluster, secretShelf(handle), handle),
    ...handle.scopes.flatMap((scope) => [
      removeOwn(cluster, bindingShelf(handle, scope), handle),
      removeOwn(cluster, roleShelf(handle, scope), handle),
    ]),
  ];
  const results = await Promise.allSettled(parts);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const leaving = results.some((result) => result.status === 'fulfilled' && result.value === 'leaving');
  // What a finalizer holds back is still there: its account stays too.
  if (leaving && (await isHeldBack(cluster, handle))) return 'leaving';
  const account = await removeOwn(cluster, accountShelf(handle), handle);
  return leaving ? 'leaving' : account;
}

async function isHeldBack(cluster: Cluster, handle: Handle): Promise<boolean> {
  const looks = [
    find(cluster, secretShelf(handle)),
    ...handle.scopes.flatMap((scope) => [
      find(cluster, bindingShelf(handle, scope)),
      find(cluster, roleShelf(handle, scope)),
    ]),
  ];
  const found = await Promise.all(looks);
  return found.some((object) => isMarked(object?.metadata?.labels, handle));
}
