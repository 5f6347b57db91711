/**
 * Two workers on one store, as two brokers would be: what is due is carried out by one of them, and a late word of the other is
 * about the past.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeIssuer } from '../../../src/broker/service/issue.ts';
import { startWorker } from '../../../src/broker/worker/worker.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { ALICE, ask, startBroker, type TestBroker } from '../service/world.ts';

const CLOUDS = { postgres: 'objects', kubernetes: 'objects' } as const;

async function granted(t: TestBroker): Promise<GrantId> {
  const [detail] = ask().authorization_details;
  assert(detail !== undefined);
  const places = ['main', ...Object.keys(CLOUDS)];
  const details = places.map((target) => ({ ...detail, target }));
  const { grant } = await t.broker.submit(ALICE, { ...ask(), authorization_details: details, seconds: 3_600 }, null);
  assert.equal(grant?.state, 'active');
  await t.broker.credentials(ALICE, grant.id);
  return grant.id;
}

test('each revocation is asked for once, whoever takes it, and all come to their end', async (t) => {
  const w = await startBroker({ clouds: CLOUDS });
  t.after(w.stop);
  const others = [1, 2].map(() => startWorker({ ...w.world, policy: w.world.policy }, makeIssuer(w.world)));
  t.after(async () => Promise.all(others.map(async (other) => other.stop())));
  const ids = await Promise.all(Array.from({ length: 60 }, async () => granted(w)));
  const ends = w.broker.revokeMine(ALICE);
  for (const other of others) other.wake(0);
  await ends;
  for (const other of others) other.wake(0);
  await eventually(async () => {
    const found = await Promise.all(ids.map(async (id) => await w.store.grant(id)));
    return found.every((one) => one?.grant.state.name === 'closed');
  });
  for (const [place, cloud] of [['main', w.cloud] as const, ...w.clouds]) {
    const asked = cloud.calls.filter((call) => call.startsWith('revoke'));
    assert.deepEqual(asked.toSorted(), ids.map((id) => `revoke ${place} ${id}`).toSorted());
    for (const id of ids) assert.equal(cloud.works(id), false);
  }
});

test('one that was asleep with a revocation in hand while another took it over undoes nothing', async (t) => {
  const w = await startBroker({ keeps: 'objects' });
  t.after(w.stop);
  const { grant } = await w.broker.submit(ALICE, ask(undefined, { seconds: 3_600 }), null);
  assert(grant !== null);
  await w.broker.credentials(ALICE, grant.id);
  const [asleep, woken] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let calls = 0;
  w.cloud.onCall = async (verb) => {
    if (verb !== 'revoke') return;
    calls += 1;
    if (calls > 1) return;
    asleep.resolve();
    await woken.promise;
  };
  await w.broker.revoke(ALICE, grant.id, 'revoked');
  await asleep.promise;
  const other = startWorker({ ...w.world, policy: w.world.policy }, makeIssuer(w.world));
  t.after(other.stop);
  // The claim of the first has run out.
  w.advance(61_000);
  other.wake(0);
  const closed = await eventually(async () => {
    const stored = await w.store.grant(grant.id);
    return stored?.grant.state.name === 'closed' ? stored : null;
  });
  woken.resolve();
  await eventually(() => w.worker.busy() === 0);
  const after = await w.store.grant(grant.id);
  assert.deepEqual(after?.grant, closed.grant);
  assert.equal(w.cloud.works(grant.id), false);
});
