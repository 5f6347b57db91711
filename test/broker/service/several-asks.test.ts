/**
 * One request with several asks, or with an operation that is for several targets: one decision, and one grant or none.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestBody } from '../../../src/wire/bodies.ts';
import { target } from '../../fakes/cloud.ts';
import { BUCKET, start, cloudAt, details, body, submitted, granted, viewOf, closed, code } from './several.ts';
import { ALICE, type startBroker } from './world.ts';

test('several asks are one request: the hardest decides, one denial denies all, and what is for one target is one order', async (t) => {
  const w = await start(t);
  const mixed = [...details(['main']), ...details(['postgres'], 's3:PutObject')];
  const { request, grant } = await w.broker.submit(ALICE, body({ authorization_details: mixed }), null);
  assert.deepEqual([request.tier, request.state, grant], ['manual', 'pending', null]);
  const denied = [...details(['main']), ...details(['postgres'], 's3:DeleteObject')];
  await assert.rejects(w.broker.submit(ALICE, body({ authorization_details: denied }), null), code('ERR_DENIED'));
  assert.deepEqual([...w.cloud.calls, ...cloudAt(w, 'postgres').calls], []);
  const twice = [...details(['main', 'postgres']), ...details(['main'], 's3:GetObjectTagging')];
  const id = await granted(w, body({ authorization_details: twice }));
  assert.deepEqual(
    (await viewOf(w, id)).legs.map(({ target: place }) => place),
    ['main', 'postgres'],
  );
  assert.equal(w.cloud.works(id, { operation: 's3:GetObjectTagging' }), true);
  assert.equal(cloudAt(w, 'postgres').works(id, { operation: 's3:GetObjectTagging' }), false);
  const plan = await w.broker.plan(ALICE, body({ authorization_details: twice }));
  assert.deepEqual(
    plan.targets.map((one) => one.target),
    ['main', 'postgres'],
  );
});

test('an ask that no target can mean refuses the whole request, and no cloud is called', async (t) => {
  const w = await start(t);
  const nowhere = [...details(['main']), ...details(['nowhere'])];
  await assert.rejects(w.broker.submit(ALICE, body({ authorization_details: nowhere }), null), code('ERR_TARGET'));
  const wrong = [...details(['main']), ...details(['postgres'], 's3:*')];
  await assert.rejects(w.broker.submit(ALICE, body({ authorization_details: wrong }), null), code('ERR_OPERATION'));
  assert.deepEqual((await w.broker.requests(ALICE, 10)).items, []);
  assert.deepEqual([...w.cloud.calls, ...cloudAt(w, 'postgres').calls], []);
});

test('whom one of the clouds does not know is told before anybody is asked to approve, and nothing is stored', async (t) => {
  const w = await start(t);
  cloudAt(w, 'postgres').strangers.add(ALICE.subject);
  const manual = [...details(['main'], 's3:PutObject'), ...details(['postgres'])];
  const refused = code('ERR_TARGET');
  await assert.rejects(w.broker.submit(ALICE, body({ authorization_details: manual }), null), refused);
  await assert.rejects(w.broker.plan(ALICE, body({ authorization_details: manual })), refused);
  assert.deepEqual((await w.broker.requests(ALICE, 10)).items, []);
  const denied = [...details(['main'], 's3:DeleteObject'), ...details(['postgres'])];
  await assert.rejects(w.broker.submit(ALICE, body({ authorization_details: denied }), null), code('ERR_DENIED'));
});

test('an operation of the catalogue with several targets is granted at all of them, or at none', async (t) => {
  const places = ['east', 'west'];
  const config = `
operations:
  look:
    description: Reads
    actions: ['s3:GetObject']
    resources: ['${BUCKET}']
    targets: [east, west]
    risk: low
`;
  const w = await start(t, {
    clouds: {},
    policy: '@id("all") @tier("auto") @max("1h") permit(principal, action == Jit::Action::"Request", resource);',
    offer: {
      config,
      targets: new Map(places.map((name) => [name, target(name, 'aws')])),
      reader: {
        assess: async (_, permission) => ({ permission, assessment: { access: 'read', breadth: 'exact' } }),
        plan: plans,
      },
    },
  });
  const looking = (place?: string): RequestBody =>
    body({
      authorization_details: [
        { type: 'jit_access', operation: 'look', resources: [], ...(place === undefined ? {} : { target: place }) },
      ],
    });
  const all = await granted(w, looking());
  assert.deepEqual(
    (await viewOf(w, all)).legs.map((leg) => leg.target),
    places,
  );
  const one = await granted(w, looking('west'));
  assert.deepEqual(
    (await viewOf(w, one)).legs.map((leg) => leg.target),
    ['west'],
  );
  w.cloud.at.set('west', { issue: 'refuses' });
  const none = await submitted(w, looking());
  await closed(w, none.id);
  assert.deepEqual([w.cloud.works(none.id), w.cloud.works(all)], [false, true]);
});

const plans: NonNullable<NonNullable<Parameters<typeof startBroker>[0]>['offer']>['reader']['plan'] = async ({
  name,
}) => ({
  target: name,
  permission: '{}',
  words: ['reads'],
  assessment: { access: 'read', breadth: 'exact' },
  floorSeconds: 900,
  residualSeconds: 0,
  revocation: { kind: 'immediate' },
});
