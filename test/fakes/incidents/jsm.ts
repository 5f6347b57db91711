/**
 * Operations of Jira Service Management (https://developer.atlassian.com/cloud/jira/service-desk-ops/rest/v2/), and Opsgenie
 * (https://docs.opsgenie.com/docs/alert-api) with the same data: alerts, schedules and who is on call, over real HTTP, and the
 * webhook integration that tells of them with a header of its own.
 * @module
 */
import { type Asked, type FakeService, type HookMessage, json, startService } from './service.ts';

export interface JsmResponder {
  readonly type: 'user' | 'team' | 'escalation' | 'schedule';
  readonly id: string;
}

export interface JsmAlert {
  readonly id: string;
  readonly tinyId: string;
  readonly message: string;
  readonly status: 'open' | 'closed';
  readonly acknowledged: boolean;
  readonly priority: string;
  readonly tags: readonly string[];
  readonly entity: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly responders: readonly JsmResponder[];
}

export interface JsmParticipant {
  readonly type: string;
  readonly id: string;
  readonly name?: string;
  readonly escalationTime?: number;
  readonly onCallParticipants?: readonly JsmParticipant[];
}

export interface FakeJsm extends FakeService {
  readonly flavour: 'jsm' | 'opsgenie';
  readonly token: string;
  readonly user: string;
  readonly cloud: string;
  readonly header: string;
  readonly hookSecret: string;
  readonly alerts: Map<string, JsmAlert>;
  /** By the id of a schedule. */
  readonly onCall: Map<string, readonly JsmParticipant[]>;
  openAlert(over?: Partial<JsmAlert>): JsmAlert;
  change(id: string, over: Partial<JsmAlert>, action: string): void;
  remove(id: string): void;
  /** What it tells when something happens to an alert. */
  message(alert: JsmAlert, action: string): HookMessage;
}

/** @param number from 1: the same UUID for the same number. */
export const uuid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

const SIZE = { jsm: 'size', opsgenie: 'limit' } as const;

export async function startJsm(
  flavour: FakeJsm['flavour'],
  { pageSize = 100 }: { readonly pageSize?: number } = {},
): Promise<FakeJsm> {
  const secrets = { token: 'canary-jsm-token', user: 'jit@example.com', hookSecret: 'canary-jsm-header' };
  const cloud = uuid(900);
  const alerts: FakeJsm['alerts'] = new Map();
  const onCall: FakeJsm['onCall'] = new Map();
  const root = flavour === 'jsm' ? `/${cloud}/v1` : '/v2';
  const wanted =
    flavour === 'jsm'
      ? `Basic ${Buffer.from(`${secrets.user}:${secrets.token}`).toString('base64')}`
      : `GenieKey ${secrets.token}`;
  let count = 0;

  const wrapped = (data: unknown): object => ({ data, took: 0.01, requestId: uuid(999) });
  const one = (alert: JsmAlert): object => {
    const { createdAt, updatedAt, ...rest } = alert;
    const times = { createdAt: new Date(createdAt).toISOString(), updatedAt: new Date(updatedAt).toISOString() };
    return { ...rest, ...times, alias: alert.id, count: 1, seen: true, snoozed: false, source: 'test', owner: '' };
  };

  function list({ path, query }: Asked): Response {
    const [, field, value] = /^(tinyId|status):(\w+)$/.exec(query.get('query') ?? '') ?? [];
    if (field === undefined || value === undefined) return json({ message: 'Search query could not be parsed' }, 422);
    const found = [...alerts.values()]
      .filter((each) => (field === 'tinyId' ? each.tinyId : each.status) === value)
      .toSorted((a, b) => b.createdAt - a.createdAt);
    const size = Math.min(Number(query.get(SIZE[flavour]) ?? '20'), pageSize);
    const offset = Number(query.get('offset') ?? '0');
    // From a search, an alert comes without what only its own page shows.
    const page = found.slice(offset, offset + size).map((each) => ({ ...one(each), entity: undefined }));
    const rest = offset + size < found.length ? { next: `${path}?offset=${offset + size}&size=${size}` } : {};
    if (flavour === 'jsm') return json({ values: page, links: rest, count: found.length });
    return json({ ...wrapped(page), paging: rest });
  }

  function answer(asked: Asked): Response {
    const { path, query, headers } = asked;
    if (headers.authorization !== wanted) return json({ code: 401, message: 'Unauthorized' }, 401);
    if (!path.startsWith(`${root}/`)) return json({ message: 'No handler' }, 404);
    const rest = path.slice(root.length);
    if (rest === '/alerts') return list(asked);
    const [, kind, id] = /^\/(alerts|schedules)\/([^/]+)(?:\/on-calls)?$/.exec(rest) ?? [];
    if (kind === 'alerts' && id !== undefined) {
      const alert = alerts.get(decodeURIComponent(id));
      if (alert === undefined) return json({ message: 'Alert not found' }, 404);
      return json(flavour === 'jsm' ? one(alert) : wrapped(one(alert)));
    }
    const duties = onCall.get(decodeURIComponent(id ?? ''));
    if (kind !== 'schedules' || duties === undefined || query.get('flat') !== 'false') {
      return json({ message: 'Schedule not found' }, 404);
    }
    const duty = { onCallParticipants: duties };
    return json(flavour === 'jsm' ? duty : wrapped({ _parent: { id, name: 'schedule', enabled: true }, ...duty }));
  }

  const service = await startService(answer);
  const tell = (alert: JsmAlert, action: string): void => service.tell(jsm.message(alert, action));
  const jsm: FakeJsm = Object.assign(service, {
    ...secrets,
    flavour,
    cloud,
    header: 'x-jit-secret',
    alerts,
    onCall,
    openAlert: (over: Partial<JsmAlert> = {}): JsmAlert => {
      count += 1;
      const createdAt = 1_800_000_000_000 + count * 1_000;
      const alert: JsmAlert = {
        id: `${uuid(count)}-${createdAt}`,
        tinyId: String(count),
        message: `alert ${count}`,
        status: 'open',
        acknowledged: false,
        priority: 'P1',
        tags: [],
        entity: '',
        createdAt,
        updatedAt: createdAt,
        responders: [],
        ...over,
      };
      alerts.set(alert.id, alert);
      tell(alert, 'Create');
      return alert;
    },
    change: (id: string, over: Partial<JsmAlert>, action: string): void => {
      const alert = alerts.get(id);
      if (alert === undefined) throw new RangeError('no such alert');
      const changed = { ...alert, ...over, updatedAt: alert.updatedAt + 1 };
      alerts.set(id, changed);
      tell(changed, action);
    },
    remove: (id: string): void => {
      const alert = alerts.get(id);
      if (alert === undefined) throw new RangeError('no such alert');
      alerts.delete(id);
      tell(alert, 'Delete');
    },
    message: (alert: JsmAlert, action: string): HookMessage => ({
      headers: { 'content-type': 'application/json', 'x-jit-secret': secrets.hookSecret },
      body: JSON.stringify({
        source: { name: '', type: 'web' },
        alert: {
          alertId: alert.id,
          tinyId: alert.tinyId,
          message: alert.message,
          tags: alert.tags,
          createdAt: alert.createdAt,
          // In nanoseconds, as they send it.
          updatedAt: alert.updatedAt * 1_000_000,
        },
        action,
        integrationId: uuid(901),
        integrationName: 'jit',
      }),
    }),
  });
  return jsm;
}
