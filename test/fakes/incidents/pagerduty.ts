/**
 * PagerDuty as its published REST API version 2 and its v3 webhooks have it (https://developer.pagerduty.com/api-reference,
 * https://developer.pagerduty.com/docs): an account with users, services, on-call rotations and incidents, over real HTTP.
 * @module
 */
import { createHmac, randomUUID } from 'node:crypto';
import { type Asked, type FakeService, type HookMessage, json, startService } from './service.ts';

export interface PagerDutyUser {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

type Status = 'triggered' | 'acknowledged' | 'resolved';

/** One incident, as the service keeps it. */
export interface PagerDutyState {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly service: string;
  readonly createdAt: number;
  readonly priority: string | null;
  readonly status: Status;
  readonly assignees: readonly string[];
  readonly acknowledgers: readonly string[];
  readonly responders: readonly { readonly user: string; readonly state: string }[];
  readonly mergedInto: string | null;
}

export interface FakePagerDuty extends FakeService {
  readonly token: string;
  readonly signingSecret: string;
  addUser(name: string, email: string): PagerDutyUser;
  removeUser(id: string): void;
  /** @param service by name; made with an escalation policy of its own if it is new. @param assignees ids; left out: who is on call. */
  openIncident(given: {
    readonly title: string;
    readonly priority?: string | null;
    readonly service?: string;
    readonly assignees?: readonly string[];
  }): { readonly id: string; readonly number: number; readonly reference: string };
  acknowledge(id: string, by: string): void;
  resolve(id: string): void;
  reopen(id: string): void;
  /** The first becomes part of the second. */
  merge(id: string, into: string): void;
  /** Sets the state of a responder request: pending, joined, declined or user_cancelled. */
  respond(id: string, user: string, state: string): void;
  setOnCall(service: string, list: readonly { readonly user: string; readonly level: number }[]): void;
  /** An event of that type about an incident, signed but not sent. @param at when it is said to have happened, epoch ms. */
  event(type: string, incident: string, over?: { readonly at?: number; readonly id?: string }): HookMessage;
  /** Any body, signed with the secret of the subscription or another one. */
  sign(body: string, secrets?: readonly string[]): HookMessage;
  ping(): HookMessage;
}

/** @param parts `pageSize`: the most that a page holds, whatever is asked for. */
export async function startPagerDuty(
  parts: {
    readonly pageSize?: number;
    readonly now?: () => number;
    readonly token?: string;
    readonly signingSecret?: string;
  } = {},
): Promise<FakePagerDuty> {
  const {
    pageSize = 100,
    now = Date.now,
    token = 'y_canary-pagerduty-token',
    signingSecret = 'canary-pagerduty-signing',
  } = parts;
  const users = new Map<string, PagerDutyUser>();
  const incidents = new Map<string, PagerDutyState>();
  const onCall = new Map<string, readonly { readonly user: string; readonly level: number }[]>();
  let count = 0;
  const newId = (letter: string): string =>
    `${letter}${(++count + 100_000).toString(36).toUpperCase().padStart(6, 'A')}`;
  const idOf = (kind: 'S' | 'E', service: string): string =>
    `${kind}${createHmac('sha256', kind).update(service).digest('hex').slice(0, 6).toUpperCase()}`;

  const reference = (kind: string, id: string, summary: string) => ({
    id,
    type: `${kind}_reference`,
    summary,
    self: `${served.url}/${kind}s/${id}`,
    html_url: `https://acme.pagerduty.com/${kind}s/${id}`,
  });
  function userIn(id: string, form: 'whole' | 'reference'): object {
    const user = users.get(id);
    const short = reference('user', id, user?.name ?? 'Gone');
    return form === 'reference' || user === undefined
      ? short
      : { ...short, type: 'user', name: user.name, email: user.email };
  }

  function incidentIn(state: PagerDutyState, include: ReadonlySet<string>): object {
    const at = new Date(state.createdAt).toISOString();
    const target = state.mergedInto === null ? undefined : incidents.get(state.mergedInto);
    return {
      ...reference('incident', state.id, `[#${state.number}] ${state.title}`),
      type: 'incident',
      incident_number: state.number,
      title: state.title,
      created_at: at,
      updated_at: at,
      status: state.status,
      incident_key: 'baf7cf21b1da41b4b0221008339ff357',
      service: reference('service', idOf('S', state.service), state.service),
      assignments: state.assignees.map((id) => ({
        at,
        assignee: userIn(id, include.has('assignees') ? 'whole' : 'reference'),
      })),
      assigned_via: 'escalation_policy',
      acknowledgements: state.acknowledgers.map((id) => ({
        at,
        acknowledger: userIn(id, include.has('acknowledgers') ? 'whole' : 'reference'),
      })),
      escalation_policy: reference('escalation_policy', idOf('E', state.service), `${state.service} policy`),
      teams: [],
      pending_actions: [],
      priority: state.priority === null ? null : priorityIn(state.priority, include),
      resolve_reason:
        target === undefined
          ? null
          : {
              type: 'merge_resolve_reason',
              incident: reference('incident', target.id, `[#${target.number}] ${target.title}`),
            },
      incidents_responders: state.responders.map(({ user, state: said }) => ({
        state: said,
        user: userIn(user, 'reference'),
        incident: reference('incident', state.id, state.title),
        updated_at: at,
        message: 'Please help',
        requested_at: at,
      })),
      responder_requests: [],
      urgency: 'high',
    };
  }
  const priorityIn = (name: string, include: ReadonlySet<string>): object => {
    const short = {
      id: 'P53ZZH5',
      type: 'priority_reference',
      summary: name,
      self: `${served.url}/priorities/P53ZZH5`,
    };
    return include.has('priorities') ? { ...short, type: 'priority', name, description: '' } : short;
  };

  function page<T>(query: URLSearchParams, all: readonly T[], shown: (one: T) => object, key: string): Response {
    const [limit, offset] = [Number(query.get('limit') ?? 25), Number(query.get('offset') ?? 0)];
    if (!(limit >= 1 && limit <= 100) || !(offset >= 0) || limit + offset > 10_000)
      return problem(400, 2001, 'Invalid Input Provided');
    const size = Math.min(limit, pageSize);
    const part = all.slice(offset, offset + size);
    return json({ [key]: part.map(shown), limit: size, offset, total: null, more: offset + part.length < all.length });
  }

  function answer({ path, query, headers }: Asked): Response {
    if (headers.authorization !== `Token token=${token}`) return problem(401, 2006, 'Authentication failed');
    const include = new Set(query.getAll('include[]'));
    const [, collection, id, ...rest] = path.split('/').map((part) => decodeURIComponent(part));
    if (rest.length > 0) return problem(404, 2100, 'Not Found');
    if (collection === 'incidents' && id !== undefined) {
      const found = incidents.get(id) ?? [...incidents.values()].find(({ number }) => String(number) === id);
      return found === undefined ? problem(404, 2100, 'Not Found') : json({ incident: incidentIn(found, include) });
    }
    if (collection === 'incidents') {
      const statuses = query.getAll('statuses[]');
      const [by, direction] = (query.get('sort_by') ?? 'created_at:asc').split(':');
      if (by !== 'created_at' && by !== 'incident_number') return problem(400, 2001, 'Invalid Input Provided');
      // Without `since` it is the last month, unless `date_range` is all.
      const since = query.get('date_range') === 'all' ? 0 : now() - 30 * 86_400_000;
      const all = [...incidents.values()]
        .filter(({ status, createdAt }) => (statuses.length === 0 || statuses.includes(status)) && createdAt >= since)
        .toSorted((a, b) => (direction === 'desc' ? b.number - a.number : a.number - b.number));
      return page(query, all, (one) => incidentIn(one, include), 'incidents');
    }
    if (collection === 'oncalls') {
      const policies = query.getAll('escalation_policy_ids[]');
      const all = [...onCall].flatMap(([service, list]) => list.map((each) => ({ ...each, service })));
      const asked = all.filter(({ service }) => policies.length === 0 || policies.includes(idOf('E', service)));
      const shown = ({ user, level, service }: (typeof all)[number]): object => ({
        user: userIn(user, include.has('users') ? 'whole' : 'reference'),
        schedule: reference('schedule', 'PI7DH85', 'Daily Engineering Rotation'),
        escalation_policy: reference('escalation_policy', idOf('E', service), `${service} policy`),
        escalation_level: level,
        start: new Date(now() - 3_600_000).toISOString(),
        end: null,
      });
      return page(query, asked, shown, 'oncalls');
    }
    const user = collection === 'users' && id !== undefined ? users.get(id) : undefined;
    return user === undefined ? problem(404, 2100, 'Not Found') : json({ user: userIn(user.id, 'whole') });
  }

  const served = await startService(answer);
  const sign = (body: string, secrets: readonly string[] = [signingSecret]): HookMessage => {
    const list = secrets.map((secret) => `v1=${createHmac('sha256', secret).update(body, 'utf8').digest('hex')}`);
    return {
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'PagerDuty-Webhook/V3.0',
        'x-webhook-id': randomUUID(),
        'x-pagerduty-signature': list.join(','),
      },
      body,
    };
  };
  const stateOf = (id: string): PagerDutyState => {
    const state = incidents.get(id);
    if (state === undefined) throw new RangeError(`no incident ${id}`);
    return state;
  };
  function envelope(
    type: string,
    data: object,
    over: { readonly at?: number; readonly id?: string } = {},
  ): HookMessage {
    const event = {
      id: over.id ?? randomUUID(),
      event_type: type,
      resource_type: type.split('.')[0],
      occurred_at: new Date(over.at ?? now()).toISOString(),
      agent: reference('user', 'PLH1HKV', 'Tenex Engineer'),
      client: { name: 'PagerDuty' },
      data,
    };
    return sign(JSON.stringify({ event }));
  }
  const event: FakePagerDuty['event'] = (type, id, over) => {
    const state = stateOf(id);
    const incident = reference('incident', id, state.title);
    if (type.startsWith('incident.responder.')) {
      return envelope(
        type,
        { type: 'incident_responder', incident, user: userIn(state.responders[0]?.user ?? '', 'reference') },
        over,
      );
    }
    if (type === 'incident.role.assigned') {
      return envelope(
        type,
        { type: 'incident_role_assignment', incident_role_assignments: [{ incident, status: 'active' }] },
        over,
      );
    }
    const { number, title, status, priority, service } = state;
    const data = {
      ...incident,
      type: 'incident',
      number,
      title,
      status,
      created_at: new Date(state.createdAt).toISOString(),
      service: reference('service', idOf('S', service), service),
      assignees: state.assignees.map((user) => userIn(user, 'reference')),
      escalation_policy: reference('escalation_policy', idOf('E', service), `${service} policy`),
      priority: priority === null ? null : reference('priority', 'PSO75BM', priority),
      urgency: 'high',
      resolve_reason:
        state.mergedInto === null ? null : { type: 'merge_resolve_reason', incident: { id: state.mergedInto } },
    };
    return envelope(type, data, over);
  };
  function change(id: string, over: Partial<PagerDutyState>, type: string): void {
    incidents.set(id, { ...stateOf(id), ...over });
    served.tell(event(type, id));
  }

