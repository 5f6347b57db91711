/**
 * Incidents of PagerDuty, over its REST API (https://developer.pagerduty.com/api-reference) and its v3 webhooks.
 * @module
 */
import type { Incident, IncidentSource, OnCallPerson, OpenSource, SourcePerson } from '../../core/incident.ts';
import { type Ask, makeAsk, type ServiceParts } from '../ask.ts';
import { httpsOrNull } from '../link.ts';
import { untrusted } from '../untrusted.ts';
import { type Directory, makeDirectory } from './directory.ts';
import { ID, listForm, onCallForm, type PagerDutyIncident, shownForm, type Somebody } from './form.ts';
import { pagerDutyHook } from './hook.ts';
import { readReference } from './reference.ts';

/** The secret of a subscription signs as the text that it is. */
export type PagerDutyParts = ServiceParts<string>;

/** "Authentication" and "Versioning" of https://developer.pagerduty.com/docs; the format of the header must be followed precisely. */
const AUTHENTICATION = { prefix: 'Token token=', accept: 'application/vnd.pagerduty+json;version=2' } as const;
/** Whole users in place of references, so that most people need no call of their own ("Includes"). */
const INCLUDE = 'include[]=assignees&include[]=acknowledgers&include[]=priorities';
/** The most that a page may hold ("Pagination"). */
const PAGE = 100;
const MOST_OPEN = 200;
const MOST_ON_CALL = 1_000;

export function openPagerDuty(parts: PagerDutyParts): OpenSource {
  const { name, signingSecrets, now } = parts;
  const ask = makeAsk(parts, AUTHENTICATION);
  const asking: Asking = { parts, ask, directory: makeDirectory(ask, now) };
  const source: IncidentSource = {
    name,
    find: async (text, signal) => {
      const reference = readReference(text);
      if (reference === null) return null;
      return reference.kind === 'id'
        ? show(asking, reference.id, ({ id }) => id === reference.id, signal)
        : show(asking, String(reference.number), ({ incident_number: number }) => number === reference.number, signal);
    },
    look: async (id, signal) => {
      if (!ID.test(id)) return null;
      return show(asking, id, (incident) => incident.id === id, signal);
    },
    open: async (signal) => open(asking, signal),
  };
  return {
    source,
    hook: signingSecrets.length === 0 ? null : pagerDutyHook(name, signingSecrets, now),
    stop: () => undefined,
  };
}

interface Asking {
  readonly parts: PagerDutyParts;
  readonly ask: Ask;
  readonly directory: Directory;
}

/** `GET /incidents/{id}`, which "accepts either an incident id, or an incident number". */
async function show(
  asking: Asking,
  key: string,
  isIt: (incident: PagerDutyIncident) => boolean,
  signal: AbortSignal,
): Promise<Incident | null> {
  const { ask, parts } = asking;
  const answer = await ask(`/incidents/${encodeURIComponent(key)}?${INCLUDE}`, shownForm, signal);
  if (answer === null) return null;
  const { incident } = answer;
  if (!isIt(incident)) {
    throw untrusted(parts.name, 'it answered with another incident than was asked for');
  }
  const [people, onCall] = await Promise.all([
    asking.directory.peopleOf(workersOn(incident), signal),
    incident.status === 'resolved' ? [] : onCallFor(asking, incident, signal),
  ]);
  return incidentOf(parts, incident, people, onCall);
}

/** `GET /incidents` of the two statuses that are not resolved. `date_range=all`: older than a month as well. */
async function open(asking: Asking, signal: AbortSignal): Promise<readonly Incident[]> {
  const query = `statuses[]=triggered&statuses[]=acknowledged&date_range=all&sort_by=created_at:desc&${INCLUDE}`;
  const found = await pages(asking.parts.name, `/incidents?${query}`, MOST_OPEN, async (path) => {
    const answer = await asking.ask(path, listForm, signal);
    return answer === null ? null : { items: answer.incidents, more: answer.more };
  });
  // What changes between two pages moves the border between them.
  const once = [...new Map(found.map((incident) => [incident.id, incident])).values()];
  const still = once.filter(({ status }) => status !== 'resolved').slice(0, MOST_OPEN);
  // All at once, so that each person is looked up once; the directory remembers them for the next lines.
  await asking.directory.peopleOf(still.flatMap(workersOn), signal);
  return Promise.all(
    still.map(async (each) => {
      const people = await asking.directory.peopleOf(workersOn(each), signal);
      return incidentOf(asking.parts, each, people, []);
    }),
  );
}

