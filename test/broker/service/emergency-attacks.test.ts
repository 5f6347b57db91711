/**
 * Emergency access against whoever wants to keep it: ends that race with what gives access, sources that fall silent at the right
 * moment, and limits that somebody tries to get round. A real broker, its store and the real watch; the source is in memory.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startIncidentWatch } from '../../../src/broker/incidents/watch.ts';
import type { Ends } from '../../../src/broker/service/emergency/end.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { RequestBody } from '../../../src/wire/bodies.ts';
import type { Outcome } from '../../../src/wire/views.ts';
import {
  ALICE,
  COMMANDER,
  emergencyBroker,
  type EmergencyBroker,
  endOf,
  entriesOf,
  glass,
  grantOf,
  OLGA,
  OTTO,
  refusal,
  until,
} from './emergencies.ts';

async function confirmed(w: EmergencyBroker, who: Principal = ALICE): Promise<Outcome> {
  const asked = await w.broker.submit(who, glass(), null);
  const { hash, policy } = asked.request;
  for (const voter of [OLGA, OTTO]) {
    await w.broker.approve(voter, asked.request.id, { hash, policy, attended: true });
  }
  return w.broker.request(who, asked.request.id, null);
}

test('what people confirmed because nobody could be asked is not put off while still nobody can', async (t) => {
  const w = await emergencyBroker(t);
  w.source.down();
  const { request } = await confirmed(w);
  const id = grantOf(await w.broker.issue(ALICE, request.id));
  await w.broker.credentials(ALICE, id);
  w.advance(300_000);
  const { code, message } = await refusal(w.broker.renew(ALICE, id, { seconds: 600 }, null));
  assert.equal(code, 'ERR_DENIED');
  assert.match(message, /no renewal/);
  assert.equal((await w.store.grant(id))?.grant.state.name, 'active');
  w.source.up();
  await w.watch.lookAtAll();
  assert.equal(
    (await w.broker.renew(ALICE, id, { seconds: 600 }, null)).grant?.renewals,
    1,
    'once it is known to be open',
  );
});

test('between a signed end and its confirmation nothing more leaves on what the source said before it', async (t) => {
  const w = await emergencyBroker(t);
  const id = grantOf(await w.broker.submit(ALICE, glass(), null));
  await w.broker.credentials(ALICE, id);
  w.source.closes(w.incident.id);
  w.source.down();
  await w.says(w.incident.id, 'closed');
  const before = w.cloud.calls.length;
  assert.equal((await refusal(w.broker.credentials(ALICE, id))).code, 'ERR_INCIDENT_SOURCE');
  assert.equal((await refusal(w.broker.renew(ALICE, id, { seconds: 900 }, null))).code, 'ERR_INCIDENT_SOURCE');
  assert.equal(w.cloud.calls.length, before);
  w.source.up();
  w.source.reopens(w.incident.id);
  await w.watch.lookAtAll();
  await w.broker.credentials(ALICE, id);
});

test('a signed end that was taken for true lets nothing be taken up that people confirmed before', async (t) => {
  const w = await emergencyBroker(t);
  w.source.down();
  const { request } = await confirmed(w);
  w.source.up();
  await w.watch.lookAtAll();
  assert.equal((await w.store.emergency(request.id))?.incident, w.incident.id);
  w.source.closes(w.incident.id);
  w.source.down();
  await w.says(w.incident.id, 'closed');
  w.advance(15_001);
  await until(async () => (await w.broker.request(ALICE, request.id, null)).request.state === 'denied');
  assert.equal((await refusal(w.broker.issue(ALICE, request.id))).code, 'ERR_DENIED');
  assert.deepEqual(w.cloud.calls, []);
});

test('what is stored a moment after the close was dealt with is not even asked of the cloud, and ends', async (t) => {
  const w = await emergencyBroker(t);
  const { commit } = w.store;
  let raced = false;
  w.store.commit = async (change) => {
    if (change.emergency?.version === 0 && !raced) {
      raced = true;
      w.source.closes(w.incident.id);
      await w.says(w.incident.id, 'closed');
      await w.watch.lookAtAll();
    }
    return commit(change);
  };
  const { grant } = await w.broker.submit(ALICE, glass(), null);
  assert.ok(grant !== null);
  assert.equal(await endOf(w, grant.id), 'incident-closed');
  assert.equal(w.cloud.calls.filter((call) => JSON.stringify(call).includes('issue')).length, 0);
});

test('what is taken up while the end of its incident is dealt with ends too, without waiting for the next look', async (t) => {
  const w = await emergencyBroker(t);
  w.source.down();
  const { request } = await confirmed(w);
  w.source.up();
  await w.watch.lookAtAll();
  const { commit, emergencies } = w.store;
  const { promise: mayStore, resolve: store } = Promise.withResolvers<void>();
  let reached = false;
  w.store.commit = async (change) => {
    if (change.grant !== undefined && !reached) {
      reached = true;
      await mayStore;
    }
    return commit(change);
  };
  const taking = w.approvals.takeUp(ALICE, request.id);
  await until(() => reached);
  w.source.closes(w.incident.id);
  let reads = 0;
  w.store.emergencies = async (filter) => {
    const found = await emergencies(filter);
    reads += 1;
    // The first is what depends on the incident at all, the second what its end is for: neither knows of the grant.
    if (reads === 2) {
      store();
      await taking;
    }
    return found;
  };
  await w.says(w.incident.id, 'closed');
  const { grant } = await taking;
  assert.ok(grant !== null);
  assert.equal(await endOf(w, grant.grant.id), 'incident-closed');
});

test('an end whose writing failed for a moment comes without the next poll, also one that nobody could confirm', async (t) => {
  const w = await emergencyBroker(t);
  const ids = [
    grantOf(await w.broker.submit(ALICE, glass(), null)),
    grantOf(await w.broker.submit(ALICE, glass(), null)),
  ] as const;
  const { commit } = w.store;
  let failures = 0;
  const fail = (): void => {
    failures = 0;
    w.store.commit = async (change) => {
      if (change.purpose !== 'end' || failures > 0) return commit(change);
      failures += 1;
      w.store.commit = commit;
      throw new Error('the disk is full');
    };
  };
  w.source.down();
  await w.says(w.incident.id, 'closed');
  fail();
  w.advance(15_001);
  for (const id of ids) assert.equal(await endOf(w, id), 'incident-closed');
  assert.equal(failures, 1);
  w.source.up();
  w.source.reopens(w.incident.id);
  await w.watch.lookAtAll();
  const third = grantOf(await w.broker.submit(ALICE, glass(), null));
  fail();
  w.source.closes(w.incident.id);
  await w.says(w.incident.id, 'closed');
  assert.equal(await endOf(w, third), 'incident-closed');
  assert.equal(failures, 1);
});

test('what is heard at the very end of a look is looked at as well', async (t) => {
  const w = await emergencyBroker(t);
  await w.broker.submit(ALICE, glass(), null);
  await w.watch.stop();
  const list = await w.store.emergencies({ kind: 'watched' });
  for (let steps = 0; steps < 20; steps++) {
    w.source.reopens(w.incident.id);
    // What was seen in the same millisecond would count.
    w.world.incidents.doubt(w.incident);
    const settled: string[] = [];
    const settle: Ends['settle'] = async (_, { kind }) => {
      settled.push(kind);
      if (settled.length > 1) return;
      w.source.closes(w.incident.id);
      void later(steps).then(async () => watch.heard('pager', [{ event: 'e', id: w.incident.id, says: 'changed' }]));
    };
    const { incidents, now, log } = w.world;
    const store = { emergencies: async () => list };
    const watch = startIncidentWatch({ store, incidents, ends: { settle }, pollMs: 3_600_000, now, log });
    t.after(async () => watch.stop());
    await until(() => settled.length > 1);
    assert.deepEqual(settled.slice(0, 2), ['open', 'closed'], `${steps} steps after the look`);
    await watch.stop();
  }
});

async function later(steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await Promise.resolve();
}

test('access whose source is not configured any more ends: nobody could ever say that its incident is over', async (t) => {
  const w = await emergencyBroker(t);
  const id = grantOf(await w.broker.submit(ALICE, glass(), null));
  Object.defineProperty(w.world.incidents, 'sources', { value: [] });
  await w.watch.lookAtAll();
  assert.equal(await endOf(w, id), 'incident-closed');
  const [entry] = await entriesOf(w, 'grant.end');
  assert.equal(Object(entry?.['data']).why, 'gone');
});

const ROBOT: Principal = { ...ALICE, kind: 'workload', issuer: 'https://ci.example', subject: 'job' };

/** As much as a list of the store holds, by somebody who may have nothing. */
async function flood(w: EmergencyBroker, body: RequestBody): Promise<void> {
  for (let time = 0; time < 1_000; time++) {
    if (time % 50 === 0) w.advance(60_001);
    assert.equal((await refusal(w.broker.submit(ROBOT, body, null))).code, 'ERR_DENIED');
  }
}

test('what somebody else asks in vain a thousand times pushes nobody out of the count', async (t) => {
  const w = await emergencyBroker(t);
  for (let time = 0; time < 3; time++) await w.broker.submit(ALICE, glass(), null);
  assert.match((await refusal(w.broker.submit(ALICE, glass(), null))).message, /3 times/);
  await flood(w, glass());
  assert.match((await refusal(w.broker.submit(ALICE, glass(), null))).message, /3 times/);
});

test('it hides no live grant from whoever ends everything of the incident', async (t) => {
  const w = await emergencyBroker(t);
  const id = grantOf(await w.broker.submit(ALICE, glass('INC-1', 's3:PutObject', { seconds: 3_600 }), null));
  await w.broker.credentials(ALICE, id);
  await flood(w, glass());
  assert.equal((await w.store.grant(id))?.grant.state.name, 'active');
  const { items } = await w.broker.revokeIncident(COMMANDER, 'INC-1');
  assert.deepEqual(
    items.map(({ grant }) => grant?.id),
    [id],
  );
  assert.equal(await endOf(w, id), 'revoked');
});
