/**
 * Calls, polls and starts: access of an incident ends by any of them. A real broker, its store and the real watch; the source is
 * in memory, and its calls are what is left of them once their signatures have been checked.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startIncidentWatch } from '../../../src/broker/incidents/watch.ts';
import { makeEnds } from '../../../src/broker/service/emergency/end.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import { person } from '../../fakes/incidents/memory.ts';
import {
  ALICE,
  emergencyBroker,
  type EmergencyBroker,
  endOf,
  entriesOf,
  glass,
  grantOf,
  OLGA,
  OTTO,
  until,
} from '../service/emergencies.ts';
import { startBroker } from '../service/world.ts';

const MANY = { emergencies: { rate: { requests: 1_000, withinMs: 3_600_000 }, openReviews: 1_000 } };

async function live(w: EmergencyBroker, incident = 'INC-1'): Promise<GrantId> {
  return grantOf(await w.broker.submit(ALICE, glass(incident), null));
}

async function stateOf(w: EmergencyBroker, id: GrantId): Promise<string | undefined> {
  return (await w.store.grant(id))?.grant.state.name;
}

test('a thousand calls at once about one incident are a few questions to its source, and each grant ends once', async (t) => {
  const w = await emergencyBroker(t, MANY);
  const ids = [await live(w), await live(w), await live(w)];
  w.source.closes(w.incident.id);
  const asked = w.source.asked.length;
  await Promise.all(
    Array.from({ length: 1_000 }, async (_, at) =>
      w.watch.heard('pager', [{ event: `e${at}`, id: w.incident.id, says: at % 3 === 0 ? 'changed' : 'closed' }]),
    ),
  );
  for (const id of ids) assert.equal(await endOf(w, id), 'incident-closed');
  const questions = w.source.asked.length - asked;
  assert.ok(questions <= 5, `${questions} questions`);
  assert.equal((await entriesOf(w, 'grant.end')).length, 3);
});

test('calls about incidents on which nothing depends ask nobody anything', async (t) => {
  const w = await emergencyBroker(t);
  await live(w);
  const before = w.source.asked.length;
  await Promise.all(Array.from({ length: 100 }, async (_, at) => w.says(`another-${at}`, 'closed')));
  assert.equal(w.source.asked.length, before);
});

test('out of order, twice, or from another source: what counts is how the incident stands', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w);
  await w.says(w.incident.id, 'closed');
  await w.says(w.incident.id, 'opened');
  await w.watch.heard('other', [{ event: 'e', id: w.incident.id, says: 'closed' }]);
  await w.watch.lookAtAll();
  assert.equal(await stateOf(w, id), 'active');
  w.source.closes(w.incident.id);
  await w.says(w.incident.id, 'opened');
  assert.equal(await endOf(w, id), 'incident-closed');
  await w.says(w.incident.id, 'closed');
  await w.says(w.incident.id, 'closed');
  assert.equal((await entriesOf(w, 'grant.end')).length, 1);
});

test('closed and reopened before anybody looked: it goes on', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w);
  w.source.closes(w.incident.id);
  w.source.reopens(w.incident.id);
  await w.says(w.incident.id, 'closed');
  await w.watch.lookAtAll();
  assert.equal(await stateOf(w, id), 'active');
});

test('a signed end that nobody can confirm counts after 15 s, and not before', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w);
  w.source.down();
  await w.watch.heard('pager', [
    { event: 'e1', id: w.incident.id, says: 'closed' },
    { event: 'e2', id: w.incident.id, says: 'changed' },
  ]);
  await w.watch.lookAtAll();
  w.advance(14_000);
  await w.watch.lookAtAll();
  assert.equal(await stateOf(w, id), 'active');
  w.advance(1_001);
  assert.equal(await endOf(w, id), 'incident-closed');
  const [entry] = await entriesOf(w, 'grant.end');
  assert.equal(Object(entry?.['data']).why, 'said to be closed');
});

test('a signed end that is found to be none in time ends nothing, also when the source is silent again later', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w);
  w.source.down();
  await w.says(w.incident.id, 'closed');
  await w.watch.lookAtAll();
  w.source.up();
  w.advance(10_000);
  await w.watch.lookAtAll();
  w.source.down();
  w.advance(60_000);
  await w.watch.lookAtAll();
  assert.equal(await stateOf(w, id), 'active');
});

test('a source that is silent, and has said nothing, ends nothing however long it is', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w);
  w.source.down();
  await w.says(w.incident.id, 'changed');
  w.advance(300_000);
  await w.watch.lookAtAll();
  assert.equal(await stateOf(w, id), 'active');
});

test('with all calls lost, each incident in use is looked at in each interval, once whatever depends on it', async (t) => {
  const w = await emergencyBroker(t, { ...MANY, pollMs: 30_000 });
  const second = w.source.opens({ responders: [person('alice')] });
  const ids = [await live(w), await live(w), await live(w, second.id)] as const;
  const before = w.source.asked.length;
  w.advance(30_001);
  await until(() => w.source.asked.length >= before + 2);
  assert.deepEqual(new Set(w.source.asked.slice(before)), new Set([`look ${w.incident.id}`, `look ${second.id}`]));
  w.source.closes(w.incident.id);
  w.advance(30_001);
  assert.equal(await endOf(w, ids[0]), 'incident-closed');
  assert.equal(await endOf(w, ids[1]), 'incident-closed');
  assert.equal(await stateOf(w, ids[2]), 'active');
});

test('what is over is looked at no more', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w);
  await w.broker.revoke(ALICE, id, 'completed');
  await endOf(w, id);
  await w.watch.lookAtAll();
  const before = w.source.asked.length;
  await w.watch.lookAtAll();
  assert.equal(w.source.asked.length, before);
  assert.deepEqual(await w.store.emergencies({ kind: 'watched' }), []);
});

test('at the start everything is looked at: what was closed while no broker was there ends', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'jit-watch-'));
  t.after(async () => rm(folder, { recursive: true }));
  const file = join(folder, 'broker.db');
  const w = await emergencyBroker(t, { file }, startBroker);
  const second = w.source.opens({ responders: [person('alice')] });
  const ids = [await live(w), await live(w, second.id)] as const;
  await w.watch.stop();
  await w.stop();
  w.source.closes(w.incident.id);
  const next = await startBroker({ file, sources: [w.source], after: w });
  const { world, store, approvals, worker } = next;
  const ends = makeEnds(world, approvals, worker.wake);
  const watch = startIncidentWatch({
    store,
    incidents: world.incidents,
    ends,
    pollMs: 3_600_000,
    now: world.now,
    log: world.log,
  });
  t.after(async () => {
    await watch.stop();
    await next.stop();
  });
  assert.equal(await endOf(next, ids[0]), 'incident-closed');
  assert.equal((await store.grant(ids[1]))?.grant.state.name, 'active');
});

test('one that nobody could look up is found later by its name, by any call of its source, as what it has become', async (t) => {
  const w = await emergencyBroker(t);
  const main = w.source.opens({ responders: [person('alice')] });
  w.source.down();
  const { request } = await w.broker.submit(ALICE, glass(), null);
  const { hash, policy } = request;
  for (const who of [OLGA, OTTO]) await w.broker.approve(who, request.id, { hash, policy, attended: true });
  const id = grantOf(await w.broker.issue(ALICE, request.id));
  await w.says('another', 'changed');
  await w.watch.lookAtAll();
  assert.equal((await w.store.emergency(request.id))?.incident, null);
  w.source.merges(w.incident.id, main.id);
  w.source.up();
  await w.says('another', 'changed');
  await until(async () => (await w.store.emergency(request.id))?.incident === main.id);
  assert.equal(await stateOf(w, id), 'active');
  w.source.closes(main.id);
  await w.says(main.id, 'closed');
  assert.equal(await endOf(w, id), 'incident-closed');
});

test('a store that fails for a moment loses no end: it comes with the next look', async (t) => {
  const w = await emergencyBroker(t, { pollMs: 30_000 });
  const id = await live(w);
  const { commit } = w.store;
  let failures = 0;
  w.store.commit = async () => {
    failures += 1;
    throw new Error('the disk is full');
  };
  w.source.closes(w.incident.id);
  await w.says(w.incident.id, 'closed');
  await until(() => failures > 0);
  w.store.commit = commit;
  w.advance(30_001);
  assert.equal(await endOf(w, id), 'incident-closed');
});
