/**
 * Ending a grant's access: what it holds is taken away, and called gone when it has been absent for as long as Azure may
 * still act on what it remembers.
 * @module
 */
import type { Clock, Mark, Revocation } from '../../core/ports.ts';
import type { Clients } from './clients.ts';
import type { Handle } from './handle.ts';
import { deleteIdentity, endTrust, findIdentity, isOwn } from './identity.ts';
import type { Holders } from './names.ts';
import { PROPAGATION } from './plan.ts';
import type { Found, Ours, Reach, Standing } from './standing.ts';

const PROPAGATION_MS = PROPAGATION * 1_000;
/** Something that was on its way may still turn up: it is looked for after so long, and once more before anything is said. */
const FIRST_LOOK_MS = 60_000;
/** Others' ends that have passed by this much are not kept: their own revocation has nothing to find then. */
const CLOCKS_MS = 60_000;

/** When each handle was first seen to be absent, epoch ms. Forgotten with the process, and then waited for once more. */
export type Absences = Map<string, number>;

/** Throws what a call throws. Everything in it can be done again. */
export async function revokeOnce(
  deps: { readonly clients: Clients; readonly standing: Standing; readonly now: Clock; readonly absences: Absences },
  parts: { readonly handle: Handle; readonly mark: Mark; readonly signal: AbortSignal },
): Promise<Revocation> {
  const { now, absences, standing } = deps;
  const { handle, mark, signal } = parts;
  const reach: Reach = { arm: await deps.clients(handle.access), owner: handle.owner, signal };
  const { grant, to } = handle;
  const identity = to.kind === 'identity' ? await findIdentity(reach, to.group, grant) : null;
  const own = identity !== null && isOwn(identity, handle.owner, grant);
  if (to.kind === 'identity' && own) await endTrust(reach, to.group, grant);
  const principalId = to.kind === 'requester' ? to.id : (identity?.principalId ?? null);
  let floor = 0;
  let found = false;
  for (const scope of handle.scopes) {
    // Without its identity nothing was asked for, or it is for somebody who cannot sign in any more.
    if (principalId !== null) await standing.cancel(reach, { scope, principalId, grant });
    for (const one of await heldBy(standing, reach, { scope, principalId, handle })) {
      found = true;
      floor = Math.max(floor, await letGo(standing, reach, { one, handle, now: now() }));
    }
  }
  if (found) absences.delete(mark.handle);
  if (floor > 0) return { kind: 'pending', checkAt: floor };
  // What was just taken away is looked for again before anything is said about it.
  if (found) return { kind: 'pending', checkAt: now() + 1_000 };
  if (to.kind === 'identity' && own) {
    await deleteIdentity(reach, to.group, grant);
    if ((await findIdentity(reach, to.group, grant)) !== null) return { kind: 'pending', checkAt: now() + 5_000 };
  }
  const since = absences.get(mark.handle) ?? now();
  absences.set(mark.handle, since);
  const gone = since + PROPAGATION_MS;
  const look = since + FIRST_LOOK_MS;
  if (now() < gone) return { kind: 'pending', checkAt: now() < look ? look : gone };
  absences.delete(mark.handle);
  const proof =
    to.kind === 'identity'
      ? 'its identity is deleted and its role assignments have been absent for 10 minutes'
      : 'no role assignment stands for it, and none has for 10 minutes';
  return { kind: 'gone', tidyAt: null, proof };
}

/** What stands for the grant. One whose mark cannot be read stands for whoever it was made for. */
async function heldBy(
  standing: Standing,
  reach: Reach,
  {
    scope,
    principalId,
    handle,
  }: { readonly scope: string; readonly principalId: string | null; readonly handle: Handle },
): Promise<readonly Ours[]> {
  const all: readonly Found[] = await standing.find(reach, { scope, principalId });
  return all.flatMap((one) => {
    if (one.whose !== 'ours') return [];
    const unread = one.holders.size === 0 && principalId !== null;
    return unread || one.holders.has(handle.grant) ? [one] : [];
  });
}

/** @returns when to try again, epoch ms, or 0. */
async function letGo(
  standing: Standing,
  reach: Reach,
  { one, handle, now }: { readonly one: Ours; readonly handle: Handle; readonly now: number },
): Promise<number> {
  const rest: Holders = new Map(
    [...one.holders].filter(([grant, until]) => grant !== handle.grant && until + CLOCKS_MS > now),
  );
  if (rest.size > 0) {
    await standing.put(reach, one, { holders: rest, before: one, fresh: 'somebody known' });
    return 0;
  }
  const removed = await standing.remove(reach, one);
  return removed.kind === 'floor' ? removed.at : 0;
}
