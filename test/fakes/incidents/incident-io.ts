/**
 * incident.io as its published API version 2 and its webhooks have it (https://docs.incident.io/api-reference): an account with
 * users, schedules, escalation paths, escalations and incidents, over real HTTP.
 * @module
 */
import { Webhook } from 'standardwebhooks';
import {
  type Category,
  type IncidentIoState,
  type IncidentIoUser,
  incidentIn,
  problem,
  referenceOf,
  type Role,
  statusIn,
  time,
} from './incident-io-forms.ts';
import { type Asked, type FakeService, type HookMessage, json, startService } from './service.ts';

export interface OnCallAt {
  readonly user: string;
  readonly level: number;
}

export interface FakeIncidentIo extends FakeService {
  readonly token: string;
  /** `whsec_…`. */
  readonly signingSecret: string;
  addUser(name: string, email: string | null): IncidentIoUser;
  deactivate(id: string): void;
  /** Pages the escalation path of the service, if it has one. @param priority the name of a severity. @param assignees ids, of custom roles. */
  openIncident(given: {
    readonly title: string;
    readonly priority?: string | null;
    readonly service?: string;
    readonly lead?: string;
    readonly assignees?: readonly string[];
    readonly mode?: IncidentIoState['mode'];
    readonly visibility?: IncidentIoState['visibility'];
    readonly triage?: 'triage';
  }): { readonly id: string; readonly number: number; readonly reference: string };
  /** Accepts what is in triage, and gives a role to whoever does. */
  acknowledge(id: string, by: string): void;
  assign(id: string, user: string, role: Role): void;
  resolve(id: string): void;
  reopen(id: string): void;
  /** Any other status. */
  move(id: string, category: Category): void;
  /** The first becomes part of the second. */
  merge(id: string, into: string): void;
  /** A path named like the service, with a level for each number and a schedule at each, on which these have the shift. */
  setOnCall(service: string, list: readonly OnCallAt[]): void;
  /** The nodes of a path as they are, for what `setOnCall` does not make. */
  setPath(service: string, nodes: readonly object[]): void;
  /** @param shifts who has one now, and of which rotation. @returns the id of the schedule. */
  addSchedule(shifts: readonly { readonly user: string | null; readonly rotation?: string }[]): string;
  /** Pages the path of the service about an incident. @returns the id of the escalation. */
  escalate(id: string, service: string): string;
  endEscalation(escalation: string, status: 'resolved' | 'expired' | 'cancelled'): void;
  /** An event about an incident, signed but not sent. @param at when it is signed, epoch ms. */
  event(
    kind: 'created' | 'updated' | 'status_updated',
    incident: string,
    over?: { readonly at?: number; readonly id?: string },
  ): HookMessage;
  /** Any body, signed now or at another time, with the secret of the endpoint or another one. */
  sign(
    body: string,
    over?: { readonly at?: number; readonly id?: string; readonly secrets?: readonly string[] },
  ): HookMessage;
}

