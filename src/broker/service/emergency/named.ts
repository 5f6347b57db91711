/**
 * The emergency access of an incident that somebody names, also where its source knows it no more or gives no answer.
 * @module
 */
import { JitError } from '../../../core/errors.ts';
import type { Incident, IncidentRef } from '../../../core/incident.ts';
import type { Principal } from '../../../core/principal.ts';
import type { Found } from '../../incidents/registry.ts';
import type { StoredEmergency } from '../../store/emergencies.ts';
import type { World } from '../world.ts';

export interface NamedIncident {
  readonly source: string;
  /** The source's own; of one that could not be looked up yet, its reference. */
  readonly id: string;
  readonly reference: string;
  /** Null where its source gives no answer or does not know it any more. */
  readonly incident: Incident | null;
  /** Of it and of those that were merged into it, newest first. */
  readonly emergencies: readonly StoredEmergency[];
}

const MOMENT_MS = 5_000;
/** What something depends on is looked at more often than that. */
const LOOK_MS = 300_000;
const MOST = 1_000;

/** @param text `INC-7`, or `pagerduty/INC-7`. Throws `ERR_USAGE` for what is no name or names several, `ERR_NOT_FOUND`. */
export async function incidentNamed(world: World, caller: Principal, text: string): Promise<NamedIncident> {
  const watched = await world.store.emergencies({ kind: 'watched' });
  const found = await foundBy(world, caller, text);
  if (found.kind === 'several') throw several(found.sources, text);
  if (found.kind === 'found') {
    const seen = await world.incidents.see(found.ref, MOMENT_MS);
    const incident = seen.kind === 'seen' ? seen.incident : found.incident;
    // What was merged into another one is asked for by its own name, too.
    return named(world, { found: incident, asked: found.ref.id }, incident.reference, incident, watched);
  }
  const known = watched.flatMap((each) => {
    const bound = each.request.request.incident;
    if (bound === null || !namesOf(each).some((name) => name === text || `${bound.source}/${name}` === text)) return [];
    return [{ source: bound.source, id: each.incident ?? bound.reference, reference: bound.reference }];
  });
  const sources = [...new Set(known.map(({ source }) => source))];
  const [first] = known;
  if (first === undefined) return past(world, text);
  if (sources.length > 1) throw several(sources, text);
  const seen = await world.incidents.see(first, MOMENT_MS);
  const last = seen.kind === 'silent' ? (seen.last?.incident ?? null) : null;
  return named(world, { found: last ?? first, asked: first.id }, last?.reference ?? first.reference, null, watched);
}

/** Whoever has asked too often is shown what is known without another question: ending access is never held up. */
async function foundBy({ incidents }: World, caller: Principal, text: string): Promise<Found> {
  try {
    return await incidents.find(text, caller);
  } catch (thrown) {
    if (thrown instanceof JitError && thrown.code === 'ERR_DENIED') return { kind: 'silent', sources: [] };
    throw thrown;
  }
}

/** What is surely meant by a name with its source, without a question to that source. @param text `pagerduty/INC-7`. */
export async function surelyNamed(world: World, text: string): Promise<Emergencies> {
  const watched = await world.store.emergencies({ kind: 'watched' });
  return watched.filter((each) => {
    const source = each.request.request.incident?.source ?? '';
    return source !== '' && namesOf(each).some((name) => `${source}/${name}` === text);
  });
}

function namesOf({ incident, request }: StoredEmergency): readonly string[] {
  return [request.request.incident?.reference, incident].flatMap((name) => name ?? []);
}

/** One of which nothing is live any more, and of which its source says nothing. */
async function past(world: World, text: string): Promise<NamedIncident> {
  const slash = text.indexOf('/');
  const [source, id] = [text.slice(0, Math.max(slash, 0)), text.slice(slash + 1)];
  const emergencies = newestFirst([...(await ofId(world, source, id)), ...(await unnamed(world, source, [id]))]);
  const bound = emergencies[0]?.request.request.incident ?? null;
  if (bound === null) throw notFound();
  return { source, id, reference: bound.reference, incident: null, emergencies };
}

async function named(
  world: World,
  { found: { source, id }, asked }: { readonly found: IncidentRef; readonly asked: string },
  reference: string,
  incident: Incident | null,
  watched: readonly StoredEmergency[],
): Promise<NamedIncident> {
  const own = watched.filter(({ request }) => request.request.incident?.source === source);
  const others = new Set(own.flatMap((each) => (each.incident === null ? [] : [each.incident])));
  others.delete(id);
  const became = async (other: string): Promise<readonly string[]> => {
    const seen = await world.incidents.see({ source, id: other }, LOOK_MS);
    const known = seen.kind === 'silent' ? seen.last : seen.kind === 'seen' ? seen : null;
    return known?.incident.id === id ? [other] : [];
  };
  const ids = new Set([id, asked, ...(await Promise.all([...others].map(became))).flat()]);
  const lists = await Promise.all([
    unnamed(world, source, [reference, id]),
    ...[...ids].map(async (each) => ofId(world, source, each)),
  ]);
  return { source, id, reference, incident, emergencies: newestFirst(lists.flat()) };
}

type Emergencies = readonly StoredEmergency[];

async function ofId({ store }: World, source: string, id: string | null): Promise<Emergencies> {
  return store.emergencies({ kind: 'of incident', incident: { source, id }, limit: MOST });
}

/** Asked for while its source gave no answer, by a name that was typed; it may have been over before the source was there again. */
async function unnamed(world: World, source: string, names: readonly string[]): Promise<Emergencies> {
  const all = await ofId(world, source, null);
  return all.filter(({ request }) => names.includes(request.request.incident?.reference ?? ''));
}

function newestFirst(emergencies: Emergencies): Emergencies {
  return emergencies.toSorted((a, b) => b.request.request.createdAt - a.request.request.createdAt);
}

function several(sources: readonly string[], text: string): JitError {
  return new JitError({
    code: 'ERR_USAGE',
    message: `several sources have an incident of that name: ${sources.join(', ')}`,
    hint: `say which: ${sources[0] ?? ''}/${text}`,
  });
}

/** The same for what does not exist and for what is none of the caller's business. */
export function notFound(): JitError {
  return new JitError({ code: 'ERR_NOT_FOUND', message: 'there is no incident of that name that concerns you' });
}