/**
 * `GET /oncalls` of the incident's escalation policy, at this moment (the defaults of `since` and `until`), of the configured levels.
 * An incident that was assigned directly has a policy all the same, and who is on call for it is as before.
 */
async function onCallFor(
  { parts, ask, directory }: Asking,
  { escalation_policy: policy }: PagerDutyIncident,
  signal: AbortSignal,
): Promise<readonly OnCallPerson[]> {
  if (policy === null || policy === undefined) return [];
  const query = `escalation_policy_ids[]=${encodeURIComponent(policy.id)}&include[]=users`;
  const entries = await pages(parts.name, `/oncalls?${query}`, MOST_ON_CALL, async (path) => {
    const answer = await ask(path, onCallForm, signal);
    return answer === null ? null : { items: answer.oncalls, more: answer.more };
  });
  if (entries.length >= MOST_ON_CALL) throw untrusted(parts.name, 'more people are on call than can be read');
  const counted = entries.filter(
    ({ escalation_policy: of, escalation_level: level }) => of.id === policy.id && parts.tiers.has(level),
  );
  const people = await directory.peopleOf(
    counted.map(({ user }) => user),
    signal,
  );
  return people.map((person) => ({
    ...person,
    tier: Math.min(...counted.filter(({ user }) => user.id === person.id).map(({ escalation_level: level }) => level)),
  }));
}

/**
 * Classic pagination: by `limit` and `offset`, as long as `more` is true.
 * @param read null where there is no such page.
 */
async function pages<T>(
  name: string,
  path: string,
  most: number,
  read: (path: string) => Promise<{ readonly items: readonly T[]; readonly more: boolean } | null>,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (;;) {
    const page = await read(`${path}&limit=${PAGE}&offset=${found.length}`);
    if (page === null) throw untrusted(name, 'a page of its answer is missing');
    found.push(...page.items);
    if (!page.more || found.length >= most) return found;
    // It would be asked for the same page for ever.
    if (page.items.length === 0) throw untrusted(name, 'a page of its answer is empty and is not the last');
  }
}

function workersOn(incident: PagerDutyIncident): readonly Somebody[] {
  const { assignments, acknowledgements, incidents_responders: asked } = incident;
  return [
    ...assignments.map(({ assignee }) => assignee),
    ...(acknowledgements ?? []).map(({ acknowledger }) => acknowledger),
    // Anybody can be asked to help: those count who have said that they do.
    ...(asked ?? []).filter(({ state }) => state === 'joined').map(({ user }) => user),
  ];
}

function incidentOf(
  { name, severities }: PagerDutyParts,
  incident: PagerDutyIncident,
  responders: readonly SourcePerson[],
  onCall: readonly OnCallPerson[],
): Incident {
  const { id, title, summary, status, priority, service, resolve_reason: reason } = incident;
  const closed = status === 'resolved';
  return {
    source: name,
    id,
    reference: `#${incident.incident_number}`,
    title: title ?? summary ?? '',
    state: closed ? 'closed' : 'open',
    // Urgency says how somebody is called, and nothing about what is at stake.
    severity: severities.get(priority?.name ?? priority?.summary ?? '') ?? null,
    services: typeof service?.summary === 'string' ? [service.summary] : [],
    responders,
    // Roles can be heard of in calls and not be asked for: the published API has no place for them.
    commanders: [],
    onCall,
    openedAt: incident.created_at,
    url: httpsOrNull(incident.html_url),
    mergedInto: closed && reason?.type === 'merge_resolve_reason' ? (reason.incident?.id ?? null) : null,
  };
}
