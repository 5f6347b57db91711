/**
 * The objects of a grant, one kind beside the other: made or brought up to date, and removed, each only where it carries the
 * grant's own mark.
 * @module
 */
import type { V1ObjectMeta } from '@kubernetes/client-node';
import { JitError } from '../../core/errors.ts';
import type { Apis, Cluster } from './client.ts';
import { isFailure } from './failure.ts';
import { isMarked } from './names.ts';
import type { Marking } from './names.ts';

interface KubeObject {
  metadata?: V1ObjectMeta;
}

/** One named object of a cluster, there or not. */
export interface Shelf<T extends KubeObject> {
  /** For messages, such as `role shop/jit-…`. */
  readonly what: string;
  readonly create: (apis: Apis, body: T) => Promise<T>;
  readonly read: (apis: Apis) => Promise<T>;
  readonly replace: (apis: Apis, body: T) => Promise<T>;
  readonly remove: (apis: Apis, uid: string) => Promise<unknown>;
}

/** Somebody else's write between two of ours: looked at again so often. */
const TRIES = 4;

export interface Ensured<T> {
  readonly object: T;
  readonly uid: string;
  /** Whether this call made it. */
  readonly made: boolean;
}

/**
 * Makes the object, or brings the grant's own up to date. Throws `ERR_CLOUD` where an object of that name is not the
 * grant's own, or does not become what was asked for; and what calls throw.
 * @param alike whether an object holds all that was asked for, and nothing more.
 */
export async function ensure<T extends KubeObject>(
  cluster: Cluster,
  shelf: Shelf<T>,
  wanted: { readonly body: T; readonly marking: Marking; readonly alike: (found: T) => boolean },
): Promise<Ensured<T>> {
  const { body, marking, alike } = wanted;
  for (let round = 0; round < TRIES; round++) {
    const made = await makeNew(cluster, shelf, body);
    if (made !== null) return checked(shelf, made, { alike, made: true });
    const found = await find(cluster, shelf);
    if (found === null) continue;
    if (!isMarked(found.metadata?.labels, marking)) throw foreign(shelf);
    if (found.metadata?.deletionTimestamp !== undefined) throw leaving(shelf);
    if (alike(found)) return checked(shelf, found, { alike, made: false });
    const replaced = await bring(cluster, shelf, body, found);
    if (replaced !== null) return checked(shelf, replaced, { alike, made: false });
  }
  throw new JitError({ code: 'ERR_CLOUD_BUSY', message: `somebody else keeps changing ${shelf.what}` });
}

async function makeNew<T extends KubeObject>(cluster: Cluster, shelf: Shelf<T>, body: T): Promise<T | null> {
  try {
    return await cluster.call(`create ${shelf.what}`, async (apis) => await shelf.create(apis, body));
  } catch (thrown) {
    if (isFailure(thrown, 'exists')) return null;
    throw thrown;
  }
}

/** Null where it has been changed or removed in between. */
async function bring<T extends KubeObject>(cluster: Cluster, shelf: Shelf<T>, body: T, found: T): Promise<T | null> {
  const { uid, resourceVersion } = found.metadata ?? {};
  // With the version that was looked at: a change in between is looked at again, and not overwritten.
  const metadata: V1ObjectMeta = {};
  Object.assign(metadata, body.metadata);
  if (uid !== undefined) metadata.uid = uid;
  if (resourceVersion !== undefined) metadata.resourceVersion = resourceVersion;
  try {
    return await cluster.call(`update ${shelf.what}`, async (apis) => await shelf.replace(apis, { ...body, metadata }));
  } catch (thrown) {
    if (isFailure(thrown, 'exists') || isFailure(thrown, 'missing')) return null;
    throw thrown;
  }
}

/** What came back is looked at: an admission rule of the cluster may have made something else of it. */
function checked<T extends KubeObject>(
  shelf: Shelf<T>,
  object: T,
  { alike, made }: { readonly alike: (found: T) => boolean; readonly made: boolean },
): Ensured<T> {
  const uid = object.metadata?.uid;
  if (uid !== undefined && uid !== '' && alike(object)) return { object, uid, made };
  throw new JitError({
    code: 'ERR_CLOUD',
    message: `${shelf.what} is not what was asked for`,
    hint: 'an admission rule of the cluster changes it',
  });
}

/** Null where there is none. */
export async function find<T extends KubeObject>(cluster: Cluster, shelf: Shelf<T>): Promise<T | null> {
  try {
    return await cluster.call(`read ${shelf.what}`, async (apis) => await shelf.read(apis));
  } catch (thrown) {
    if (isFailure(thrown, 'missing')) return null;
    throw thrown;
  }
}

/** `absent`: there is none, or only one that is not the grant's own and is left alone. `leaving`: it is being deleted. */
export type Presence = 'absent' | 'leaving';

/** Removes the grant's own object. Throws what calls throw. @returns what was found before that. */
export async function removeOwn<T extends KubeObject>(
  cluster: Cluster,
  shelf: Shelf<T>,
  marking: Marking,
): Promise<Presence> {
  const found = await find(cluster, shelf);
  const uid = found?.metadata?.uid;
  if (found === null || uid === undefined || !isMarked(found.metadata?.labels, marking)) return 'absent';
  try {
    await cluster.call(`delete ${shelf.what}`, async (apis) => await shelf.remove(apis, uid));
  } catch (thrown) {
    // Gone meanwhile, or another one by now, which the next look will see.
    if (!isFailure(thrown, 'missing') && !isFailure(thrown, 'exists')) throw thrown;
  }
  return 'leaving';
}

function foreign({ what }: Pick<Shelf<KubeObject>, 'what'>): JitError {
  return new JitError({
    code: 'ERR_CLOUD',
    message: `there is a ${what} that jit did not make for this grant`,
    hint: 'it is left as it is; find out who made it',
  });
}

function leaving({ what }: Pick<Shelf<KubeObject>, 'what'>): JitError {
  return new JitError({ code: 'ERR_CLOUD', message: `${what} is being deleted` });
}
