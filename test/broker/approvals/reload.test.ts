/**
 * A policy set that is loaded anew while somebody takes a request up, at every step that the broker takes meanwhile: what is
 * decided is decided by one set, never by the voters of one and the demand of another.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import type { RequestBody } from '../../../src/wire/bodies.ts';
import { atFirst } from './people.ts';
import { THINGS } from './rules.ts';
import { openTwins } from './twins.ts';

/** Both ask one lead; under the one every lead may vote, under the other only owners of data may. */
const LEADS = 2;
const OWNERS = 4;
const MOST_STEPS = 40;

const CHANGE: RequestBody = {
  authorization_details: [THINGS.change.ask],
  seconds: 600,
  reason: 'a race',
};

test('no grant comes of a vote that counts under neither set, whenever the sets change', async () => {
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    const twins = await openTwins();
    const { broker, approvals } = twins.brokers[0] ?? assert.fail();
    try {
      twins.around = { ...twins.around, rules: OWNERS };
      const { request } = await broker.submit(twins.principal('rita'), CHANGE, null);
      await broker.approve(twins.principal('cy'), request.id, {
        hash: request.hash,
        policy: twins.version(OWNERS),
        attended: true,
      });
      // The vote was cast under another set than this one, and whoever cast it is no owner any more.
      const groups = new Map(atFirst()).set('cy', new Set(['engineers', 'leads'] as const));
      twins.around = { ...twins.around, rules: LEADS, groups };
      await approvals.judgeAnew();
      const taken = broker.issue(twins.principal('rita'), request.id).then(
        () => 'issued',
        (thrown: unknown) => (thrown instanceof JitError ? thrown.code : assert.fail(String(thrown))),
      );
      for (let step = 0; step < steps; step++) await Promise.resolve();
      twins.around = { ...twins.around, rules: OWNERS };
      assert.equal(await taken, 'ERR_PENDING', `changed after ${steps} steps`);
      assert.deepEqual(twins.cloud.calls, []);
    } finally {
      await twins.close();
    }
  }
});
