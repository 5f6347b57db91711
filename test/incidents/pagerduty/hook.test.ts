/**
 * Calls of PagerDuty over real HTTP, with real signatures: what is believed, and what is told of it.
 * @module
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JitError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { PagerDutyParts } from '../../../src/incidents/pagerduty/source.ts';
import { verifyPagerDuty } from '../../../src/incidents/pagerduty/signature.ts';
import { type FakePagerDuty, startPagerDuty } from '../../fakes/incidents/pagerduty.ts';
import { type Hooked, startHooked } from '../hooked.ts';
import { openAt } from './account.ts';

async function withHook(
  body: (duty: FakePagerDuty, hooked: Hooked) => Promise<void>,
  over: Partial<PagerDutyParts> = {},
): Promise<void> {
  const duty = await startPagerDuty();
  const hooked = await startHooked(openAt(duty, over));
  duty.hooksTo(hooked.url);
  try {
    await body(duty, hooked);
  } finally {
    await duty.stop();
    await hooked.end();
  }
}

test('a life of an incident is told as it happens, and nothing of it is more than a reason to look', async () => {
  await withHook(async (duty, { signals }) => {
    const ada = duty.addUser('Ada', 'ada@example.com');
    const { id } = duty.openIncident({ title: 'x' });
    await duty.told();
    duty.acknowledge(id, ada.id);
    await duty.told();
    duty.respond(id, ada.id, 'pending');
    await duty.told();
    duty.resolve(id);
    await duty.told();
    duty.reopen(id);
    assert.deepEqual(new Set(await duty.told()), new Set([200]));
    assert.deepEqual(
      signals.map(({ says }) => says),
      ['opened', 'changed', 'changed', 'closed', 'opened'],
    );
    assert.deepEqual(new Set(signals.map(({ id: about, source }) => `${source} ${about}`)), new Set([`pd ${id}`]));
    assert.equal(new Set(signals.map(({ event }) => event)).size, 5);
    assert.equal(await duty.post(duty.event('incident.role.assigned', id)), 200);
    assert.deepEqual([signals.at(-1)?.id, signals.at(-1)?.says], [id, 'changed']);
  });
});

test('a merge is told as the close that it is', async () => {
  await withHook(async (duty, { signals }) => {
    const [one, two] = [duty.openIncident({ title: 'one' }), duty.openIncident({ title: 'two' })];
    await duty.told();
    duty.merge(one.id, two.id);
    await duty.told();
    assert.deepEqual([signals.at(-1)?.id, signals.at(-1)?.says], [one.id, 'closed']);
  });
});

test('the test event and events about services are taken and say nothing', async () => {
  await withHook(async (duty, { signals }) => {
    assert.equal(await duty.post(duty.ping()), 200);
    const service = duty.ping().body.replaceAll('pagey.ping', 'service.updated').replace('"pagey"', '"service"');
    assert.equal(await duty.post(duty.sign(service)), 200);
    assert.deepEqual(signals, []);
  });
});

test('a call without a good signature is refused, and nothing in it is read', async () => {
  await withHook(async (duty, { signals }) => {
    const { id } = duty.openIncident({ title: 'x' });
    await duty.told();
    signals.length = 0;
    const { body, headers } = duty.event('incident.resolved', id);
    const good = headers['x-pagerduty-signature'] ?? '';
    const hex = good.slice(3);
    const wrong: Readonly<Record<string, string | null>> = {
      missing: null,
      empty: '',
      'without a version': hex,
      'another version': `v2=${hex}`,
      'upper-case hex': `v1=${hex.toUpperCase()}`,
      'upper-case version': `V1=${hex}`,
      'too short': good.slice(0, -1),
      'too long': `${good}0`,
      'no hex': `v1=${'g'.repeat(64)}`,
      base64: `v1=${Buffer.from(hex, 'hex').toString('base64')}`,
      zeros: `v1=${'0'.repeat(64)}`,
      'of another secret': duty.sign(body, ['other']).headers['x-pagerduty-signature'] ?? '',
      'of the empty secret': duty.sign(body, ['']).headers['x-pagerduty-signature'] ?? '',
      'of another body': duty.ping().headers['x-pagerduty-signature'] ?? '',
      'a space before it': `v1= ${hex}`,
      'one among far too many': Array.from({ length: 17 }, () => good).join(','),
    };
    for (const [what, signature] of Object.entries(wrong)) {
      const { 'x-pagerduty-signature': _, ...rest } = headers;
      const status = await duty.post({
        body,
        headers: signature === null ? rest : { ...rest, 'x-pagerduty-signature': signature },
      });
      assert.equal(status, 401, what);
    }
    // Safe: it is what the service itself has just written.
    const document = JSON.parse(body) as object;
    for (const other of [
      JSON.stringify(document, null, 2),
      `${body}\n`,
      ` ${body}`,
      body.replace('resolved', 'triggered'),
      `\ufeff${body}`,
    ]) {
      assert.equal(await duty.post({ headers, body: other }), 401);
    }
    assert.equal(await duty.post({ headers, body: 'not JSON' }), 401, 'it is not even read');
    assert.deepEqual(signals, []);
    assert.equal(await duty.post({ headers, body }), 200);
    assert.equal(signals.length, 1);
  });
});

test('while secrets change over, either is good; one that has run out is not', async () => {
  const start = Date.now();
  let at = start;
  const signingSecrets = [
    { secret: new Secret('new'), until: null },
    { secret: new Secret('old'), until: start + 1_000 },
  ];
  await withHook(
    async (duty) => {
      const { body } = duty.ping();
      for (const secrets of [['old'], ['new'], ['other', 'old'], ['new', 'old'], ['other', 'new']]) {
        assert.equal(await duty.post(duty.sign(body, secrets)), 200, secrets.join());
      }
      at = start + 1_000;
      assert.equal(await duty.post(duty.sign(body, ['old'])), 401);
      assert.equal(await duty.post(duty.sign(body, ['new'])), 200);
    },
    { signingSecrets, now: () => at },
  );
});

test('a source without a secret takes no calls', async () => {
  const duty = await startPagerDuty();
  try {
    assert.equal(openAt(duty, { signingSecrets: [] }).hook, null);
  } finally {
    await duty.stop();
  }
});

test('the same event a thousand times at once is one signal, and every sender is told that it is safe', async () => {
  await withHook(async (duty, hooked) => {
    duty.suppressHooks();
    const { id } = duty.openIncident({ title: 'x' });
    duty.hooksTo(hooked.url);
    hooked.delayMs = 50;
    const message = duty.event('incident.resolved', id);
    const statuses = await Promise.all(
      // Each attempt has a header of its own for the attempt, which nobody signs.
      Array.from({ length: 1_000 }, async (_, n) =>
        duty.post({ ...message, headers: { ...message.headers, 'x-webhook-id': String(n) } }),
      ),
    );
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.equal(hooked.signals.length, 1);
    assert.equal(await duty.post(message), 200);
    assert.equal(hooked.signals.length, 1);
  });
});

test('what could not be taken is not safe: the sender is told so, and the next try counts', async () => {
  await withHook(async (duty, hooked) => {
    duty.suppressHooks();
    const { id } = duty.openIncident({ title: 'x' });
    duty.hooksTo(hooked.url);
    const message = duty.event('incident.resolved', id);
    hooked.delayMs = 30;
    hooked.failures.push(new JitError({ code: 'ERR_STORE', message: 'busy' }));
    assert.deepEqual(await Promise.all([duty.post(message), duty.post(message)]), [503, 503]);
    assert.deepEqual(hooked.signals, []);
    assert.equal(await duty.post(message), 200);
    assert.equal(hooked.signals.length, 1);
    hooked.failures.push(new JitError({ code: 'ERR_STORE', message: 'busy' }));
    duty.resolve(id);
    assert.deepEqual(await duty.told(), [200], 'tried again by itself');
    assert.equal(hooked.signals.length, 2);
  });
});

test('an event that is told late, or that is from the future, is a reason to look and says nothing itself', async () => {
  await withHook(async (duty, { signals }) => {
    const { id } = duty.openIncident({ title: 'x' });
    await duty.told();
    for (const [off, says] of [
      [-240_000, 'closed'],
      [-360_000, 'changed'],
      [-86_400_000 * 365, 'changed'],
      [360_000, 'changed'],
    ] as const) {
      assert.equal(await duty.post(duty.event('incident.resolved', id, { at: Date.now() + off })), 200);
      assert.equal(signals.at(-1)?.says, says, String(off));
    }
  });
});

test('events out of order are told as they come', async () => {
  await withHook(async (duty, hooked) => {
    duty.suppressHooks();
    const { id } = duty.openIncident({ title: 'x' });
    duty.resolve(id);
    duty.reopen(id);
    duty.hooksTo(hooked.url);
    for (const message of duty.messages.toReversed()) await duty.post(message);
    assert.deepEqual(
      hooked.signals.map(({ says }) => says),
      ['opened', 'closed', 'opened'],
    );
  });
});

test('signed bodies that are no events of PagerDuty are refused, and what is in them is in no message', async () => {
  await withHook(async (duty, { signals }) => {
    const { id } = duty.openIncident({ title: 'x' });
    await duty.told();
    signals.length = 0;
    // Safe: it is what the service itself has just written.
    const { event } = JSON.parse(duty.event('incident.resolved', id).body) as { event: Record<string, unknown> };
    const wrong = [
      '',
      'x',
      'null',
      '[]',
      '{}',
      '{"event":[]}',
      '{"messages":[]}',
      ...[
        { id: undefined },
        { id: '' },
        { id: 'a b' },
        { id: 'x'.repeat(129) },
        { id: 7 },
        { event_type: undefined },
        { event_type: 'Incident\n' },
        { resource_type: null },
        { occurred_at: 'yesterday' },
        { occurred_at: 1 },
        { data: null },
        { data: 'x' },
      ].map((over) => JSON.stringify({ event: { ...event, ...over } })),
    ];
    for (const body of wrong) assert.equal(await duty.post(duty.sign(body)), 400, body);
    const silent = [
      {},
      { type: 'incident' },
      { type: 'incident', id: '../x' },
      { type: 'incident', id: 7 },
      { incident: { id: '' } },
      { incident_role_assignments: [] },
      { __proto__: null, id },
    ];
    for (const data of silent) {
      assert.equal(
        await duty.post(duty.sign(JSON.stringify({ event: { ...event, id: `e${silent.indexOf(data)}`, data } }))),
        200,
      );
    }
    assert.deepEqual(signals, []);
  });
});

const refuses = (header: string | null, body: Uint8Array, secrets: readonly Secret<string>[]): void =>
  assert.throws(() => verifyPagerDuty(header, body, secrets), { code: 'ERR_NOT_SIGNED_IN' });

test('property: what is signed is good among others, and a change of one bit anywhere is not', () => {
  const noise = fc.array(
    fc.oneof(fc.constant(''), fc.constant('v2=00'), fc.stringMatching(/^v1=[0-9a-f]{64}$/), fc.string()),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }),
      fc.uint8Array({ minLength: 1 }),
      noise,
      fc.nat(),
      (key, body, others, where) => {
        const mac = createHmac('sha256', key).update(body).digest();
        const rest = others.map((each) => each.replaceAll(',', ''));
        const header = (value: Uint8Array): string =>
          rest.toSpliced(where % (rest.length + 1), 0, `v1=${Buffer.from(value).toString('hex')}`).join(',');
        verifyPagerDuty(header(mac), body, [new Secret('other'), new Secret(key)]);
        const flip = (bytes: Uint8Array): Uint8Array =>
          Uint8Array.from(bytes, (byte, at) => (at === where % bytes.length ? byte ^ 1 : byte));
        refuses(header(mac), flip(body), [new Secret(key)]);
        refuses(header(flip(mac)), body, [new Secret(key)]);
      },
    ),
  );
});

test('property: no header that somebody makes up is good', () => {
  const secrets = [new Secret('secret')];
  fc.assert(fc.property(fc.string(), (header) => refuses(header, Buffer.from('{}'), secrets)));
  refuses(null, Buffer.from('{}'), secrets);
});
