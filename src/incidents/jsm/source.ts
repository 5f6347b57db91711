/**
 * Alerts of Jira Service Management, or of Opsgenie before it, as incidents.
 * @module
 */
import type { Incident, OnCallPerson, OpenSource } from '../../core/incident.ts';
import { makeAsk, type ServiceParts } from '../ask.ts';
import { untrusted } from '../untrusted.ts';
import { dialectOf, type Flavour } from './dialect.ts';
import { type Alert, ALERT_ID, type OnDuty, peopleOnDuty, TINY_ID } from './form.ts';
import { jsmHook } from './hook.ts';

export interface JsmSchedule {
  readonly id: string;
  readonly tier: number;
  /** Ids of teams and escalations to whose alerts it belongs, besides those that it responds to itself. */
  readonly for: readonly string[];
}

export interface JsmParts extends ServiceParts<string> {
  readonly flavour: Flavour;
  /** Those in which somebody can be on call. */
  readonly schedules: readonly JsmSchedule[];
  /** In which their calls carry a secret. */
  readonly header: string;
}

const MOST = 200;
/** Far behind the last page that is wanted, however many alerts come while they are listed. */
const FARTHEST = 2_000;

export function openJsm(parts: JsmParts): OpenSource {
  const { name, signingSecrets: secrets, header, now } = parts;
  const dialect = dialectOf(parts.flavour, parts.api, parts.token);
  const { api, token, prefix, forms } = dialect;
  const ask = makeAsk({ ...parts, api, token }, { prefix, accept: 'application/json' });

  async function onDuty(schedule: string, signal: AbortSignal): Promise<readonly OnDuty[]> {
    const found = await ask(dialect.onCall(schedule), forms.onCall, signal);
    if (found === null) throw untrusted(name, 'a schedule of the configuration does not exist');
    return peopleOnDuty(found.onCallParticipants);
  }

  async function onCallFor(alert: Alert, signal: AbortSignal): Promise<readonly OnCallPerson[]> {
    if (alert.status === 'closed') return [];
    const concerned = new Set((alert.responders ?? []).flatMap(({ id }) => id ?? []));
    const schedules = parts.schedules.filter(
      ({ id, tier, for: whose }) => parts.tiers.has(tier) && [id, ...whose].some((each) => concerned.has(each)),
    );
    const lists = await Promise.all(
      schedules.map(async ({ id, tier }) => (await onDuty(id, signal)).map((each) => ({ ...personOf(each), tier }))),
    );
    return lists.flat();
  }

  async function look(id: string, signal: AbortSignal): Promise<Incident | null> {
    if (!ALERT_ID.test(id)) return null;
    const alert = await ask(dialect.alert(id), forms.alert, signal);
    if (alert === null) return null;
    if (alert.id !== id) throw untrusted(name, 'it answered about another one');
    return incidentOf(parts, alert, await onCallFor(alert, signal));
  }

  /** The newest first. */
  async function search(query: string, signal: AbortSignal): Promise<readonly Alert[]> {
    const found = new Map<string, Alert>();
    let offset = 0;
    for (let more = true; more && found.size < MOST;) {
      const page = await ask(dialect.page(query, offset), forms.page, signal);
      if (page === null) throw untrusted(name, 'a page of its list is missing');
      // A new alert moves all others on by one.
      for (const alert of page.alerts) found.set(alert.id, alert);
      offset += page.alerts.length;
      more = page.more;
      if (more && (page.alerts.length === 0 || offset > FARTHEST)) throw untrusted(name, 'its list has no end');
    }
    return [...found.values()].slice(0, MOST);
  }

  async function find(text: string, signal: AbortSignal): Promise<Incident | null> {
    if (ALERT_ID.test(text)) return look(text, signal);
    const [, number] = TINY_ID.exec(text) ?? [];
    if (number === undefined) return null;
    const called = (await search(`tinyId:${number}`, signal)).filter(({ tinyId }) => tinyId === number);
    const open = called.filter(({ status }) => status === 'open');
    // Numbers come round again, and which of two open ones somebody means is not for us to guess.
    if (open.length > 1) throw untrusted(name, 'several open ones have that number', { hint: 'name it by its id' });
    const [meant] = [...open, ...called];
    return meant === undefined ? null : look(meant.id, signal);
  }

  return {
    source: {
      name,
      find,
      look,
      open: async (signal) =>
        (await search('status:open', signal))
          .filter(({ status }) => status === 'open')
          .map((alert) => incidentOf(parts, alert, [])),
    },
    hook: secrets.length === 0 ? null : jsmHook({ name, header, secrets, now }),
    stop: () => undefined,
  };
}

function incidentOf({ name, severities }: JsmParts, alert: Alert, onCall: readonly OnCallPerson[]): Incident {
  const { id, tinyId, message, status, priority, tags, entity, createdAt, responders } = alert;
  const people = (responders ?? []).flatMap(({ type, id: who }) => (type === 'user' && who !== undefined ? [who] : []));
  return {
    source: name,
    id,
    reference: `#${tinyId}`,
    title: message,
    state: status,
    severity: (typeof priority === 'string' ? severities.get(priority) : undefined) ?? null,
    services: [...new Set([...(tags ?? []), entity ?? ''])].filter((each) => each !== ''),
    responders: [...new Set(people)].map((who) => personOf({ id: who, name: null })),
    commanders: [],
    onCall,
    openedAt: createdAt,
    url: null,
    mergedInto: null,
  };
}

function personOf({ id, name }: OnDuty): { readonly id: string; readonly name: string; readonly email: string | null } {
  return { id, name: name ?? id, email: name?.includes('@') === true ? name : null };
}
