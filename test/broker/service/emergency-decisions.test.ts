/**
 * Who is given emergency access, and who is not and why, by a real broker with its incidents in memory.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestHash } from '../../../src/core/request.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { drillId, makeDrills } from '../../../src/incidents/drill/source.ts';
import { fakeCloud, target } from '../../fakes/cloud.ts';
import { memorySource, person } from '../../fakes/incidents/memory.ts';
import {
  ALICE,
  EMERGENCY_POLICY,
  emergencyBroker,
  entriesOf,
  glass,
  grantOf,
  refusal,
  STRANGER,
} from './emergencies.ts';
import { ask, startBroker } from './world.ts';

test('a responder of an open incident has access at once, bound to it and told so in the audit log', async (t) => {
  const w = await emergencyBroker(t);
  const outcome = await w.broker.submit(ALICE, glass(), null);
  assert.equal(outcome.request.tier, 'break-glass');
  assert.deepEqual(outcome.request.incident, { source: 'pager', id: w.incident.id, reference: 'INC-1' });
  assert.equal(outcome.grant?.state, 'active');
  await w.broker.credentials(ALICE, grantOf(outcome));
  const [submitted] = await entriesOf(w, 'request.submitted');
  assert.deepEqual(Object(submitted?.['data']).incident, {
    source: 'pager',
    id: w.incident.id,
    reference: 'INC-1',
    responder: true,
    commander: false,
    onCallTier: 0,
  });
});

test('it may be named by its id, and with its source', async (t) => {
  const w = await emergencyBroker(t);
  for (const name of [w.incident.id, 'pager/INC-1', `pager/${w.incident.id}`]) {
    const { request } = await w.broker.submit(ALICE, glass(name), null);
    assert.deepEqual([request.incident?.id, request.incident?.reference], [w.incident.id, 'INC-1'], name);
  }
});

test('whoever is first on call has access without being a responder; the second tier has not', async (t) => {
  const w = await emergencyBroker(t);
  w.source.setOnCall(w.incident.id, 'sven', 'tina');
  assert.equal((await w.broker.submit(STRANGER, glass(), null)).grant?.state, 'active');
  const { code, message } = await refusal(w.broker.submit({ ...STRANGER, subject: 'tina' }, glass(), null));
  assert.equal(code, 'ERR_DENIED');
  assert.match(message, /neither responder nor first on call/);
});

const denials: readonly (readonly [
  name: string,
  prepare: (w: Awaited<ReturnType<typeof emergencyBroker>>) => Partial<{ who: Principal; name: string }>,
  code: string,
  says: RegExp,
])[] = [
  ['a closed incident', (w) => (w.source.closes(w.incident.id), {}), 'ERR_DENIED', /INC-1 is closed/],
  ['an unknown incident', () => ({ name: 'INC-99' }), 'ERR_DENIED', /no such incident at pager/],
  [
    'a severity that is too low',
    (w) => (w.source.changes(w.incident.id, { severity: 3 }), {}),
    'ERR_DENIED',
    /its severity 3 is too low/,
  ],
  [
    'a severity that nobody has given',
    (w) => (w.source.changes(w.incident.id, { severity: null }), {}),
    'ERR_DENIED',
    /no severity is known/,
  ],
  [
    'the incident of another service',
    (w) => (w.source.changes(w.incident.id, { services: ['billing'] }), {}),
    'ERR_DENIED',
    /it does not concern web/,
  ],
  ['somebody who has no part in it', () => ({ who: STRANGER }), 'ERR_DENIED', /neither responder nor first on call/],
  [
    'an agent of a responder',
    () => ({ who: { ...ALICE, kind: 'agent', subject: 'bot', actsFor: { ...ALICE, kind: 'user' } } }),
    'ERR_DENIED',
    /agent/,
  ],
  ['a pipeline by the name of a responder', () => ({ who: { ...ALICE, kind: 'workload' } }), 'ERR_DENIED', /denied/],
  [
    'an incident that has become part of a closed one',
    (w) => {
      const main = w.source.opens();
      w.source.closes(main.id);
      w.source.merges(w.incident.id, main.id);
      return {};
    },
    'ERR_DENIED',
    /INC-2 is closed/,
  ],
  ['what is no name', () => ({ name: 'INC 1' }), 'ERR_USAGE', /not the name of an incident/],
];

for (const [name, prepare, code, says] of denials) {
  test(`refused, with the reason, and nothing is issued: ${name}`, async (t) => {
    const w = await emergencyBroker(t);
    const { who = ALICE, name: incident = 'INC-1' } = prepare(w);
    const thrown = await refusal(w.broker.submit(who, glass(incident), null));
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.message, says);
    assert.deepEqual(w.cloud.calls, []);
    assert.equal((await w.store.emergencies({ kind: 'unreviewed', limit: 10 })).length, 0);
  });
}

test('a name that is nowhere is in the audit log all the same', async (t) => {
  const w = await emergencyBroker(t);
  await refusal(w.broker.submit(ALICE, glass('INC-99'), null));
  const [entry] = await entriesOf(w, 'emergency.refused');
  assert.deepEqual(Object(entry?.['data']).incident, 'INC-99');
});

test('whom to ask instead is said by whoever knows: the one who leads it and who is on call', async (t) => {
  const w = await emergencyBroker(t);
  w.source.setOnCall(w.incident.id, 'olga');
  const { hint } = await refusal(w.broker.submit(STRANGER, glass(), null));
  assert.match(hint ?? '', /who can help: cora, olga/);
});

test('an incident of the same name at two sources has to be named with its source', async (t) => {
  const other = memorySource('other', Date.now);
  other.opens({ responders: [person('alice')] });
  const w = await emergencyBroker(t, { sources: [other] });
  const { code, message, hint } = await refusal(w.broker.submit(ALICE, glass(), null));
  assert.equal(code, 'ERR_USAGE');
  assert.match(message, /pager, other/);
  assert.match(hint ?? '', /pager\/INC-1/);
  const { request } = await w.broker.submit(ALICE, glass('other/INC-1'), null);
  assert.equal(request.incident?.source, 'other');
});

test('a permit on BreakGlass gives no ordinary access, and one on Request gives none in an emergency', async (t) => {
  const permit = (action: string, more: string): string =>
    `@id("one") ${more} permit(principal is Jit::User, action == Jit::Action::"${action}", resource);`;
  const emergencies = await emergencyBroker(t, { policy: permit('BreakGlass', '@max("1h")') });
  assert.equal((await refusal(emergencies.broker.submit(ALICE, ask('s3:PutObject'), null))).code, 'ERR_DENIED');
  const requests = await emergencyBroker(t, { policy: permit('Request', '@tier("auto") @max("1h")') });
  assert.equal((await refusal(requests.broker.submit(ALICE, glass(), null))).code, 'ERR_DENIED');
});

test('the incident is part of what the hash stands for', async (t) => {
  const w = await emergencyBroker(t);
  w.source.opens({ responders: [person('alice')] });
  const { request } = await w.broker.submit(ALICE, glass('INC-1'), null);
  const stored = await w.store.request(request.id);
  assert.ok(stored?.request.incident);
  assert.equal(requestHash(stored.request), stored.hash);
  const { incident } = stored.request;
  const others = [null, { ...incident, id: 'pager-id-2' }, { ...incident, source: 'other' }, { ...incident, id: null }];
  for (const other of others) assert.notEqual(requestHash({ ...stored.request, incident: other }), stored.hash);
});

test('a plan says the same and stores nothing', async (t) => {
  const w = await emergencyBroker(t);
  assert.deepEqual(
    [(await w.broker.plan(ALICE, glass())).decision, (await w.broker.plan(ALICE, glass())).tier],
    ['permit', 'break-glass'],
  );
  assert.equal((await w.broker.plan(STRANGER, glass())).decision, 'deny');
  assert.deepEqual(await w.store.entries({ from: 0, limit: 10 }), []);
});

test('a drill reaches the sandbox, nothing that is real, is good for its own person alone, and is not reviewed', async (t) => {
  const drills = makeDrills({ now: Date.now, random: (bytes) => new Uint8Array(bytes).fill(7) });
  const box = { ...target('box', 'aws'), sandbox: true };
  const targets = new Map([
    ['main', target('main', 'aws')],
    ['box', box],
  ]);
  const w = await emergencyBroker(t, {
    sources: [drills.source],
    people: ({ id }, who) => id === drillId(who),
    offer: { config: '{}', targets, reader: fakeCloud(Date.now).provider },
    policy: EMERGENCY_POLICY.replaceAll('context.incident.services.contains("web") &&', ''),
  });
  const drill = drills.begin(ALICE);
  const real = await refusal(w.broker.submit(ALICE, glass(drill.id), null));
  assert.match(real.message, /a drill is for the sandbox alone/);
  const rehearsed = await w.broker.submit(
    ALICE,
    { ...glass(drill.id), ...ask('s3:PutObject', { target: 'box' }) },
    null,
  );
  assert.equal(rehearsed.grant?.state, 'active');
  assert.deepEqual((await w.broker.reviews(ALICE)).items, [], 'nothing to judge');
  const foreign = { ...glass(drill.id), ...ask('s3:PutObject', { target: 'box' }) };
  assert.equal((await refusal(w.broker.submit(STRANGER, foreign, null))).code, 'ERR_DENIED');
});

test('where nothing but drills is known, whoever names an incident is told who has to configure them', async (t) => {
  const drills = makeDrills({ now: Date.now, random: (bytes) => new Uint8Array(bytes).fill(7) });
  const w = await startBroker({ policy: EMERGENCY_POLICY, sources: [drills.source] });
  t.after(async () => w.stop());
  const { code, message, hint } = await refusal(w.broker.submit(ALICE, glass('INC-1'), null));
  assert.deepEqual([code, message], ['ERR_DENIED', 'denied: this broker knows no incidents']);
  assert.equal(hint, 'its operator configures them under incidents');
});