  return Object.assign(served, {
    token,
    signingSecret,
    sign,
    event,
    ping: () => envelope('pagey.ping', { message: 'Hello from your friend Pagey!', type: 'ping' }),
    addUser: (name: string, email: string) => {
      const user = { id: newId('P'), name, email };
      users.set(user.id, user);
      return user;
    },
    removeUser: (id: string) => void users.delete(id),
    openIncident: ({ title, priority = null, service = 'API Service', assignees }) => {
      const id = newId('Q');
      const number = incidents.size + 1;
      const first = (onCall.get(service) ?? []).filter(({ level }) => level === 1).map(({ user }) => user);
      incidents.set(id, {
        id,
        number,
        title,
        service,
        priority,
        createdAt: now(),
        status: 'triggered',
        assignees: assignees ?? first,
        acknowledgers: [],
        responders: [],
        mergedInto: null,
      });
      served.tell(event('incident.triggered', id));
      return { id, number, reference: `#${number}` };
    },
    acknowledge: (id, by) => {
      if (stateOf(id).status === 'resolved') throw new RangeError('Incident Already Resolved');
      change(
        id,
        { status: 'acknowledged', acknowledgers: [...stateOf(id).acknowledgers, by] },
        'incident.acknowledged',
      );
    },
    resolve: (id) => change(id, { status: 'resolved', assignees: [], acknowledgers: [] }, 'incident.resolved'),
    reopen: (id) => change(id, { status: 'triggered', mergedInto: null }, 'incident.reopened'),
    merge: (id, into) => {
      if (stateOf(into).status === 'resolved') throw new RangeError('The target incident must be open');
      change(id, { status: 'resolved', assignees: [], acknowledgers: [], mergedInto: into }, 'incident.resolved');
    },
    respond: (id, user, state) => {
      const others = stateOf(id).responders.filter((each) => each.user !== user);
      change(
        id,
        { responders: [...others, { user, state }] },
        state === 'pending' ? 'incident.responder.added' : 'incident.responder.replied',
      );
    },
    setOnCall: (service, list) => void onCall.set(service, list),
  } satisfies Omit<FakePagerDuty, keyof FakeService>);
}

/** Errors as published ("Errors" of the REST API). */
function problem(status: number, code: number, message: string): Response {
  return json({ error: { message, code, errors: [message] } }, status);
}
