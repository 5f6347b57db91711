/**
 * The PagerDuty of the tests says what the published documents say.
 * @module
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { startReceiver } from '../../outbound/receiver.ts';
import { type FakePagerDuty, startPagerDuty } from './pagerduty.ts';

type Document = Readonly<Record<string, unknown>>;

async function withPagerDuty(
  parts: Parameters<typeof startPagerDuty>[0],
  body: (
    duty: FakePagerDuty,
    get: (path: string, token?: string) => Promise<{ status: number; document: Document }>,
  ) => Promise<void>,
): Promise<void> {
  const duty = await startPagerDuty(parts);
  try {
    await body(duty, async (path, token = duty.token) => {
      const headers = { authorization: `Token token=${token}`, accept: 'application/vnd.pagerduty+json;version=2' };
      const response = await fetch(`${duty.url}${path}`, { headers });
      // Safe: an answer of another shape fails the comparisons.
      return { status: response.status, document: (await response.json()) as Document };
    });
  } finally {
    await duty.stop();
  }
}

/** Names of members at every level, as far as both have objects. */
function missing(published: unknown, made: unknown, at = ''): readonly string[] {
  if (Array.isArray(published) && Array.isArray(made)) {
    return published.length === 0 || made.length === 0 ? [] : missing(published[0], made[0], `${at}[]`);
  }
  if (typeof published !== 'object' || published === null || typeof made !== 'object' || made === null) return [];
  return Object.entries(published).flatMap(([name, value]: [string, unknown]) =>
    name in made
      ? missing(value, Object.entries(made).find(([each]) => each === name)?.[1], `${at}.${name}`)
      : [`${at}.${name}`],
  );
}

test('an incident has the members of the example of "Get an incident"', async () => {
  await withPagerDuty({}, async (duty, get) => {
    const ada = duty.addUser('Earline Greenholt', 'earline@example.com');
    const { id } = duty.openIncident({ title: 'The server is on fire.', priority: 'P2', assignees: [ada.id] });
    duty.acknowledge(id, ada.id);
    duty.respond(id, ada.id, 'pending');
    // The example of GET /incidents/{id} in PagerDuty's OpenAPI document, as far as it is about states, people and places.
    const user = { id: 'PXPGF42', type: 'user_reference', summary: 'Earline Greenholt', self: '', html_url: '' };
    const published = {
      incident: {
        id: 'PT4KHLK',
        type: 'incident',
        summary: '[#1234] The server is on fire.',
        self: 'https://api.pagerduty.com/incidents/PT4KHLK',
        html_url: 'https://subdomain.pagerduty.com/incidents/PT4KHLK',
        incident_number: 1234,
        title: 'The server is on fire.',
        created_at: '2015-10-06T21:30:42Z',
        updated_at: '2015-10-06T21:40:23Z',
        status: 'acknowledged',
        incident_key: 'baf7cf21b1da41b4b0221008339ff357',
        service: { id: 'PIJ90N7', type: 'service_reference', summary: 'My Mail Service', self: '', html_url: '' },
        assignments: [{ at: '2015-11-10T00:31:52Z', assignee: user }],
        assigned_via: 'escalation_policy',
        escalation_policy: { id: 'PT20YPA', type: 'escalation_policy_reference', summary: '', self: '', html_url: '' },
        teams: [],
        pending_actions: [],
        acknowledgements: [{ at: '2015-11-10T00:32:52Z', acknowledger: user }],
        priority: { id: 'P53ZZH5', type: 'priority_reference', summary: 'P2', self: '' },
        resolve_reason: null,
        incidents_responders: [
          {
            state: 'pending',
            user,
            incident: { id: '', type: 'incident_reference', summary: '', self: '', html_url: '' },
            updated_at: '',
            message: '',
            requested_at: '',
          },
        ],
        responder_requests: [],
        urgency: 'high',
      },
    };
    const { status, document } = await get(`/incidents/${id}`);
    assert.equal(status, 200);
    assert.deepEqual(missing(published, document), []);
    assert.deepEqual(missing(document, published), [], 'nothing that is not published');
    const byNumber = await get('/incidents/1');
    assert.deepEqual(byNumber.document, document);
  });
});

