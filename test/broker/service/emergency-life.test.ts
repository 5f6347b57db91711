/**
 * Emergency access lives as long as its incident, its holder's part in it where the rule says so, and its own time.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ALICE,
  emergencyBroker,
  type EmergencyBroker,
  endOf,
  entriesOf,
  glass,
  grantOf,
  reaches,
  refusal,
  until,
} from './emergencies.ts';
import { person } from '../../fakes/incidents/memory.ts';

const RESPONDERS = ['alice', 'cora'].map(person);

async function live(w: EmergencyBroker, operation = 's3:PutObject'): Promise<ReturnType<typeof grantOf>> {
  const id = grantOf(await w.broker.submit(ALICE, glass('INC-1', operation), null));
  await w.broker.credentials(ALICE, id);
  return id;
}

test('when its source says that it is closed, everything of the incident ends at once and is refused by the cloud', async (t) => {
  const w = await emergencyBroker(t);
  const ids = [await live(w), await live(w), await live(w)];
  const other = w.source.opens({ responders: RESPONDERS });
  const kept = grantOf(await w.broker.submit({ ...ALICE, subject: 'cora' }, glass(other.id), null));
  w.source.closes(w.incident.id);
  await w.says(w.incident.id, 'closed');
  for (const id of ids) assert.equal(await endOf(w, id), 'incident-closed');
  for (const id of ids) assert.equal(w.cloud.works(id), false);
  assert.equal((await w.store.grant(kept))?.grant.state.name, 'active');
  const [entry] = await entriesOf(w, 'grant.end');
  assert.deepEqual([Object(entry?.['actor']).kind, Object(entry?.['data']).incident], ['broker', 'INC-1']);
});

test('a call that says so of an incident that is open ends nothing', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w);
  await w.says(w.incident.id, 'closed');
  await until(() => w.source.asked.at(-1) === `look ${w.incident.id}`);
  await w.watch.stop();
  assert.equal((await w.store.grant(id))?.grant.state.name, 'active');
});

test('without any call it ends by the next look', async (t) => {
  const w = await emergencyBroker(t, { pollMs: 50 });
  const id = await live(w);
  w.source.closes(w.incident.id);
  w.advance(60);
  assert.equal(await endOf(w, id), 'incident-closed');
});

test('what became part of another incident goes on as long as that, and what was deleted is over', async (t) => {
  const w = await emergencyBroker(t);
  const main = w.source.opens({ responders: RESPONDERS });
  const merged = await live(w);
  const gone = grantOf(await w.broker.submit(ALICE, glass(w.source.opens({ responders: RESPONDERS }).id), null));
  w.source.merges(w.incident.id, main.id);
  w.source.forgets('pager-id-3');
  await w.watch.lookAtAll();
  assert.equal(await endOf(w, gone), 'incident-closed');
  assert.equal((await w.store.grant(merged))?.grant.state.name, 'active');
  await w.broker.credentials(ALICE, merged);
  w.source.closes(main.id);
  await w.says(main.id, 'closed');
  assert.equal(await endOf(w, merged), 'incident-closed');
});

test('an incident that was reopened gives nothing back: access has to be asked for anew', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w);
  w.source.closes(w.incident.id);
  await w.says(w.incident.id, 'closed');
  assert.equal(await endOf(w, id), 'incident-closed');
  w.source.reopens(w.incident.id);
  await w.says(w.incident.id, 'opened');
  assert.equal((await refusal(w.broker.credentials(ALICE, id))).code, 'ERR_GRANT_ENDED');
  assert.equal((await w.broker.submit(ALICE, glass(), null)).grant?.state, 'active');
});

test('where the rule warns, the holder keeps it for so long, and not if more was asked for meanwhile', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w, 's3:RestoreObject');
  w.source.closes(w.incident.id);
  await w.says(w.incident.id, 'closed');
  await until(async () => {
    const state = (await w.store.grant(id))?.grant.state;
    return state?.name === 'active' && state.cut !== null;
  });
  const state = (await w.store.grant(id))?.grant.state;
  assert.ok(state?.name === 'active');
  const left = state.expiresAt - w.world.now();
  assert.ok(left > 0 && left <= 120_000, `${left} ms are left`);
  await w.says(w.incident.id, 'closed');
  w.advance(120_001);
  assert.equal(await endOf(w, id), 'incident-closed');
  assert.equal(w.cloud.works(id), false);
});

test('during the warning it gives no new credentials and no renewal: asking for them ends it', async (t) => {
  const w = await emergencyBroker(t);
  const ids = [await live(w, 's3:RestoreObject'), await live(w, 's3:RestoreObject')] as const;
  w.source.closes(w.incident.id);
  await w.says(w.incident.id, 'closed');
  await until(async () => (await entriesOf(w, 'grant.cut')).length === 2);
  assert.equal((await refusal(w.broker.credentials(ALICE, ids[0]))).code, 'ERR_DENIED');
  assert.equal((await refusal(w.broker.renew(ALICE, ids[1], { seconds: 900 }, null))).code, 'ERR_DENIED');
  for (const id of ids) assert.equal(await endOf(w, id), 'incident-closed');
});

test('who hands over the duty loses it where the rule says so, and keeps it where it does not', async (t) => {
  const w = await emergencyBroker(t);
  w.source.setOnCall(w.incident.id, 'alice');
  const duty = await live(w, 's3:DeleteObject');
  const responder = await live(w);
  w.source.setOnCall(w.incident.id, 'olga', 'alice');
  await w.says(w.incident.id, 'changed');
  assert.equal(await endOf(w, duty), 'revoked');
  const [entry] = await entriesOf(w, 'grant.end');
  assert.match(Object(entry?.['data']).why, /your part in INC-1 is over/);
  await w.broker.credentials(ALICE, responder);
  w.source.changes(w.incident.id, { responders: [] });
  await w.says(w.incident.id, 'changed');
  await w.broker.credentials(ALICE, responder);
  assert.equal((await w.store.grant(responder))?.grant.state.name, 'active', 'no hand-over ends what a rule lets stay');
});

test('it is renewed only while the incident is open, and only as often as its own rule says', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w);
  const first = await w.broker.renew(ALICE, id, { seconds: 1_200 }, null);
  assert.equal(first.grant?.renewals, 1);
  await w.broker.renew(ALICE, id, { seconds: 1_800 }, null);
  const third = await refusal(w.broker.renew(ALICE, id, { seconds: 2_400 }, null));
  assert.match(third.message, /allows 2 times/);
  assert.equal((await w.store.grant(id))?.grant.state.name, 'active');
  const other = await live(w);
  w.source.closes(w.incident.id);
  w.world.incidents.doubt({ source: 'pager', id: w.incident.id });
  const { code, message } = await refusal(w.broker.renew(ALICE, other, { seconds: 1_200 }, null));
  assert.equal(code, 'ERR_DENIED');
  assert.match(message, /INC-1 is closed/);
  assert.equal(await endOf(w, other), 'incident-closed');
});

test('credentials are issued anew only while it is open', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w);
  w.source.closes(w.incident.id);
  // Longer than a moment, in which one look counts for several questions.
  w.advance(6_000);
  assert.match((await refusal(w.broker.credentials(ALICE, id))).message, /INC-1 is closed/);
  assert.equal(await endOf(w, id), 'incident-closed');
});

test('while its source is silent, the last answer counts for a while; after that nothing more is issued, and what is out goes on', async (t) => {
  const w = await emergencyBroker(t, { emergencies: { staleMs: 60_000 } });
  const id = await live(w);
  w.source.down();
  w.advance(59_000);
  await w.broker.credentials(ALICE, id);
  w.advance(2_000);
  const before = w.cloud.calls.length;
  assert.equal((await refusal(w.broker.credentials(ALICE, id))).code, 'ERR_INCIDENT_SOURCE');
  assert.equal((await refusal(w.broker.renew(ALICE, id, { seconds: 900 }, null))).code, 'ERR_INCIDENT_SOURCE');
  assert.equal(w.cloud.calls.length, before);
  await w.watch.lookAtAll();
  assert.equal((await w.store.grant(id))?.grant.state.name, 'active');
  assert.equal(w.cloud.works(id), true);
  w.source.up();
  await w.broker.credentials(ALICE, id);
});

test('nothing comes out of what is being issued when the incident closes, and the grant ends', async (t) => {
  const w = await emergencyBroker(t);
  const { promise: answer, resolve: go } = Promise.withResolvers<void>();
  let reached = false;
  w.cloud.onCall = async (verb) => {
    if (verb !== 'issue') return;
    reached = true;
    await answer;
  };
  const asking = w.broker.submit(ALICE, glass(), null);
  await until(() => reached);
  w.source.closes(w.incident.id);
  await w.says(w.incident.id, 'closed');
  await until(async () => (await entriesOf(w, 'grant.end')).length === 1);
  go();
  const id = grantOf(await asking);
  assert.equal(await endOf(w, id), 'incident-closed');
  assert.equal((await refusal(w.broker.credentials(ALICE, id))).code, 'ERR_GRANT_ENDED');
  assert.equal(w.cloud.works(id), false, 'what the cloud had made was taken back');
});

test('nothing comes out of what was decided a moment before the close and stored a moment after it', async (t) => {
  const w = await emergencyBroker(t);
  const { commit } = w.store;
  let closing: Promise<void> | null = null;
  w.store.commit = async (change) => {
    if (change.emergency?.version === 0 && closing === null) {
      w.source.closes(w.incident.id);
      closing = w.says(w.incident.id, 'closed');
      await closing;
    }
    return commit(change);
  };
  const id = grantOf(await w.broker.submit(ALICE, glass(), null));
  await refusal(w.broker.credentials(ALICE, id));
  assert.equal(await endOf(w, id), 'incident-closed');
  assert.equal(w.cloud.works(id), false);
});

test('a close while a credential is on its way lets it not out', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w);
  const { promise: answer, resolve: go } = Promise.withResolvers<void>();
  let reached = false;
  w.cloud.onCall = async (verb) => {
    if (verb !== 'issue') return;
    reached = true;
    await answer;
  };
  const asking = refusal(w.broker.credentials(ALICE, id));
  await until(() => reached);
  w.source.closes(w.incident.id);
  await w.says(w.incident.id, 'closed');
  await reaches(w, id, 'closed');
  go();
  assert.equal((await asking).code, 'ERR_GRANT_ENDED');
  await until(() => !w.cloud.works(id));
});
