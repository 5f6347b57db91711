/**
 * The incident.io of the tests says what the published documents say.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { startReceiver } from '../../outbound/receiver.ts';
import { type FakeIncidentIo, startIncidentIo } from './incident-io.ts';

type Document = Readonly<Record<string, unknown>>;
type Get = (path: string, headers?: Record<string, string>) => Promise<{ status: number; document: Document }>;

async function withIncidentIo(
  parts: Parameters<typeof startIncidentIo>[0],
  body: (io: FakeIncidentIo, get: Get) => Promise<void>,
): Promise<void> {
  const io = await startIncidentIo(parts);
  try {
    await body(io, async (path, headers = { authorization: `Bearer ${io.token}` }) => {
      const response = await fetch(`${io.url}${path}`, { headers });
      // Safe: an answer of another shape fails the comparisons.
      return { status: response.status, document: (await response.json()) as Document };
    });
  } finally {
    await io.stop();
  }
}

test('an incident has every member that the published schema requires', async () => {
  await withIncidentIo({}, async (io, get) => {
    const { id } = io.openIncident({
      title: 'Our database is sad',
      priority: 'Minor',
      lead: io.addUser('Lisa', 'lisa@incident.io').id,
    });
    const { document } = await get(`/v2/incidents/${id}`);
    assert.deepEqual((await get('/v2/incidents/1')).document, document, 'by the numeric part of its reference');
    // Safe: an answer of another shape fails the comparisons.
    const incident = document['incident'] as Document;
    const required =
      'created_at creator custom_field_entries id incident_role_assignments incident_status mode name reference slack_channel_id slack_team_id updated_at visibility'.split(
        ' ',
      );
    assert.deepEqual(
      required.filter((name) => !(name in incident)),
      [],
    );
    assert.equal(incident['reference'], 'INC-1');
  });
});

test('pages are led on by a cursor, which the last one does not have; filters are one_of and not_in', async () => {
  await withIncidentIo({ pageSize: 2 }, async (io, get) => {
    for (const title of ['a', 'b', 'c']) io.openIncident({ title });
    io.openIncident({ title: 'drill', mode: 'test' });
    io.resolve(io.openIncident({ title: 'over' }).id);
    const query = '/v2/incidents?status_category[one_of]=live&status_category[one_of]=triage&page_size=250';
    const first = await get(query);
    // Safe: an answer of another shape fails the comparisons.
    const { after } = first.document['pagination_meta'] as { after?: string };
    assert.ok(after !== undefined);
    const second = await get(`${query}&after=${after}`);
    const names = [first, second].flatMap(({ document }) =>
      (document['incidents'] as { name: string }[]).map(({ name }) => name),
    );
    assert.deepEqual(names, ['c', 'b', 'a'], 'without tests, which are left out unless they are asked for');
    assert.deepEqual(second.document['pagination_meta'], { page_size: 250 });
    assert.equal((await get('/v2/incidents?page_size=251')).status, 422);
    const others = await get('/v2/incidents?status_category[not_in]=live');
    assert.deepEqual(
      (others.document['incidents'] as { name: string }[]).map(({ name }) => name),
      ['over'],
    );
  });
});

test('a call without a key and a missing incident are answered as published', async () => {
  await withIncidentIo({}, async (_io, get) => {
    const { status, document } = await get('/v2/incidents', {});
    assert.deepEqual([status, document['type'], document['status']], [401, 'authentication_error', 401]);
    assert.deepEqual(document['errors'], [
      { code: 'missing_authorization_material', message: 'missing_authorization_material' },
    ]);
    assert.equal((await get('/v2/incidents', { authorization: 'Bearer wrong' })).status, 401);
    assert.equal((await get('/v2/incidents/01FDAG4SAP5TYPT98WGR2N7W91')).status, 404);
    assert.equal((await get('/v1/incidents')).status, 404);
  });
});

test('calls hold the event under its own name and are signed as the official library checks it', async () => {
  const receiver = await startReceiver();
  const io = await startIncidentIo();
  try {
    io.hooksTo(receiver.url);
    const { id } = io.openIncident({ title: 'x' });
    await io.told();
    io.resolve(id);
    await io.told();
    const seen = receiver.received.map(({ body, headers }) => {
      const plain = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
      // Safe: an answer of another shape fails the comparisons.
      return new Webhook(io.signingSecret).verify(body, plain) as Document;
    });
    assert.deepEqual(
      seen.map((each) => Object.keys(each)),
      [
        ['event_type', 'public_incident.incident_created_v2'],
        ['event_type', 'public_incident.incident_status_updated_v2'],
      ],
    );
    const change = seen[1]?.['public_incident.incident_status_updated_v2'];
    assert.deepEqual(Object.keys(Object(change) as object), ['incident', 'message', 'new_status', 'previous_status']);
  } finally {
    await io.stop();
    await receiver.end();
  }
});