test('pages are classic: limit and offset are echoed, and more is true as long as there is more', async () => {
  await withPagerDuty({ pageSize: 2 }, async (duty, get) => {
    for (const title of ['a', 'b', 'c']) duty.openIncident({ title });
    duty.resolve(duty.openIncident({ title: 'over' }).id);
    const first = await get('/incidents?statuses[]=triggered&statuses[]=acknowledged&limit=100');
    const { limit, offset, more, total } = first.document;
    assert.deepEqual({ limit, offset, more, total }, { limit: 2, offset: 0, more: true, total: null });
    const second = await get('/incidents?statuses[]=triggered&statuses[]=acknowledged&limit=100&offset=2');
    assert.equal(second.document['more'], false);
    assert.equal(Array.isArray(second.document['incidents']) && second.document['incidents'].length, 1);
    assert.equal((await get('/incidents?limit=101')).status, 400);
    assert.equal((await get('/incidents?limit=100&offset=9901')).status, 400, 'no more than 10,000 can be reached');
  });
});

test('a wrong token, a missing incident and too many questions are answered as published', async () => {
  await withPagerDuty({}, async (duty, get) => {
    const wrong = await get('/incidents', 'wrong');
    assert.deepEqual(
      [wrong.status, wrong.document],
      [401, { error: { message: 'Authentication failed', code: 2006, errors: ['Authentication failed'] } }],
    );
    assert.equal((await get('/incidents/PXXXXXX')).status, 404);
    duty.faults.push({
      status: 429,
      headers: { 'ratelimit-reset': '20' },
      body: '{"error":{"message":"Rate Limit Exceeded","code":2020}}',
    });
    assert.equal((await get('/incidents')).status, 429);
    assert.equal((await get('/incidents')).status, 200);
  });
});

test('calls are events of version 3, signed over the body as published, and tried again until they are taken', async () => {
  const receiver = await startReceiver();
  const duty = await startPagerDuty({ signingSecret: 'secret' });
  try {
    duty.hooksTo(receiver.url);
    receiver.next.push({ status: 503 }, 'reset');
    const { id } = duty.openIncident({ title: 'A little bump in the road', priority: 'P1' });
    assert.deepEqual(await duty.told(), [204]);
    assert.equal(receiver.received.length, 3);
    const last = receiver.received.at(-1);
    assert.ok(last !== undefined);
    const mac = createHmac('sha256', 'secret').update(last.body).digest('hex');
    assert.equal(last.headers['x-pagerduty-signature'], `v1=${mac}`);
    // The envelope of "Webhook Payload".
    const { event } = JSON.parse(last.body) as { event: Record<string, unknown> };
    assert.deepEqual(Object.keys(event), [
      'id',
      'event_type',
      'resource_type',
      'occurred_at',
      'agent',
      'client',
      'data',
    ]);
    assert.deepEqual([event['event_type'], event['resource_type']], ['incident.triggered', 'incident']);
    assert.equal(
      missing(
        {
          data: {
            id,
            type: '',
            number: 1,
            status: '',
            title: '',
            service: { id: '' },
            assignees: [],
            escalation_policy: { id: '' },
            priority: { summary: '' },
            urgency: '',
            resolve_reason: null,
          },
        },
        event,
      ).length,
      0,
    );
    duty.suppressHooks();
    duty.resolve(id);
    assert.deepEqual(await duty.told(), [204], 'what is suppressed is not sent later');
    assert.equal(duty.messages.length, 2);
  } finally {
    await duty.stop();
    await receiver.end();
  }
});

test('it can be switched off and on again at the same port', async () => {
  await withPagerDuty({}, async (duty, get) => {
    await duty.down();
    await assert.rejects(get('/incidents'));
    await duty.up();
    assert.equal((await get('/incidents')).status, 200);
  });
});
