/**
 * What becomes of emergency access when its incident is looked at: it goes on, it ends, or its end moves up.
 * @module
 */
import { isOpen } from '../../../core/approval.ts';
import { JitError } from '../../../core/errors.ts';
import type { Grant } from '../../../core/grant.ts';
import type { Incident } from '../../../core/incident.ts';
import type { RequestId } from '../../../core/ids.ts';
import type { EmergencyChange, StoredEmergency } from '../../store/emergencies.ts';
import { applyEvent } from '../apply.ts';
import type { Approvals } from '../approvals.ts';
import { questionsOf } from '../decide.ts';
import type { World } from '../world.ts';
import { partOver } from './rule.ts';

/** How an incident stands when it is looked at. */
export type IncidentNow =
  | { readonly kind: Incident['state']; readonly incident: Incident }
  | { readonly kind: 'gone' }
  /** Its source has signed that it is closed, and nobody can be asked whether that is so. */
  | { readonly kind: 'said to be closed' }
  /** Its source gives no answer. */
  | { readonly kind: 'unknown' };

export interface Ends {
  /** Throws `ERR_STORE`; done again it does nothing more. */
  settle(emergency: StoredEmergency, now: IncidentNow): Promise<void>;
}

/** @param wake tells the worker that something is due at that time, epoch ms. */
export function makeEnds(
  world: World,
  approvals: Pick<Approvals, 'forbid' | 'judgeOne'>,
  wake: (dueAt: number) => void,
): Ends {
  const ends: Ends = {
    settle: async (emergency, now) => {
      const { request: stored } = emergency;
      const held = stored.grant === null ? null : await world.store.grant(stored.grant);
      if (held === null) {
        if (!isOpen(stored.decision)) return unwatch(world, emergency);
        if (now.kind === 'open') await named(world, emergency, now.incident);
        // What policy says of it goes by the incident as it is now.
        if (now.kind === 'said to be closed')
          await approvals.forbid(stored.request.id, `${reference(emergency)} is said to be closed`);
        else if (now.kind !== 'unknown') await approvals.judgeOne(stored.request.id);
        const after = stored.grant === null ? await world.store.emergency(stored.request.id) : null;
        // It was taken up since it was read.
        return after === null || after.request.grant === null ? undefined : ends.settle(after, now);
      }
      const { grant } = held;
      if (!isLive(grant)) return unwatch(world, emergency);
      switch (now.kind) {
        case 'unknown':
          return undefined;
        case 'open': {
          await named(world, emergency, now.incident);
          const over = await partOverNow(world, emergency, now.incident);
          if (over !== null) await end(world, emergency, grant, { reason: 'revoked', why: over });
          break;
        }
        case 'closed':
          if (emergency.warnSeconds > 0 && grant.state.name === 'active') {
            const at = world.now();
            const endsAt = at + emergency.warnSeconds * 1_000;
            const data = { incident: reference(emergency), why: 'closed' };
            const event = { type: 'cut', at, endsAt, reason: 'incident-closed' } as const;
            const after = await applyEvent(world, grant.id, event, { actor: 'broker', data });
            if (after.grant.state.name === 'active') wake(after.grant.state.expiresAt);
            return undefined;
          }
          await end(world, emergency, grant, { reason: 'incident-closed', why: 'closed' });
          break;
        case 'gone':
        case 'said to be closed':
          await end(world, emergency, grant, { reason: 'incident-closed', why: now.kind });
          break;
      }
      wake(world.now());
      return undefined;
    },
  };
  return ends;
}

const isLive = ({ state }: Grant): boolean => state.name === 'issuing' || state.name === 'active';

const reference = ({ request }: StoredEmergency): string => request.request.incident?.reference ?? '';

async function end(
  world: World,
  emergency: StoredEmergency,
  { id }: Grant,
  { reason, why }: { readonly reason: 'incident-closed' | 'revoked'; readonly why: string },
): Promise<void> {
  const data = { incident: reference(emergency), why };
  await applyEvent(world, id, { type: 'end', reason, at: world.now() }, { actor: 'broker', data });
  await unwatch(world, emergency);
}

async function partOverNow(world: World, { request }: StoredEmergency, incident: Incident): Promise<string | null> {
  const { request: asked } = request;
  if (asked.incident === null) return null;
  const requester = await world.present(asked.requester);
  try {
    const questions = await questionsOf(world, requester, asked, world.now());
    return partOver(world, requester, questions, { bound: asked.incident, incident });
  } catch (thrown) {
    // What cannot be understood any more is refused at the next credentials; it is no word about who is on call.
    if (thrown instanceof JitError && !thrown.facts.retryable) return null;
    throw thrown;
  }
}

/** It was asked for while its source gave no answer; now it is known which incident that was. */
async function named(world: World, emergency: StoredEmergency, incident: Incident): Promise<void> {
  if (emergency.incident === null) await change(world, emergency, { incident: incident.id });
}

/** Nothing depends on its incident any more. */
async function unwatch(world: World, emergency: StoredEmergency): Promise<void> {
  if (emergency.watched) await change(world, emergency, { watched: false });
}

/** Where somebody was faster, the next look does it. */
async function change(
  world: World,
  { request, ...before }: StoredEmergency,
  what: Partial<Pick<EmergencyChange, 'incident' | 'watched'>>,
): Promise<void> {
  const id: RequestId = request.request.id;
  try {
    await world.store.commit({ emergency: { ...before, ...what, id }, entries: [], purpose: 'end' });
  } catch (thrown) {
    if (!(thrown instanceof JitError) || thrown.code !== 'ERR_CONFLICT') throw thrown;
  }
}
