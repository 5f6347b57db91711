/**
 * What somebody is shown of incidents: those that concern them, and the access that was given for one.
 * @module
 */
import type { Incident, Standing } from '../../../core/incident.ts';
import type { Principal } from '../../../core/principal.ts';
import type { IncidentList, IncidentPage, IncidentView } from '../../../wire/emergencies.ts';
import type { Outcome } from '../../../wire/views.ts';
import type { StoredEmergency } from '../../store/emergencies.ts';
import type { StoredGrant } from '../../store/store.ts';
import { outcomeView } from '../views.ts';
import { insightFor } from '../votes.ts';
import type { World } from '../world.ts';
import { incidentNamed, notFound } from './named.ts';

/** Lists say nothing of who is on call, so that has to be asked for one by one. */
const MOST_LOOKS = 50;
const AT_ONCE = 8;
const LOOK_MS = 30_000;
/** Of those that are over; whatever is live is shown. */
const MOST_SHOWN = 100;
const LONGEST_TITLE = 1_000;

/** Open ones of which they are a responder, or for which they are on call. */
export async function incidentsOf(world: World, caller: Principal): Promise<IncidentList> {
  const { incidents: open, silent } = await world.incidents.open();
  const mine = new Map<Incident, IncidentView>();
  const rest: Incident[] = [];
  for (const incident of open) {
    const standing = world.incidents.standing(incident, caller);
    if (concerns(standing)) mine.set(incident, incidentView(incident, standing));
    // Of an agent nobody is ever on call.
    else if (caller.kind !== 'agent' && rest.length < MOST_LOOKS) rest.push(incident);
  }
  const work = async (): Promise<void> => {
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
      const seen = await world.incidents.see(next, LOOK_MS);
      if (seen.kind !== 'seen' || seen.incident.state !== 'open' || seen.incident.id !== next.id) continue;
      const standing = world.incidents.standing(seen.incident, caller);
      if (concerns(standing)) mine.set(next, incidentView(seen.incident, standing));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { items: open.flatMap((incident) => mine.get(incident) ?? []), silent: [...silent] };
}

/** Throws `ERR_NOT_FOUND` also for an incident that is none of the caller's business. */
export async function incidentPageOf(world: World, caller: Principal, text: string): Promise<IncidentPage> {
  const { source, id, reference, incident, emergencies } = await incidentNamed(world, caller, text);
  const looks = await Promise.all(emergencies.map(async (each) => lookedAt(world, caller, each)));
  const shown = looks.flatMap(({ one }) => one ?? []);
  const standing = incident === null ? null : world.incidents.standing(incident, caller);
  if (shown.length === 0 && (standing === null || !concerns(standing))) throw notFound();
  const view = incident === null || standing === null ? null : incidentView(incident, standing);
  const items = shown.filter(({ live }, at) => live || at < MOST_SHOWN).map(({ outcome }) => outcome);
  const live = looks.filter((look) => look.live);
  const revocable = live.filter(({ one }) => one?.outcome.request.can.includes('revoke') === true).length;
  return { incident: view, source, id, reference, items, revocable, kept: live.length - revocable };
}

type Shown = Awaited<ReturnType<typeof shownOf>>;

/** Also of what is none of the caller's business it is known whether it lives. */
async function lookedAt(
  world: World,
  caller: Principal,
  emergency: StoredEmergency,
): Promise<{ readonly one: Shown; readonly live: boolean }> {
  const one = await shownOf(world, caller, emergency);
  if (one !== null) return { one, live: one.live };
  const { grant } = emergency.request;
  return { one, live: isLive(grant === null ? null : await world.store.grant(grant)) };
}

/** One emergency as somebody may see it, or null. */
export async function shownOf(
  world: World,
  caller: Principal,
  { request }: Pick<StoredEmergency, 'request'>,
): Promise<{ readonly outcome: Outcome; readonly live: boolean } | null> {
  const insight = await insightFor(world, caller, request);
  if (insight === null) return null;
  const grant = request.grant === null ? null : await world.store.grant(request.grant);
  return { outcome: outcomeView(request, grant, world.targets, insight), live: isLive(grant) };
}

/** Whether there is something to end. */
export function isLive(stored: StoredGrant | null): boolean {
  const name = stored?.grant.state.name;
  return name === 'issuing' || name === 'active';
}

/** Whether it is their business beside what was given for it. */
export function concerns({ responder, onCallTier }: Standing): boolean {
  return responder || onCallTier > 0;
}

/** @param standing the caller's. */
export function incidentView(incident: Incident, { responder, commander, onCallTier }: Standing): IncidentView {
  const { source, id, reference, title, state, severity, services, openedAt, url } = incident;
  const short = Array.from(title).slice(0, LONGEST_TITLE).join('');
  const shown = { source, id, reference, title: short, state, severity, services: [...services], url };
  return { ...shown, responder, commander, onCallTier, openedAt: new Date(openedAt).toISOString() };
}
