/**
 * Incidents of incident.io, over its API (https://docs.incident.io/api-reference) and its webhooks.
 * @module
 */
import type { Incident, IncidentSource, OnCallPerson, OpenSource } from '../../core/incident.ts';
import { type Ask, makeAsk, type ServiceParts } from '../ask.ts';
import { httpsOrNull } from '../link.ts';
import { untrusted } from '../untrusted.ts';
import { ID, type IncidentIoIncident, listForm, shownForm, updatesForm } from './form.ts';
import { incidentIoHook } from './hook.ts';
import { onCallFor } from './on-call.ts';
import { pages } from './pages.ts';
import { peopleOf } from './people.ts';
import { readReference } from './reference.ts';
import { isOpen } from './status.ts';

/** The secret of an endpoint is `whsec_…` and signs as the bytes in it. */
export type IncidentIoParts = ServiceParts<Uint8Array>;

/** "Authentication" of https://docs.incident.io/api-reference/introduction. */
const AUTHENTICATION = { prefix: 'Bearer ', accept: 'application/json' } as const;
/** 250 are allowed, but each incident carries its custom fields with all their options, and an answer has to be read whole. */
const PAGE = 25;
const MOST_OPEN = 200;
const MOST_UPDATES = 1_000;
/** Custom fields are of the account's own making. Those with this word in their name say what is hit. */
const SERVICES = /\bservices?\b/i;

export function openIncidentIo(parts: IncidentIoParts): OpenSource {
  const { name, signingSecrets, now } = parts;
  const ask = makeAsk(parts, AUTHENTICATION);
  const source: IncidentSource = {
    name,
    find: async (text, signal) => {
      const reference = readReference(text);
      if (reference === null) return null;
      if (reference.kind === 'id') return show({ parts, ask }, reference.id, ({ id }) => id === reference.id, signal);
      const { number } = reference;
      const found = await show({ parts, ask }, number, (each) => each.reference.endsWith(`-${number}`), signal);
      // The number alone is somebody else's reference as well: PD-7 is not INC-7.
      return found?.reference === text ? found : null;
    },
    look: async (id, signal) =>
      ID.test(id) ? show({ parts, ask }, id, (incident) => incident.id === id, signal) : null,
    open: async (signal) => open({ parts, ask }, signal),
  };
  return {
    source,
    hook: signingSecrets.length === 0 ? null : incidentIoHook(name, signingSecrets, now),
    stop: () => undefined,
  };
}

interface Asking {
  readonly parts: IncidentIoParts;
  readonly ask: Ask;
}

/** `GET /v2/incidents/{id}`: "either the incident's full ID, or the numeric part of its reference". */
async function show(
  { parts, ask }: Asking,
  key: string,
  isIt: (incident: IncidentIoIncident) => boolean,
  signal: AbortSignal,
): Promise<Incident | null> {
  const answer = await ask(`/v2/incidents/${encodeURIComponent(key)}`, shownForm, signal);
  if (answer === null) return null;
  const { incident } = answer;
  if (!isIt(incident)) throw untrusted(parts.name, 'it answered with another incident than was asked for');
  // Tests, tutorials and what is written down afterwards are no emergencies.
  if (incident.mode !== 'standard') return null;
  const [onCall, mergedInto] = await Promise.all([
    isOpen(incident.incident_status) ? onCallFor({ name: parts.name, tiers: parts.tiers, ask }, incident, signal) : [],
    incident.incident_status.category === 'merged' ? mergedTarget({ parts, ask }, incident, signal) : null,
  ]);
  return incidentOf(parts, incident, { onCall, mergedInto });
}

/** `GET /v2/incidents` of the categories that are open (https://docs.incident.io/api-reference/incidents-v2/list). */
async function open({ parts, ask }: Asking, signal: AbortSignal): Promise<readonly Incident[]> {
  const filters = 'status_category[one_of]=triage&status_category[one_of]=live&mode[one_of]=standard';
  const path = `/v2/incidents?page_size=${PAGE}&sort_by=created_at_newest_first&${filters}`;
  const found = await pages(parts.name, path, MOST_OPEN, async (page) => {
    const answer = await ask(page, listForm, signal);
    return answer === null ? null : { items: answer.incidents, after: answer.pagination_meta?.after };
  });
  const once = [...new Map(found.map((incident) => [incident.id, incident])).values()];
  return once
    .filter(({ mode, incident_status: status }) => mode === 'standard' && isOpen(status))
    .slice(0, MOST_OPEN)
    .map((incident) => incidentOf(parts, incident, { onCall: [], mergedInto: null }));
}

/** `GET /v2/incident_updates`: only the update to the status merged says into what, the last of them if there were several. */
async function mergedTarget(
  { parts, ask }: Asking,
  { id }: IncidentIoIncident,
  signal: AbortSignal,
): Promise<string | null> {
  const path = `/v2/incident_updates?page_size=25&incident_id=${encodeURIComponent(id)}`;
  const updates = await pages(parts.name, path, MOST_UPDATES, async (page) => {
    const answer = await ask(page, updatesForm, signal);
    return answer === null ? null : { items: answer.incident_updates, after: answer.pagination_meta?.after };
  });
  const merges = updates
    .filter(
      ({ incident_id: of, merged_into_incident_id: into }) => of === id && typeof into === 'string' && into !== id,
    )
    .toSorted((a, b) => a.created_at - b.created_at);
  return merges.at(-1)?.merged_into_incident_id ?? null;
}

function incidentOf(
  { name, severities }: IncidentIoParts,
  incident: IncidentIoIncident,
  rest: { readonly onCall: readonly OnCallPerson[]; readonly mergedInto: string | null },
): Incident {
  const { id, reference, severity, incident_status: status, incident_role_assignments: roles } = incident;
  // Whoever reported it need not be working on it.
  const held = roles.filter(({ role }) => role.role_type !== 'reporter');
  const leads = held.filter(({ role }) => role.role_type === 'lead');
  return {
    source: name,
    id,
    reference,
    title: incident.name,
    state: isOpen(status) ? 'open' : 'closed',
    // By name: ranks have no scale, and one more severity would move all others.
    severity: severities.get(severity?.name ?? '') ?? null,
    services: servicesOf(incident),
    responders: peopleOf(held.flatMap(({ assignee }) => assignee ?? [])),
    commanders: peopleOf(leads.flatMap(({ assignee }) => assignee ?? [])),
    openedAt: incident.created_at,
    url: httpsOrNull(incident.permalink),
    ...rest,
  };
}

function servicesOf({ custom_field_entries: entries }: IncidentIoIncident): readonly string[] {
  const values = entries
    .filter(({ custom_field: field }) => SERVICES.test(field.name))
    .flatMap(({ values: list }) => list)
    .flatMap(({ value_option: option, value_catalog_entry: entry }) => option?.value ?? entry?.name ?? []);
  return [...new Set(values)];
}
