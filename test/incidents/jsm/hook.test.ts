/**
 * What the webhook integration of a service of alerts tells, over real HTTP: a reason to look for whoever has the secret.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../../src/core/secret.ts';
import { jsmHook } from '../../../src/incidents/jsm/hook.ts';
import { type FakeJsm, startJsm } from '../../fakes/incidents/jsm.ts';
import { type Hooked, startHooked } from '../hooked.ts';

const START = 1_800_000_000_000;

interface World {
  readonly jsm: FakeJsm;
  readonly hooked: Hooked;
  readonly clock: { now: number };
}

async function withHook(body: (world: World) => Promise<void>): Promise<void> {
  const jsm = await startJsm('jsm');
  const clock = { now: START };
  const secrets = [
    { secret: new Secret(jsm.hookSecret), until: START + 1_000_000 },
    { secret: new Secret('canary-newer'), until: null },
  ];
  const hook = jsmHook({ name: 'ops', header: jsm.header, secrets, now: () => clock.now });
  const hooked = await startHooked({ hook });
  try {
    await body({ jsm, hooked, clock });
  } finally {
    await hooked.end();
    await jsm.stop();
  }
}

test('what happens to an alert is told, and not even a close is more than a reason to look', async () => {
  await withHook(async ({ jsm, hooked }) => {
    jsm.hooksTo(hooked.url);
    const { id } = jsm.openAlert();
    await jsm.told();
    jsm.change(id, { acknowledged: true }, 'Acknowledge');
    await jsm.told();
    jsm.change(id, { status: 'closed' }, 'Close');
    assert.deepEqual(await jsm.told(), [200, 200, 200]);
    assert.deepEqual(
      hooked.signals.map((each) => [each.source, each.id, each.says]),
      [
        ['ops', id, 'opened'],
        ['ops', id, 'changed'],
        ['ops', id, 'changed'],
      ],
    );
    assert.equal(new Set(hooked.signals.map(({ event }) => event)).size, 3);
  });
});

test('a call without the secret, or with one that has run out, is refused and told to nobody', async () => {
  await withHook(async ({ jsm, hooked, clock }) => {
    jsm.hooksTo(hooked.url);
    jsm.suppressHooks();
    const { body, headers } = jsm.message(jsm.openAlert(), 'Close');
    jsm.hooksTo(hooked.url);
    const secret = headers[jsm.header] ?? '';
    for (const wrong of ['', 'x', secret.slice(0, -1), `${secret}x`, secret.toUpperCase(), `${secret},${secret}`]) {
      assert.equal(await jsm.post({ headers: { [jsm.header]: wrong }, body }), 401, wrong);
    }
    assert.equal(await jsm.post({ headers: { 'x-other': secret }, body }), 401);
    assert.deepEqual(hooked.signals, []);
    assert.equal(await jsm.post({ headers: { [jsm.header]: 'canary-newer' }, body }), 200);
    clock.now = START + 1_000_000;
    assert.equal(await jsm.post({ headers, body }), 401);
  });
});

test('what is no activity of an alert is refused, and its words are not repeated', async () => {
  await withHook(async ({ jsm, hooked }) => {
    jsm.hooksTo(hooked.url);
    const headers = { [jsm.header]: jsm.hookSecret };
    for (const body of [
      '',
      'canary',
      '[]',
      '{}',
      '{"action":"Close"}',
      '{"action":"Close","alert":{}}',
      '{"action":"Close","alert":{"alertId":"../canary"}}',
      '{"action":7,"alert":{"alertId":"00000000-0000-4000-8000-000000000001"}}',
      '{"action":"a","action":"b","alert":{"alertId":"00000000-0000-4000-8000-000000000001"}}',
      '['.repeat(50_000),
    ]) {
      assert.equal(await jsm.post({ headers, body }), 400, body.slice(0, 100));
    }
    assert.deepEqual(hooked.signals, []);
  });
});

test('a thousand copies are one signal, and one that could not be taken is told again', async () => {
  await withHook(async ({ jsm, hooked }) => {
    const message = jsm.message(jsm.openAlert(), 'Close');
    jsm.hooksTo(hooked.url);
    hooked.failures.push(new Error('not now'));
    assert.notEqual(await jsm.post(message), 200);
    const statuses = await Promise.all(Array.from({ length: 1_000 }, async () => jsm.post(message)));
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.equal(hooked.signals.length, 1);
  });
});