/** @param parts `pageSize`: the most that a page holds, whatever is asked for. */
export async function startIncidentIo(
  parts: {
    readonly pageSize?: number;
    readonly now?: () => number;
    readonly token?: string;
    readonly signingSecret?: string;
  } = {},
): Promise<FakeIncidentIo> {
  const { pageSize = 250, now = Date.now, token = 'inc_canary-incident-io-token' } = parts;
  const { signingSecret = `whsec_${Buffer.alloc(24, 9).toString('base64')}` } = parts;
  const users = new Map<string, IncidentIoUser & { readonly active: boolean }>();
  const incidents = new Map<string, IncidentIoState>();
  const paths = new Map<string, { readonly id: string; readonly nodes: readonly object[] }>();
  const schedules = new Map<string, readonly { readonly user: string | null; readonly rotation?: string }[]>();
  const escalations = new Map<
    string,
    { readonly path: string; readonly incident: string; status: string; readonly at: number }
  >();
  let count = 0;
  /** Like a ULID: 26 letters and digits, rising. */
  const newId = (): string => `01FCNDV6P870EA6S7TK${String(++count).padStart(7, '0')}`;
  const userIn = (id: string): object => {
    const { name, email } = users.get(id) ?? { name: 'Gone', email: null };
    return { id, name, role: 'viewer', slack_user_id: 'U02AYNF2XJM', ...(email === null ? {} : { email }) };
  };
  function page(query: URLSearchParams, all: readonly { readonly id: string }[], key: string): Response {
    const size = Number(query.get('page_size') ?? 25);
    if (!(size >= 1 && size <= 250)) return problem(422, 'validation_error', 'invalid_value');
    const after = query.get('after');
    const start = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
    if (after !== null && start === 0) return problem(422, 'validation_error', 'invalid_value');
    const part = all.slice(start, start + Math.min(size, pageSize));
    const last = part.at(-1);
    const more = start + part.length < all.length;
    return json({
      [key]: part,
      pagination_meta: { page_size: size, ...(more && last !== undefined ? { after: last.id } : {}) },
    });
  }
  const among = (query: URLSearchParams, name: string, value: string): boolean => {
    const [wanted, unwanted] = [query.getAll(`${name}[one_of]`), query.getAll(`${name}[not_in]`)];
    return (wanted.length === 0 || wanted.includes(value)) && !unwanted.includes(value);
  };
  const since = (query: URLSearchParams): number => Date.parse(query.get('created_at[gte]') ?? time(0));

  function listIncidents(query: URLSearchParams): Response {
    const modes = query.getAll('mode[one_of]');
    const all = [...incidents.values()]
      .filter(({ category }) => among(query, 'status_category', category))
      .filter(({ mode }) => (modes.length === 0 ? ['standard', 'retrospective'] : modes).includes(mode))
      .toSorted((a, b) =>
        query.get('sort_by') === 'created_at_oldest_first' ? a.number - b.number : b.number - a.number,
      );
    // Safe: every incident has the id that it was made with.
    return page(
      query,
      all.map((each) => incidentIn(each, userIn) as { id: string }),
      'incidents',
    );
  }
  function listUpdates(query: URLSearchParams): Response {
    const all = [...incidents.values()]
      .filter(({ id }) => query.get('incident_id') === null || query.get('incident_id') === id)
      .flatMap(({ id, updates }) =>
        updates.map((update) => ({
          id: update.id,
          incident_id: id,
          created_at: time(update.at),
          new_incident_status: statusIn(update.category),
          updater: {},
          ...(update.mergedInto === null ? {} : { merged_into_incident_id: update.mergedInto }),
        })),
      );
    return page(query, all, 'incident_updates');
  }
  function listEscalations(query: URLSearchParams): Response {
    const all = [...escalations]
      .filter(([, { status, at }]) => among(query, 'status', status) && at >= since(query))
      .map(([id, { path, incident, status, at }]) => {
        const { number, title } = stateOf(incident);
        const related = {
          id: incident,
          external_id: number,
          name: title,
          reference: referenceOf(number),
          status_category: 'active',
          visibility: 'public',
        };
        return {
          id,
          title,
          status,
          escalation_path_id: path,
          related_incidents: [related],
          related_alerts: [],
          events: [],
          priority: { name: 'P1' },
          creator: {},
          created_at: time(at),
          updated_at: time(at),
        };
      });
    return page(query, all, 'escalations');
  }

  function shown(collection: string, id: string): Response {
    const none = (): Response => problem(404, 'not_found', 'not_found');
    switch (collection) {
      case 'incidents': {
        const found = incidents.get(id) ?? [...incidents.values()].find(({ number }) => String(number) === id);
        return found === undefined ? none() : json({ incident: incidentIn(found, userIn) });
      }
      case 'escalation_paths': {
        const [name, path] = [...paths].find(([, each]) => each.id === id) ?? [];
        return path === undefined ? none() : json({ escalation_path: { id, name, path: path.nodes, team_ids: [] } });
      }
      case 'schedules': {
        const shifts = schedules.get(id)?.map(({ user, rotation }) => ({
          start_at: time(now() - 3_600_000),
          end_at: time(now() + 3_600_000),
          ...(rotation === undefined ? {} : { rotation_id: rotation }),
          ...(user === null ? {} : { user: userIn(user) }),
        }));
        const rest = {
          annotations: {},
          created_at: time(0),
          updated_at: time(0),
          permalink: 'https://app.incident.io/x',
          team_ids: [],
          timezone: 'Europe/London',
        };
        return shifts === undefined
          ? none()
          : json({ schedule: { id, name: 'Primary', ...rest, current_shifts: shifts } });
      }
      case 'users': {
        const user = users.get(id);
        return user === undefined
          ? none()
          : json({ user: { ...userIn(id), is_active: user.active, base_role: {}, custom_roles: [], seats: {} } });
      }
      default:
        return none();
    }
  }

  const served = await startService(({ path, query, headers }: Asked) => {
    if (headers.authorization === undefined)
      return problem(401, 'authentication_error', 'missing_authorization_material');
    if (headers.authorization !== `Bearer ${token}`)
      return problem(401, 'authentication_error', 'invalid_authorization_material');
    const [, version, collection = '', id, ...rest] = path.split('/').map((part) => decodeURIComponent(part));
    if (version !== 'v2' || rest.length > 0) return problem(404, 'not_found', 'not_found');
    if (id !== undefined) return shown(collection, id);
    if (collection === 'incidents') return listIncidents(query);
    if (collection === 'incident_updates') return listUpdates(query);
    return collection === 'escalations' ? listEscalations(query) : problem(404, 'not_found', 'not_found');
  });

  const stateOf = (id: string): IncidentIoState => {
    const state = incidents.get(id);
    if (state === undefined) throw new RangeError(`no incident ${id}`);
    return state;
  };
  const sign: FakeIncidentIo['sign'] = (
    body,
    { at = now(), id = `msg_${newId()}`, secrets = [signingSecret] } = {},
  ) => ({
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Svix-Webhooks/1.24',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at / 1_000)),
      'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, new Date(at), body)).join(' '),
    },
    body,
  });
  const event: FakeIncidentIo['event'] = (kind, id, over) => {
    const state = stateOf(id);
    const type = `${state.visibility}_incident.incident_${kind}_v2`;
    // Private incidents carry only their id; a change of status holds the incident beside the status.
    const whole =
      kind === 'status_updated'
        ? {
            incident: incidentIn(state, userIn),
            message: '',
            new_status: statusIn(state.category),
            previous_status: statusIn('live'),
          }
        : incidentIn(state, userIn);
    return sign(JSON.stringify({ event_type: type, [type]: state.visibility === 'private' ? { id } : whole }), over);
  };
  function change(id: string, over: Partial<IncidentIoState>): void {
    const before = stateOf(id);
    incidents.set(id, { ...before, ...over, updatedAt: now() });
    // There is no event of its own for the status of a private incident.
    const isStatus = over.category !== undefined && over.category !== before.category && before.visibility === 'public';
    served.tell(event(isStatus ? 'status_updated' : 'updated', id));
  }
  function move(id: string, category: Category, mergedInto: string | null = null): void {
    const update = { id: newId(), category, mergedInto, at: now() };
    change(id, { category, updates: [...stateOf(id).updates, update] });
  }
  const escalate = (incident: string, service: string): string => {
    const path = paths.get(service);
    if (path === undefined) throw new RangeError(`no path ${service}`);
    const id = newId();
    escalations.set(id, { path: path.id, incident, status: 'triggered', at: now() });
    return id;
  };
  const addSchedule: FakeIncidentIo['addSchedule'] = (shifts) => {
    const id = newId();
    schedules.set(id, shifts);
    return id;
  };
  const setPath = (service: string, nodes: readonly object[]): void =>
    void paths.set(service, { id: paths.get(service)?.id ?? newId(), nodes });
  const assign = (id: string, user: string, role: Role): void =>
    change(id, { roles: [...stateOf(id).roles, { user, role }] });

  return Object.assign(served, {
    token,
    signingSecret,
    sign,
    event,
    move,
    escalate,
    addSchedule,
    setPath,
    assign,
    addUser: (name: string, email: string | null) => {
      const user = { id: newId(), name, email };
      users.set(user.id, { ...user, active: true });
      return user;
    },
    deactivate: (id: string) => {
      const user = users.get(id);
      if (user !== undefined) users.set(id, { ...user, active: false });
    },
    openIncident: ({
      title,
      priority = null,
      service,
      lead,
      assignees = [],
      mode = 'standard',
      visibility = 'public',
      triage,
    }) => {
      const id = newId();
      const number = incidents.size + 1;
      const roles = [
        ...(lead === undefined ? [] : [{ user: lead, role: 'lead' } as const]),
        ...assignees.map((user) => ({ user, role: 'custom' }) as const),
      ];
      incidents.set(id, {
        id,
        number,
        title,
        service: service ?? null,
        severity: priority,
        createdAt: now(),
        updatedAt: now(),
        category: triage ?? 'live',
        mode,
        visibility,
        roles,
        updates: [],
      });
      if (service !== undefined && paths.has(service)) escalate(id, service);
      served.tell(event('created', id));
      return { id, number, reference: referenceOf(number) };
    },
    acknowledge: (id, by) => {
      if (stateOf(id).category === 'triage') move(id, 'live');
      assign(id, by, 'custom');
    },
    resolve: (id) => move(id, 'closed'),
    reopen: (id) => move(id, 'live'),
    merge: (id, into) => move(id, 'merged', stateOf(into).id),
    setOnCall: (service, list) => {
      const levels = Math.max(0, ...list.map(({ level }) => level));
      const nodes = Array.from({ length: levels }, (_, at) => {
        const schedule = addSchedule(list.filter(({ level }) => level === at + 1).map(({ user }) => ({ user })));
        const target = { id: schedule, type: 'schedule', schedule_mode: 'currently_on_call', urgency: 'high' };
        return { id: `n${at}`, type: 'level', level: { targets: [target], time_to_ack_seconds: 300 } };
      });
      setPath(service, nodes);
    },
    endEscalation: (id, status) => {
      const found = escalations.get(id);
      if (found !== undefined) found.status = status;
    },
  } satisfies Omit<FakeIncidentIo, keyof FakeService>);
}
