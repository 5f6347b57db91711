/**
 * What holds up somebody who breaks glass again and again, whatever policy says.
 * @module
 */
import { formatDuration } from '../../../core/duration.ts';
import { type BoundIncident, DRILLS } from '../../../core/incident.ts';
import { type Principal, samePerson } from '../../../core/principal.ts';
import { deny, type Denial } from '../../../policy/verdict.ts';
import type { StoredEmergency } from '../../store/emergencies.ts';
import type { World } from '../world.ts';

const MOST = 1_000;
/** Attempts that are refused count as well, more leniently: mistyping is no attack. */
const ATTEMPTS_TO_A_REQUEST = 10;
const DRILLS_TO_A_REQUEST = 10;

/**
 * Drills count apart: they reach nothing real, and rehearsing must not cost anybody the access that they rehearse for.
 * @returns why not now, or null.
 */
export async function heldUp(world: World, who: Principal, bound: BoundIncident): Promise<Denial | null> {
  const { source, standing } = bound;
  const { rate, openReviews, commanders } = world.emergencies;
  const own = ({ request: { request } }: StoredEmergency): boolean =>
    samePerson(who, request.requester) && (request.incident?.source === DRILLS) === (source === DRILLS);
  const most = source === DRILLS ? rate.requests * DRILLS_TO_A_REQUEST : rate.requests;
  const recent = (
    await world.store.emergencies({ kind: 'since', at: world.now() - rate.withinMs, limit: MOST })
  ).filter(own);
  const within = formatDuration(rate.withinMs / 1_000);
  const given = recent.filter(({ request }) => request.decision.state !== 'denied');
  if (given.length >= most || recent.length >= most * ATTEMPTS_TO_A_REQUEST) {
    const times = given.length >= most ? `${given.length} times` : `${recent.length} times in vain`;
    return deny(
      `you have asked for emergency access ${times} within ${within}`,
      [],
      'ask a colleague on call to do it',
    );
  }
  if (source === DRILLS || standing.commander || who.groups.some((group) => commanders.includes(group))) return null;
  const open = (await world.store.emergencies({ kind: 'unreviewed', limit: MOST })).filter(own);
  // What belongs to the emergency that is being dealt with cannot have been reviewed yet.
  const here = keyOf(bound, bound.id);
  const others = open.filter((each) => keyOfOne(each) !== here);
  if (others.length < openReviews) return null;
  const another = await othersAmong(world, bound, others);
  if (another.length < openReviews) return null;
  const [first] = another;
  return deny(
    `${another.length} of your earlier emergency accesses are not reviewed yet`,
    [],
    `somebody else has to close them: jit review ${first?.request.request.id ?? ''}`,
  );
}

/** Of one that could not be looked up, by how it was called. */
function keyOf({ source, reference }: BoundIncident, id: string | null): string {
  return JSON.stringify(id === null ? [source, null, reference] : [source, id]);
}

function keyOfOne({ request: { request }, incident }: StoredEmergency): string | null {
  return request.incident === null ? null : keyOf(request.incident, incident);
}

/** How old a look may be that says what an incident has become part of. */
const LOOK_MS = 300_000;

/** Those of other incidents, also when what was merged counts as the one that it became. */
async function othersAmong(
  world: World,
  bound: BoundIncident,
  emergencies: readonly StoredEmergency[],
): Promise<readonly StoredEmergency[]> {
  const { source } = bound;
  const became = async (id: string | null): Promise<string | null> => {
    if (id === null) return null;
    const seen = await world.incidents.see({ source, id }, LOOK_MS);
    const known = seen.kind === 'silent' ? seen.last : seen.kind === 'seen' ? seen : null;
    return known?.incident.id ?? id;
  };
  const here = await became(bound.id);
  if (here === null) return emergencies;
  const now = await Promise.all(
    emergencies.map(async ({ request: { request }, incident }) =>
      request.incident?.source === source ? became(incident) : null,
    ),
  );
  return emergencies.filter((_, at) => now[at] !== here);
}
