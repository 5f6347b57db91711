/**
 * Who is on call for an incident of incident.io: the published way from an incident to people leads over the escalations that
 * are related to it, their escalation paths, and the schedules and users at the levels of these
 * (https://docs.incident.io/api-reference: escalations-v2, escalation-paths-v2, schedules-v2, users-v2).
 * @module
 */
import type { OnCallPerson, SourcePerson } from '../../core/incident.ts';
import type { Ask } from '../ask.ts';
import { untrusted } from '../untrusted.ts';
import { escalationsForm, type IncidentIoIncident, nodeForm, pathForm, scheduleForm, userForm } from './form.ts';
import { pages } from './pages.ts';
import { peopleOf, personOf } from './people.ts';

export interface OnCallParts {
  readonly name: string;
  readonly tiers: ReadonlySet<number>;
  readonly ask: Ask;
}

/** What the documentation shows; it names no largest one. */
const PAGE = 25;
const MOST_ESCALATIONS = 500;
const MOST_PLACES = 50;
const DEEPEST = 10;
const DAY_MS = 86_400_000;

/** Somebody or some schedule at a level of a path. `rota`: of a schedule, the only one that counts. */
interface Place {
  readonly kind: 'schedule' | 'user';
  readonly id: string;
  readonly rota: string | null;
  readonly tier: number;
}

/** Those of the configured tiers, each once, with the first tier on which they would be called. */
export async function onCallFor(
  parts: OnCallParts,
  incident: IncidentIoIncident,
  signal: AbortSignal,
): Promise<readonly OnCallPerson[]> {
  const { name, tiers, ask } = parts;
  const paths = await pathsOf(parts, incident, signal);
  const nodes = await Promise.all(
    paths.map(async (id) => ask(`/v2/escalation_paths/${encodeURIComponent(id)}`, pathForm, signal)),
  );
  // A path that does not exist any more calls nobody.
  const places = nodes
    .flatMap((answer) => (answer === null ? [] : placesOf(name, answer.escalation_path.path)))
    .filter(({ tier }) => tiers.has(tier));
  if (places.length > MOST_PLACES) throw untrusted(name, 'more people are on call than can be read');
  const found = await Promise.all(
    places.map(async (place) =>
      (await peopleAt(ask, place, signal)).map((person) => ({ ...person, tier: place.tier })),
    ),
  );
  const first = new Map<string, OnCallPerson>();
  for (const person of found.flat().toSorted((a, b) => b.tier - a.tier)) first.set(person.id, person);
  return [...first.values()].toSorted((a, b) => a.tier - b.tier);
}

/**
 * `GET /v2/escalations`, of those that are not over, since the day before the incident, for an alert comes before what it alerts of.
 * There is no filter by incident.
 */
async function pathsOf(
  { name, ask }: OnCallParts,
  incident: IncidentIoIncident,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const since = new Date(incident.created_at - DAY_MS).toISOString().slice(0, 10);
  const over = ['resolved', 'expired', 'cancelled'].map((status) => `&status[not_in]=${status}`).join('');
  const path = `/v2/escalations?page_size=${PAGE}&created_at[gte]=${since}${over}`;
  const all = await pages(name, path, MOST_ESCALATIONS, async (page) => {
    const answer = await ask(page, escalationsForm, signal);
    return answer === null ? null : { items: answer.escalations, after: answer.pagination_meta?.after };
  });
  if (all.length >= MOST_ESCALATIONS) throw untrusted(name, 'it has more escalations than can be read');
  const related = all.filter(({ related_incidents: list }) => list.some(({ id }) => id === incident.id));
  return [...new Set(related.flatMap(({ escalation_path_id: id }) => id ?? []))];
}

/** Levels are counted along the path. Which side of a condition is taken depends on the moment, so both count. */
function placesOf(source: string, path: readonly unknown[]): readonly Place[] {
  const places: Place[] = [];
  const walk = (nodes: readonly unknown[], before: number, deep: number): number => {
    if (deep > DEEPEST) throw untrusted(source, 'its answer is nested too deeply');
    let tier = before;
    for (const each of nodes) {
      const node = nodeForm.safeParse(each);
      if (!node.success) throw untrusted(source, 'its answer is not in the published form');
      const { type, level, if_else: branches } = node.data;
      if (type === 'level') {
        tier += 1;
        for (const target of level?.targets ?? []) places.push(...placeOf(target, tier));
      }
      if (type === 'if_else' && branches !== null && branches !== undefined) {
        const { then_path: one, else_path: other } = branches;
        tier = Math.max(walk(one, tier, deep + 1), walk(other, tier, deep + 1));
      }
    }
    return tier;
  };
  walk(path, 0, 0);
  return places;
}

type Target = {
  readonly type: string;
  readonly id: string;
  readonly schedule_mode?: string | null | undefined;
  readonly selected_rota_id?: string | null | undefined;
};

/** Whoever is next on call is not on call yet, and of all users of a schedule those are who have a shift. Channels are nobody. */
function placeOf({ type, id, schedule_mode: mode, selected_rota_id: rota }: Target, tier: number): readonly Place[] {
  if (type === 'user') return [{ kind: 'user', id, rota: null, tier }];
  if (type !== 'schedule' || mode?.startsWith('next_on_call') === true) return [];
  return [{ kind: 'schedule', id, rota: mode?.endsWith('_for_rota') === true ? (rota ?? '') : null, tier }];
}

/** `GET /v2/schedules/{id}`, whose `current_shifts` have overrides in them, or `GET /v2/users/{id}`. */
async function peopleAt(ask: Ask, { kind, id, rota }: Place, signal: AbortSignal): Promise<readonly SourcePerson[]> {
  if (kind === 'user') {
    const answer = await ask(`/v2/users/${encodeURIComponent(id)}`, userForm, signal);
    return answer?.user.id === id && answer.user.is_active ? [personOf(answer.user)] : [];
  }
  const answer = await ask(`/v2/schedules/${encodeURIComponent(id)}`, scheduleForm, signal);
  const shifts = answer?.schedule.id === id ? (answer.schedule.current_shifts ?? []) : [];
  return peopleOf(
    shifts.filter((shift) => rota === null || shift.rotation_id === rota).flatMap(({ user }) => user ?? []),
  );
}
