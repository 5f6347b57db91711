/**
 * What holds up somebody who breaks glass again and again, at the service and through the API.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiRoutes } from '../../../src/broker/http/api.ts';
import { makeApp } from '../../../src/broker/http/app.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { problemSchema } from '../../../src/wire/problem.ts';
import { person } from '../../fakes/incidents/memory.ts';
import {
  ALICE,
  COMMANDER,
  emergencyBroker,
  type EmergencyBroker,
  endOf,
  glass,
  grantOf,
  LEAD,
  OLGA,
  OTTO,
  refusal,
} from './emergencies.ts';
import { ask } from './world.ts';

const HOUR = 3_600_000;
const MANY = { emergencies: { openReviews: 1_000 } };
const RATE = /asked for emergency access 3 times within 1h/;

async function broken(w: EmergencyBroker, incident = 'INC-1', who = ALICE): Promise<void> {
  assert.notEqual(grantOf(await w.broker.submit(who, glass(incident), null)), null);
}

function another(w: EmergencyBroker): string {
  return w.source.opens({ responders: [person('alice')], commanders: [person('cora')] }).id;
}

test('the fourth within the hour is refused, whatever became of the first three; an hour after the first it is not', async (t) => {
  const w = await emergencyBroker(t, MANY);
  const first = grantOf(await w.broker.submit(ALICE, glass(), null));
  await w.broker.revoke(ALICE, first, 'completed');
  w.advance(600_000);
  await broken(w);
  await broken(w);
  const { code, message } = await refusal(w.broker.submit(ALICE, glass(), null));
  assert.equal(code, 'ERR_DENIED');
  assert.match(message, RATE);
  assert.equal((await w.broker.plan(ALICE, glass())).decision, 'deny', 'a plan says so as well');
  assert.equal(
    (await w.broker.submit(ALICE, ask('s3:PutObject'), null)).request.state,
    'pending',
    'ordinary ones go on',
  );
  w.advance(HOUR - 600_000);
  await broken(w);
});

test('another account of the same person counts as them, and somebody else does not', async (t) => {
  const w = await emergencyBroker(t, { ...MANY, people: () => true });
  const named: Principal = { ...ALICE, personKey: 'alice@example.com' };
  await broken(w, 'INC-1', named);
  await broken(w, 'INC-1', { ...named, issuer: 'https://other.test', subject: '4711', personKey: 'ALICE@example.com' });
  await broken(w, 'INC-1', { ...ALICE, subject: 'Alice' });
  assert.match((await refusal(w.broker.submit(named, glass(), null))).message, RATE);
  await broken(w, 'INC-1', COMMANDER);
});

test('of fifty at once three are given', async (t) => {
  const w = await emergencyBroker(t, MANY);
  const all = await Promise.allSettled(Array.from({ length: 50 }, async () => w.broker.submit(ALICE, glass(), null)));
  assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 3);
  for (const each of all) if (each.status === 'rejected') assert.match(String(each.reason), RATE);
  assert.equal(w.cloud.calls.filter((call) => call.startsWith('issue')).length, 3);
});

test('of fifty at once that wait for people three wait', async (t) => {
  const w = await emergencyBroker(t, MANY);
  w.source.down();
  const all = await Promise.allSettled(Array.from({ length: 50 }, async () => w.broker.submit(ALICE, glass(), null)));
  assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 3);
});

test('the same key counts once, also where the limit is one and both come at once', async (t) => {
  const w = await emergencyBroker(t, { emergencies: { rate: { requests: 1, withinMs: HOUR } } });
  const key = { key: 'k', bodyHash: 'ab' };
  const [one, other] = await Promise.all([w.broker.submit(ALICE, glass(), key), w.broker.submit(ALICE, glass(), key)]);
  assert.equal(one.request.id, other.request.id);
});

test('one that waits long for its incident holds up nobody', async (t) => {
  const w = await emergencyBroker(t);
  const go = w.source.hold();
  const waiting = w.broker.submit(ALICE, glass(), null);
  const second = w.source.opens({ responders: [person('cora')] });
  // What is asked from now on is answered at once.
  w.source.look = async () => second;
  w.source.find = async () => second;
  await broken(w, second.id, COMMANDER);
  go();
  await waiting;
});

test('mistyped ones count more leniently', async (t) => {
  const w = await emergencyBroker(t, { emergencies: { rate: { requests: 1, withinMs: HOUR } } });
  const wrong = glass('INC-1', 's3:PutObject', { seconds: 3_601 });
  for (let count = 0; count < 9; count++) await refusal(w.broker.submit(ALICE, wrong, null));
  assert.equal((await w.broker.plan(ALICE, glass())).decision, 'permit');
  await refusal(w.broker.submit(ALICE, wrong, null));
  assert.match((await refusal(w.broker.submit(ALICE, glass(), null))).message, /10 times in vain within 1h/);
});

test('open reviews of other incidents hold somebody up, those of the same do not, and closing one helps', async (t) => {
  const w = await emergencyBroker(t, { emergencies: { rate: { requests: 100, withinMs: HOUR } } });
  const [second, third] = [another(w), another(w)];
  const first = await w.broker.submit(ALICE, glass(), null);
  await broken(w);
  await broken(w);
  const { message, hint } = await refusal(w.broker.submit(ALICE, glass(second), null));
  assert.match(message, /3 of your earlier emergency accesses are not reviewed yet/);
  assert.match(hint ?? '', new RegExp(`jit review ${first.request.id}`));
  await broken(w);
  await broken(w, third, COMMANDER);
  for (const { request } of (await w.broker.reviews(LEAD)).items.slice(0, 3)) {
    const { grant } = await w.broker.request(LEAD, request.id, null);
    assert.ok(grant !== null);
    await w.broker.revoke(LEAD, grant.id, 'revoked');
    await endOf(w, grant.id);
    await w.broker.closeReview(LEAD, request.id, { hash: request.hash, verdict: 'justified', comment: 'seen' });
  }
  await broken(w, second);
});

test('what an incident has become part of is the same incident', async (t) => {
  const w = await emergencyBroker(t);
  const second = another(w);
  await broken(w);
  await broken(w);
  w.source.merges(w.incident.id, second);
  w.world.incidents.doubt({ source: 'pager', id: w.incident.id });
  await broken(w, second);
});

test('two that nobody could look up are the same only where they are called the same', async (t) => {
  const w = await emergencyBroker(t, { emergencies: { openReviews: 1 } });
  w.source.down();
  const asked = await w.broker.submit(ALICE, glass('INC-1'), null);
  const { hash, policy } = asked.request;
  for (const who of [OLGA, OTTO]) await w.broker.approve(who, asked.request.id, { hash, policy, attended: true });
  await w.broker.issue(ALICE, asked.request.id);
  assert.match((await refusal(w.broker.submit(ALICE, glass('INC-2'), null))).message, /not reviewed yet/);
  assert.equal((await w.broker.submit(ALICE, glass('INC-1'), null)).request.state, 'pending');
});

test('commanders are not held up by reviews: those of the incident, and those of the configured groups', async (t) => {
  const emergencies = { rate: { requests: 100, withinMs: HOUR }, openReviews: 1, commanders: ['commanders'] };
  const w = await emergencyBroker(t, { emergencies });
  const [second, third] = [another(w), another(w)];
  for (const incident of ['INC-1', second, third]) {
    if (incident === 'INC-1') await broken(w, incident, COMMANDER);
    else {
      w.source.changes(incident, { responders: [person('cora'), person('alice')] });
      await broken(w, incident, COMMANDER);
    }
  }
  await broken(w, 'INC-1');
  assert.equal((await refusal(w.broker.submit(ALICE, glass(second), null))).code, 'ERR_DENIED');
  await broken(w, second, { ...ALICE, groups: ['commanders'] });
});

test('through the API: the fourth is a problem with status 403 that says why, and it is stored as denied', async (t) => {
  const w = await emergencyBroker(t, MANY);
  const app = makeApp({
    routes: apiRoutes(w.broker, async () => ({ operations: [], targets: [] })),
    version: '1',
    identify: async () => ({ kind: 'os user', principal: ALICE }),
    nonce: null,
    hosts: null,
    health: () => ({ status: 'ok', version: '1', sandbox: false }),
    ready: async () => true,
    metrics: async () => '',
    discovery: () => ({}),
    jwks: () => ({}),
    log: w.world.log,
    observe: () => undefined,
    touch: () => undefined,
  });
  const send = async (): Promise<Response> =>
    app.request('/v1/requests', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(glass()),
    });
  const answers = await Promise.all(Array.from({ length: 5 }, send));
  assert.deepEqual(
    answers.map(({ status }) => status).toSorted((a, b) => a - b),
    [201, 201, 201, 403, 403],
  );
  const refused = answers.find(({ status }) => status === 403);
  const problem = problemSchema.parse(await refused?.json());
  assert.equal(problem.code, 'ERR_DENIED');
  assert.match(JSON.stringify(problem), RATE);
  const states = (await w.broker.requests(ALICE, 10)).items.map(({ request }) => request.state);
  assert.deepEqual(states.filter((state) => state === 'denied').length, 2);
});
