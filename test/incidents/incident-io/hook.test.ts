/**
 * Calls of incident.io over real HTTP, signed by the official library: what is believed, and what is told of it.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { IncidentIoParts } from '../../../src/incidents/incident-io/source.ts';
import { readWebhookSecret } from '../../../src/outbound/standard-webhooks.ts';
import { type FakeIncidentIo, startIncidentIo } from '../../fakes/incidents/incident-io.ts';
import { type Hooked, startHooked } from '../hooked.ts';
import { openAt } from './account.ts';

const OTHER = `whsec_${Buffer.alloc(24, 3).toString('base64')}`;

async function withHook(
  body: (io: FakeIncidentIo, hooked: Hooked) => Promise<void>,
  over: Partial<IncidentIoParts> = {},
  parts: Parameters<typeof startIncidentIo>[0] = {},
): Promise<void> {
  const io = await startIncidentIo(parts);
  const hooked = await startHooked(openAt(io, over));
  io.hooksTo(hooked.url);
  try {
    await body(io, hooked);
  } finally {
    await io.stop();
    await hooked.end();
  }
}

test('a life of an incident is told as it happens', async () => {
  await withHook(async (io, { signals }) => {
    const { id } = io.openIncident({ title: 'x', triage: 'triage' });
    await io.told();
    io.acknowledge(id, io.addUser('Ada', null).id);
    await io.told();
    const said = signals.map(({ says }) => says);
    assert.deepEqual([said[0], said.slice(1)], ['opened', ['changed', 'changed']]);
    for (const [move, says] of [
      [() => io.resolve(id), 'closed'],
      [() => io.reopen(id), 'changed'],
      [() => io.move(id, 'learning'), 'closed'],
      [() => io.move(id, 'paused'), 'closed'],
      [() => io.merge(id, io.openIncident({ title: 'y' }).id), 'closed'],
    ] as const) {
      move();
      await io.told();
      assert.equal(signals.filter((each) => each.id === id).at(-1)?.says, says);
    }
    assert.deepEqual(new Set(await io.told()), new Set([200]));
    assert.equal(
      signals.every(({ source }) => source === 'io'),
      true,
    );
  });
});

test('of a private incident there is no more than an id, and so no more than a reason to look', async () => {
  await withHook(async (io, { signals }) => {
    const { id } = io.openIncident({ title: 'x', visibility: 'private' });
    io.resolve(id);
    await io.told();
    assert.deepEqual(Object.keys(JSON.parse(io.messages[1]?.body ?? '{}') as object), [
      'event_type',
      'private_incident.incident_updated_v2',
    ]);
    const told = signals.map(({ id: about, says }) => `${about} ${says}`);
    assert.deepEqual(new Set(told), new Set([`${id} opened`, `${id} changed`]));
  });
});

test('events about other things are taken and say nothing', async () => {
  await withHook(async (io, { signals }) => {
    for (const event_type of [
      'public_incident.follow_up_created_v1',
      'private_incident.membership_granted_v1',
      'public_alert.alert_created_v1',
      'public_incident.incident_updated_v3',
    ]) {
      const body = JSON.stringify({ event_type, [event_type]: { id: 'x', incident_id: 'y' } });
      assert.equal(await io.post(io.sign(body)), 200, event_type);
    }
    assert.deepEqual(signals, []);
  });
});

test('a call that is not signed, or signed for something else, or too long ago, is refused', async () => {
  await withHook(async (io, { signals }) => {
    const { id } = io.openIncident({ title: 'x' });
    await io.told();
    signals.length = 0;
    const good = io.event('status_updated', id);
    for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
      const { [name]: _, ...headers } = good.headers;
      assert.equal(await io.post({ ...good, headers }), 401, name);
      assert.equal(await io.post({ ...good, headers: { ...headers, [name]: 'x' } }), 401, name);
    }
    assert.equal(await io.post(io.sign(good.body, { secrets: [OTHER] })), 401);
    for (const off of [-301_000, 302_000, -86_400_000]) {
      assert.equal(await io.post(io.sign(good.body, { at: Date.now() + off })), 401, String(off));
    }
    // Safe: it is what the service itself has just written.
    const again = JSON.stringify(JSON.parse(good.body) as object, null, 1);
    assert.equal(await io.post({ ...good, body: again }), 401, 're-encoded');
    const later = { ...good.headers, 'webhook-timestamp': String(Math.floor(Date.now() / 1_000) + 60) };
    assert.equal(await io.post({ ...good, headers: later }), 401, 'another time than was signed');
    assert.equal(
      await io.post({ ...good, headers: { ...good.headers, 'webhook-id': 'msg_other' } }),
      401,
      'another id than was signed',
    );
    assert.deepEqual(signals, []);
    assert.equal(await io.post(good), 200);
    assert.equal(signals.length, 1);
  });
});

test('while secrets change over, either is good; one that has run out is not', async () => {
  const start = Date.now();
  let at = start;
  const [fresh, old] = [`whsec_${Buffer.alloc(32, 1).toString('base64')}`, OTHER];
  const signingSecrets = [
    { secret: readWebhookSecret(new Secret(fresh), 'secret'), until: null },
    { secret: readWebhookSecret(new Secret(old), 'secret'), until: start + 1_000 },
  ];
  await withHook(
    async (io) => {
      const { id } = io.openIncident({ title: 'x' });
      const { body } = io.event('updated', id);
      for (const secrets of [[old], [fresh], [fresh, old]])
        assert.equal(await io.post(io.sign(body, { secrets })), 200);
      at = start + 1_000;
      assert.equal(await io.post(io.sign(body, { secrets: [old] })), 401);
      assert.equal(await io.post(io.sign(body, { secrets: [fresh] })), 200);
    },
    { signingSecrets, now: () => at },
  );
});

test('the same message a thousand times at once is one signal, and so is one that is signed anew for another try', async () => {
  await withHook(async (io, hooked) => {
    io.suppressHooks();
    const { id } = io.openIncident({ title: 'x' });
    io.resolve(id);
    io.hooksTo(hooked.url);
    hooked.delayMs = 50;
    const message = io.event('status_updated', id, { id: 'msg_1' });
    const statuses = await Promise.all(Array.from({ length: 1_000 }, async () => io.post(message)));
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.equal(await io.post(io.sign(message.body, { id: 'msg_1', at: Date.now() + 1_000 })), 200);
    assert.deepEqual(
      hooked.signals.map(({ event, says }) => [event, says]),
      [['msg_1', 'closed']],
    );
  });
});

test('what could not be taken is tried again and counts then', async () => {
  await withHook(async (io, hooked) => {
    hooked.failures.push(
      new JitError({ code: 'ERR_STORE', message: 'busy' }),
      new JitError({ code: 'ERR_STORE', message: 'busy' }),
    );
    io.openIncident({ title: 'x' });
    assert.deepEqual(await io.told(), [200]);
    assert.equal(hooked.signals.length, 1);
  });
});

test('a close that is told long after it happened is a reason to look and says nothing itself', async () => {
  let at = Date.now();
  await withHook(
    async (io, hooked) => {
      io.suppressHooks();
      const { id } = io.openIncident({ title: 'x' });
      io.resolve(id);
      io.hooksTo(hooked.url);
      const { body } = io.event('status_updated', id);
      assert.equal(await io.post(io.sign(body, { id: 'soon' })), 200);
      at += 600_000;
      assert.equal(await io.post(io.sign(body, { id: 'late' })), 200);
      assert.deepEqual(
        hooked.signals.map(({ says }) => says),
        ['closed', 'changed'],
      );
    },
    { now: () => at },
    { now: () => at },
  );
});

test('signed bodies that are no events of incident.io are refused', async () => {
  await withHook(async (io, { signals }) => {
    const type = 'public_incident.incident_updated_v2';
    const about = (payload: unknown): string => JSON.stringify({ event_type: type, [type]: payload });
    const wrong = [
      '',
      'x',
      'null',
      '[]',
      '{}',
      '{"event_type":7}',
      '{"event_type":"a b"}',
      `{"event_type":"${type}"}`,
      about(null),
      about({}),
      about({ id: '../x' }),
      about({ id: 7 }),
      about({ incident: {} }),
      about({ id: 'x', incident_status: { category: 'active' } }),
      about({ id: 'x', updated_at: 1 }),
    ];
    for (const body of wrong) assert.equal(await io.post(io.sign(body)), 400, body);
    assert.deepEqual(signals, []);
  });
});

test('a source without a secret takes no calls', async () => {
  const io = await startIncidentIo();
  try {
    assert.equal(openAt(io, { signingSecrets: [] }).hook, null);
  } finally {
    await io.stop();
  }
});
