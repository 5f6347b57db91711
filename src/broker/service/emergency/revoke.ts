/**
 * Ends everything of one incident in one action.
 * @module
 */
import { isOpen } from '../../../core/approval.ts';
import { JitError } from '../../../core/errors.ts';
import type { GrantId } from '../../../core/ids.ts';
import type { Principal } from '../../../core/principal.ts';
import type { RevocationView } from '../../../wire/emergencies.ts';
import type { StoredEmergency } from '../../store/emergencies.ts';
import type { StoredRequest } from '../../store/store.ts';
import { applyEvent } from '../apply.ts';
import type { Approvals } from '../approvals.ts';
import type { World } from '../world.ts';
import { concerns, isLive, shownOf } from './incidents.ts';
import { incidentNamed, notFound, surelyNamed } from './named.ts';
import { partIn } from './part.ts';

/**
 * Every live grant of it that the caller may end, at once, and what could still become one. Done again it does nothing more.
 * @param wake tells the worker that something is due at that time, epoch ms.
 * @param text `INC-7`, or `pagerduty/INC-7`. Throws `ERR_NOT_FOUND` also where it is none of the caller's business.
 */
export async function revokeIncident(
  world: World,
  { approvals, wake }: { readonly approvals: Pick<Approvals, 'cancel'>; readonly wake: (dueAt: number) => void },
  caller: Principal,
  text: string,
): Promise<RevocationView> {
  const endAll = async (all: readonly StoredEmergency[]): Promise<readonly Done[]> => {
    try {
      return await Promise.all(all.map(async (each) => endOne(world, approvals, caller, each)));
    } finally {
      wake(world.now());
    }
  };
  // What is surely meant does not wait for a source that hangs. Its requests are over when they are looked at again.
  const sure = await endAll(await surelyNamed(world, text));
  const before = new Set(sure.flatMap(({ ended }) => (ended === null ? [] : [ended.request.id])));
  const { incident, emergencies } = await incidentNamed(world, caller, text);
  const later = await endAll(emergencies.filter(({ request }) => !before.has(request.request.id)));
  const done = [...sure.filter(({ ended }) => ended !== null), ...later];
  if (done.every(({ part }) => part === 'none')) {
    if (incident === null || !concerns(world.incidents.standing(incident, caller))) throw notFound();
  }
  const shown = await Promise.all(
    done.map(async ({ ended }) => (ended === null ? null : shownNow(world, caller, ended))),
  );
  const items = shown
    .flatMap((one) => (one === null ? [] : [one.outcome]))
    .toSorted((a, b) => Date.parse(b.request.createdAt) - Date.parse(a.request.createdAt));
  return { items, kept: done.filter(({ kept }) => kept).length };
}

interface Done {
  readonly part: Awaited<ReturnType<typeof partIn>>;
  /** Also where that had begun before and is not over. */
  readonly ended: StoredRequest | null;
  readonly kept: boolean;
}

async function endOne(
  world: World,
  approvals: Pick<Approvals, 'cancel'>,
  caller: Principal,
  { request: stored }: StoredEmergency,
): Promise<Done> {
  const reference = stored.request.incident?.reference ?? '';
  const part = await partIn(world, caller, stored);
  const grant = stored.grant === null ? null : await world.store.grant(stored.grant);
  const over = grant === null ? !isOpen(stored.decision) : grant.grant.state.name === 'closed';
  if (part === 'none' || over) return { part, ended: null, kept: part === 'none' && isLive(grant) };
  const open = grant?.grant.id ?? (await takenBack(world, approvals, caller, stored, reference));
  if (open !== null) {
    const event = { type: 'end', reason: 'revoked', at: world.now() } as const;
    await applyEvent(world, open, event, { actor: caller, data: { incident: reference } });
  }
  return { part, ended: stored, kept: false };
}

/** @returns the grant that it has become meanwhile, or null. */
async function takenBack(
  world: World,
  approvals: Pick<Approvals, 'cancel'>,
  caller: Principal,
  { request }: StoredRequest,
  reference: string,
): Promise<GrantId | null> {
  try {
    await approvals.cancel(caller, request.id, `${caller.name} ended everything of ${reference}`);
    return null;
  } catch (thrown) {
    if (!(thrown instanceof JitError) || thrown.code !== 'ERR_DECIDED') throw thrown;
    return (await world.store.request(request.id))?.grant ?? null;
  }
}

async function shownNow(world: World, caller: Principal, { request }: StoredRequest): ReturnType<typeof shownOf> {
  const now = await world.store.request(request.id);
  return now === null ? null : shownOf(world, caller, { request: now });
}
