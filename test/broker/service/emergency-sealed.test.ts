/**
 * Emergency access while the source of the incident gives no answer: by a real broker whose source is really down.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../../src/core/principal.ts';
import type { Outcome } from '../../../src/wire/views.ts';
import { memorySource } from '../../fakes/incidents/memory.ts';
import {
  ALICE,
  emergencyBroker,
  type EmergencyBroker,
  endOf,
  glass,
  grantOf,
  LEAD,
  OLGA,
  OTTO,
  refusal,
  STRANGER,
  until,
} from './emergencies.ts';
import { ask } from './world.ts';

async function vote(w: EmergencyBroker, who: Principal, { request }: Outcome, attended = true): Promise<Outcome> {
  const { hash, policy } = await w.broker.request(ALICE, request.id, null).then((seen) => seen.request);
  return w.broker.approve(who, request.id, { hash, policy, attended });
}

async function sealed(w: EmergencyBroker, incident = 'INC-1'): Promise<Outcome> {
  w.source.down();
  return w.broker.submit(ALICE, glass(incident), null);
}

test('it waits for people of the group, is given by enough of them, and is taken up then', async (t) => {
  const w = await emergencyBroker(t);
  const asked = await sealed(w);
  assert.equal(asked.request.state, 'pending');
  assert.deepEqual(asked.request.incident, { source: 'pager', id: null, reference: 'INC-1' });
  assert.deepEqual(asked.request.quorum, [{ group: 'on-call', approvers: 2, missing: 2 }]);
  assert.deepEqual(
    (await w.broker.inbox(OLGA, 10)).items.map(({ request }) => request.id),
    [asked.request.id],
  );
  assert.deepEqual((await vote(w, OLGA, asked)).request.state, 'pending');
  assert.equal((await refusal(w.broker.issue(ALICE, asked.request.id))).code, 'ERR_PENDING');
  assert.deepEqual((await vote(w, OTTO, asked)).request.state, 'approved');
  assert.deepEqual(w.cloud.calls, []);
  const given = await w.broker.issue(ALICE, asked.request.id);
  assert.equal(given.grant?.state, 'active');
  await w.broker.credentials(ALICE, grantOf(given));
  assert.equal((await w.store.emergency(asked.request.id))?.review?.closed, null);
});

test('it is shorter than what is verified, and there is none for what has no sealed path', async (t) => {
  const w = await emergencyBroker(t);
  w.source.down();
  const long = await refusal(w.broker.submit(ALICE, glass('INC-1', 's3:PutObject', { seconds: 601 }), null));
  assert.match(`${long.message} ${long.hint}`, /10m/);
  const none = await refusal(w.broker.submit(ALICE, glass('INC-1', 's3:RestoreObject'), null));
  assert.equal(none.code, 'ERR_DENIED');
  assert.match(none.message, /pager gives no answer about INC-1/);
});

test('nobody confirms their own, nobody does so by a script, and only those of the group see it', async (t) => {
  const w = await emergencyBroker(t);
  const self: Principal = { ...ALICE, groups: ['on-call'] };
  w.source.down();
  const asked = await w.broker.submit(self, glass(), null);
  await assert.rejects(vote(w, self, asked), { code: 'ERR_DENIED' });
  const twin = { ...OLGA, personKey: 'alice@example.com' };
  const named = await w.broker.submit({ ...self, personKey: 'alice@example.com' }, glass(), null);
  assert.equal((await refusal(vote(w, twin, named))).code, 'ERR_NOT_FOUND', 'another account of the same person');
  assert.equal((await refusal(vote(w, OLGA, asked, false))).code, 'ERR_DENIED');
  for (const who of [STRANGER, { ...OTTO, kind: 'agent' as const }]) {
    assert.equal((await refusal(vote(w, who, asked))).code, 'ERR_NOT_FOUND');
  }
  const seen = await w.broker.request(ALICE, asked.request.id, null);
  assert.deepEqual([seen.request.state, seen.request.votes.length], ['pending', 0]);
});

test('who would have approved an ordinary request sees it, and has no vote on it', async (t) => {
  const w = await emergencyBroker(t);
  const asked = await sealed(w);
  const seen = await w.broker.request(LEAD, asked.request.id, null);
  assert.deepEqual(seen.request.can, []);
  assert.equal((await refusal(vote(w, LEAD, asked))).code, 'ERR_DENIED');
});

test('a no of one of them is enough', async (t) => {
  const w = await emergencyBroker(t);
  const asked = await sealed(w);
  await vote(w, OLGA, asked);
  const { hash, policy } = asked.request;
  const denied = await w.broker.deny(OTTO, asked.request.id, { hash, policy, reason: 'I know nothing of that' });
  assert.equal(denied.request.state, 'denied');
  assert.equal((await refusal(w.broker.issue(ALICE, asked.request.id))).code, 'ERR_DENIED');
});

test('when the source is back, it is judged anew by the incident: whoever has a part in it waits for nobody', async (t) => {
  const w = await emergencyBroker(t);
  const asked = await sealed(w);
  w.source.up();
  await w.watch.lookAtAll();
  assert.equal((await w.store.emergency(asked.request.id))?.incident, w.incident.id);
  const now = await w.broker.request(ALICE, asked.request.id, null);
  assert.equal(now.request.state, 'approved');
  assert.equal((await w.broker.issue(ALICE, asked.request.id)).grant?.state, 'active');
});

test('when the source is back and says that it is closed, or that the requester has no part in it, it is denied', async (t) => {
  const w = await emergencyBroker(t);
  const mine = await sealed(w);
  const theirs = await w.broker.submit(STRANGER, glass(), null);
  await vote(w, OLGA, mine);
  await vote(w, OTTO, mine);
  w.source.up();
  await w.watch.lookAtAll();
  const { request } = await w.broker.request(STRANGER, theirs.request.id, null);
  assert.equal(request.state, 'denied');
  assert.match(request.why, /neither responder nor first on call/);
  w.source.closes(w.incident.id);
  await w.says(w.incident.id, 'closed');
  await until(async () => (await w.broker.request(ALICE, mine.request.id, null)).request.state === 'denied');
  assert.equal((await refusal(w.broker.issue(ALICE, mine.request.id))).code, 'ERR_DENIED');
  assert.deepEqual(w.cloud.calls, []);
});

test('what was closed while nobody could be asked is not taken up, although people have confirmed it', async (t) => {
  const w = await emergencyBroker(t);
  const asked = await sealed(w);
  await vote(w, OLGA, asked);
  await vote(w, OTTO, asked);
  w.source.closes(w.incident.id);
  w.source.up();
  const { code, message } = await refusal(w.broker.issue(ALICE, asked.request.id));
  assert.equal(code, 'ERR_DENIED');
  assert.match(message, /closed/);
});

test('what was given without its source ends as soon as that says that the incident is closed, or knows none', async (t) => {
  const w = await emergencyBroker(t);
  const given = async (name: string) => {
    const asked = await sealed(w, name);
    await vote(w, OLGA, asked);
    await vote(w, OTTO, asked);
    return grantOf(await w.broker.issue(ALICE, asked.request.id));
  };
  const [known, invented] = [await given('INC-1'), await given('INC-77')];
  w.source.closes(w.incident.id);
  w.source.up();
  await w.watch.lookAtAll();
  assert.equal(await endOf(w, known), 'incident-closed');
  assert.equal(await endOf(w, invented), 'incident-closed');
});

test('credentials go on while it lasts, by the same votes, and the source is asked no more than that', async (t) => {
  const w = await emergencyBroker(t);
  const asked = await sealed(w);
  await vote(w, OLGA, asked);
  await vote(w, OTTO, asked);
  const id = grantOf(await w.broker.issue(ALICE, asked.request.id));
  await w.broker.credentials(ALICE, id);
  await w.broker.credentials(ALICE, id);
  assert.equal(w.cloud.works(id), true);
});

test('with several sources down it has to be said of which the incident is', async (t) => {
  const other = memorySource('other', Date.now);
  other.down();
  const w = await emergencyBroker(t, { sources: [other] });
  w.source.down();
  const { code, hint } = await refusal(w.broker.submit(ALICE, glass('INC-1'), null));
  assert.equal(code, 'ERR_INCIDENT_SOURCE');
  assert.match(hint ?? '', /pager\/INC-1/);
  assert.equal((await w.broker.submit(ALICE, glass('pager/INC-1'), null)).request.state, 'pending');
});

test('ordinary requests are not held up by a source that is down', async (t) => {
  const w = await emergencyBroker(t);
  w.source.down();
  assert.equal((await w.broker.submit(ALICE, ask('s3:PutObject'), null)).request.state, 'pending');
});
