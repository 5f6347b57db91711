/**
 * What is stored of an emergency beside its request, and what the audit log says of its incident.
 * @module
 */
import type { Canonical } from '../../../core/canonical.ts';
import { type BoundIncident, DRILLS } from '../../../core/incident.ts';
import type { RequestId } from '../../../core/ids.ts';
import type { EmergencyChange, Review } from '../../store/emergencies.ts';
import type { Change, StoredRequest } from '../../store/store.ts';
import type { Ruling } from '../decide.ts';
import type { World } from '../world.ts';

/** For a new request, as it is decided: nothing where it is no emergency. @param at epoch ms. */
export function firstOf(
  { request, decision, grant }: StoredRequest,
  verdict: Ruling,
  at: number,
): Pick<Change, 'emergency'> {
  if (request.incident === null) return {};
  const emergency: EmergencyChange = {
    id: request.id,
    incident: request.incident.id,
    warnSeconds: 'warnSeconds' in verdict ? verdict.warnSeconds : 0,
    watched: decision.state === 'pending' || grant !== null,
    review: grant === null ? null : reviewOf(request.incident, at),
    version: 0,
  };
  return { emergency };
}

/** For a request that was confirmed and is taken up at `at`, epoch ms: nothing where it is no emergency. */
export async function openedReview(world: World, id: RequestId, at: number): Promise<Pick<Change, 'emergency'>> {
  const known = await world.store.emergency(id);
  if (known === null) return {};
  const { request, ...before } = known;
  const bound = request.request.incident;
  return { emergency: { ...before, id, watched: true, review: bound === null ? null : reviewOf(bound, at) } };
}

/** An exercise has nothing in it to be judged. */
function reviewOf({ source }: BoundIncident, openedAt: number): Review | null {
  return source === DRILLS ? null : { openedAt, closed: null };
}

export function incidentData({ source, id, reference, standing }: BoundIncident): Canonical {
  const { responder, commander, onCallTier } = standing;
  return { source, id, reference, responder, commander, onCallTier };
}
