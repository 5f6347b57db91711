/**
 * Ending what was given in an emergency: who may, one by one and all of an incident, and who sees it at all.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../../src/core/principal.ts';
import { memorySource, person } from '../../fakes/incidents/memory.ts';
import {
  ALICE,
  COMMANDER,
  emergencyBroker,
  type EmergencyBroker,
  endOf,
  entriesOf,
  glass,
  grantOf,
  LEAD,
  OLGA,
  OPERATOR,
  OTTO,
  refusal,
  STRANGER,
  until,
} from './emergencies.ts';
import { ask } from './world.ts';

const MAY: readonly (readonly [string, Principal])[] = [
  ['its holder', ALICE],
  ['whoever would have approved it', LEAD],
  ['whoever may revoke at its targets', OPERATOR],
  ['whoever leads the incident', COMMANDER],
];
const MAY_NOT: readonly (readonly [string, Principal])[] = [
  ['a stranger', STRANGER],
  ['somebody who is on call in general', OLGA],
  ['an agent of a lead', { ...LEAD, kind: 'agent', subject: 'bot', actsFor: { ...LEAD, kind: 'user' } }],
];

const live = async (w: EmergencyBroker, who = ALICE, incident = 'INC-1'): Promise<ReturnType<typeof grantOf>> => {
  const id = grantOf(await w.broker.submit(who, glass(incident), null));
  await w.broker.credentials(who, id);
  return id;
};

for (const [name, who] of MAY) {
  test(`one grant is seen and ended by ${name}, and nobody else gets its credentials`, async (t) => {
    const w = await emergencyBroker(t);
    const id = await live(w);
    const seen = await w.broker.grant(who, id, null);
    assert.ok(seen.request.can.includes('revoke'));
    assert.ok((await w.broker.entries(who, { grant: id, from: 0, limit: 10 })).entries.length > 0);
    assert.equal((await w.broker.review(who, seen.request.id)).request.id, seen.request.id);
    if (who !== ALICE) {
      assert.equal((await refusal(w.broker.credentials(who, id))).code, 'ERR_NOT_FOUND');
      assert.equal((await refusal(w.broker.renew(who, id, { seconds: 900 }, null))).code, 'ERR_NOT_FOUND');
      assert.equal((await refusal(w.broker.revoke(who, id, 'completed'))).code, 'ERR_DENIED');
    }
    await w.broker.revoke(who, id, 'revoked');
    assert.equal(await endOf(w, id), 'revoked');
    assert.equal(w.cloud.works(id), false);
    const [entry] = await entriesOf(w, 'grant.end');
    assert.equal(Object(entry?.['actor']).subject, who.subject);
  });

  test(`everything of an incident is ended in one action by ${name}, with its requests that are not taken up`, async (t) => {
    const w = await emergencyBroker(t, { emergencies: { openReviews: 9 } });
    const ids = [await live(w), await live(w)];
    w.source.opens({ responders: [person('alice')] });
    const other = await live(w, ALICE, 'INC-2');
    const { items, kept } = await w.broker.revokeIncident(who, 'pager/INC-1');
    assert.deepEqual(new Set(items.map(({ grant }) => grant?.id)), new Set(ids));
    assert.equal(kept, 0);
    for (const id of ids) assert.equal(await endOf(w, id), 'revoked');
    assert.equal((await w.store.grant(other))?.grant.state.name, 'active');
    const again = await w.broker.revokeIncident(who, 'INC-1');
    assert.deepEqual(again, { items: [], kept: 0 });
  });
}

for (const [name, who] of MAY_NOT) {
  test(`to ${name} it is as if there were no such access, and no such incident`, async (t) => {
    const w = await emergencyBroker(t);
    const id = await live(w);
    const request = (await w.store.grant(id))?.grant.requestId;
    assert.ok(request !== undefined);
    const calls = [
      w.broker.grant(who, id, null),
      w.broker.request(who, request, null),
      w.broker.review(who, request),
      w.broker.revoke(who, id, 'revoked'),
      w.broker.entries(who, { grant: id, from: 0, limit: 10 }),
      w.broker.incident(who, 'pager', 'INC-1'),
      w.broker.revokeIncident(who, 'INC-1'),
      w.broker.revokeIncident(who, 'INC-99'),
    ];
    for (const call of calls) assert.equal((await refusal(call)).code, 'ERR_NOT_FOUND');
    assert.equal((await w.store.grant(id))?.grant.state.name, 'active');
  });
}

test('who confirms a sealed one ends it too, and what nobody has taken up cannot be taken up any more', async (t) => {
  const w = await emergencyBroker(t);
  w.source.down();
  const asked = await Promise.all([1, 2].map(async () => w.broker.submit(ALICE, glass(), null)));
  for (const { request } of asked) {
    const { hash, policy } = request;
    for (const who of [OLGA, OTTO]) await w.broker.approve(who, request.id, { hash, policy, attended: true });
  }
  const [first, second] = asked;
  assert.ok(first !== undefined && second !== undefined);
  const id = grantOf(await w.broker.issue(ALICE, first.request.id));
  const { items } = await w.broker.revokeIncident(OLGA, 'INC-1');
  assert.equal(items.length, 2);
  assert.equal(await endOf(w, id), 'revoked');
  const later = await w.broker.request(ALICE, second.request.id, null);
  assert.equal(later.request.state, 'cancelled');
  assert.match(later.request.why, /olga ended everything of INC-1/);
  assert.equal((await refusal(w.broker.issue(ALICE, second.request.id))).code, 'ERR_DENIED');
});

test('what the caller may not end goes on, and is counted', async (t) => {
  const w = await emergencyBroker(t);
  const [mine, theirs] = [await live(w), await live(w, COMMANDER)];
  const { items, kept } = await w.broker.revokeIncident(ALICE, 'INC-1');
  assert.deepEqual([items.map(({ grant }) => grant?.id), kept], [[mine], 1]);
  assert.equal((await w.store.grant(theirs))?.grant.state.name, 'active');
});

test('by the name of an incident all that became part of it is meant, and by an old name the one that it became', async (t) => {
  const w = await emergencyBroker(t);
  const main = w.source.opens({ responders: [person('alice')], commanders: [person('cora')] });
  const ids = [await live(w), await live(w, ALICE, 'INC-2')];
  w.source.merges(w.incident.id, main.id);
  await w.watch.lookAtAll();
  w.advance(301_000);
  const page = await w.broker.incident(COMMANDER, 'pager', 'INC-1');
  assert.deepEqual([page.id, page.reference, page.revocable, page.items.length], [main.id, 'INC-2', 2, 2]);
  await w.broker.revokeIncident(COMMANDER, 'INC-1');
  for (const id of ids) assert.equal(await endOf(w, id), 'revoked');
});

test('it works while the source is down and when the source knows the incident no more', async (t) => {
  const w = await emergencyBroker(t);
  const first = await live(w);
  w.source.down();
  const page = await w.broker.incident(LEAD, 'pager', 'INC-1');
  assert.deepEqual([page.incident, page.id, page.revocable], [null, w.incident.id, 1]);
  await w.broker.revokeIncident(LEAD, 'INC-1');
  assert.equal(await endOf(w, first), 'revoked');
  w.source.up();
  const second = await live(w);
  w.source.forgets(w.incident.id);
  await w.broker.revokeIncident(LEAD, 'pager/INC-1');
  assert.equal(await endOf(w, second), 'revoked');
});

test('of two sources with an incident of one name the one is ended that was meant', async (t) => {
  const other = memorySource('other', Date.now);
  other.opens({ responders: [person('alice')] });
  const w = await emergencyBroker(t, { sources: [other] });
  const ids = [await live(w, ALICE, 'pager/INC-1'), await live(w, ALICE, 'other/INC-1')] as const;
  assert.equal((await refusal(w.broker.revokeIncident(ALICE, 'INC-1'))).code, 'ERR_USAGE');
  await w.broker.revokeIncident(ALICE, 'other/INC-1');
  assert.equal(await endOf(w, ids[1]), 'revoked');
  assert.equal((await w.store.grant(ids[0]))?.grant.state.name, 'active');
});

test('ended while it is being issued: nothing comes out', async (t) => {
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
  const { items } = await w.broker.revokeIncident(COMMANDER, 'INC-1');
  assert.equal(items.length, 1);
  go();
  const id = grantOf(await asking);
  assert.equal(await endOf(w, id), 'revoked');
  assert.equal(w.cloud.works(id), false);
});

test('two who end everything at once, and the close at the same time, come to one end of each', async (t) => {
  const w = await emergencyBroker(t);
  const ids = [await live(w), await live(w)];
  w.source.closes(w.incident.id);
  await Promise.all([
    w.broker.revokeIncident(COMMANDER, 'INC-1'),
    w.broker.revokeIncident(LEAD, 'INC-1'),
    w.says(w.incident.id, 'closed'),
  ]);
  for (const id of ids) await endOf(w, id);
  assert.equal((await entriesOf(w, 'grant.end')).length, 2);
});

test('the open incidents of somebody are those that they work on and those for which they are called', async (t) => {
  const w = await emergencyBroker(t);
  w.advance(1_000);
  const second = w.source.opens({ title: 'billing' });
  w.source.setOnCall(second.id, 'alice');
  w.source.opens({ title: 'of others' });
  const closed = w.source.opens({ responders: [person('alice')] });
  w.source.closes(closed.id);
  const { items, silent } = await w.broker.incidents(ALICE);
  assert.deepEqual(
    items.map(({ reference, responder, onCallTier }) => [reference, responder, onCallTier]),
    [
      ['INC-2', false, 1],
      ['INC-1', true, 0],
    ],
  );
  assert.deepEqual(silent, []);
  assert.deepEqual((await w.broker.incidents(STRANGER)).items, []);
  const agent: Principal = { ...ALICE, kind: 'agent', subject: 'bot', actsFor: { ...ALICE, kind: 'user' } };
  assert.deepEqual((await w.broker.incidents(agent)).items, []);
  w.source.down();
  w.advance(6_000);
  assert.deepEqual(await w.broker.incidents(ALICE), { items: [], silent: ['pager'] });
});

test('the page of an incident shows to each the access that concerns them', async (t) => {
  const w = await emergencyBroker(t);
  await live(w);
  await live(w, COMMANDER);
  const all = await w.broker.incident(LEAD, 'pager', 'INC-1');
  assert.deepEqual([all.items.length, all.revocable, all.incident?.reference], [2, 2, 'INC-1']);
  const own = await w.broker.incident(ALICE, 'pager', w.incident.id);
  assert.deepEqual([own.items.length, own.revocable, own.incident?.responder], [1, 1, true]);
  w.source.setOnCall(w.incident.id, 'sven');
  w.advance(6_000);
  const called = await w.broker.incident(STRANGER, 'pager', 'INC-1');
  assert.deepEqual([called.items, called.revocable], [[], 0], 'who is on call sees the incident');
});

test('ordinary access is seen by nobody more than before', async (t) => {
  const w = await emergencyBroker(t, {
    policy: `@id("a") @tier("auto") @max("1h") permit(principal, action == Jit::Action::"Request", resource);
      @id("leads") permit(principal in Jit::Group::"leads", action == Jit::Action::"Approve", resource);`,
  });
  const id = grantOf(await w.broker.submit(ALICE, ask(), null));
  assert.equal((await refusal(w.broker.grant(LEAD, id, null))).code, 'ERR_NOT_FOUND');
  assert.equal((await refusal(w.broker.revoke(LEAD, id, 'revoked'))).code, 'ERR_NOT_FOUND');
});

test('who has looked up too many is refused access and lists, and ends what they may all the same', async (t) => {
  const w = await emergencyBroker(t);
  const id = await live(w);
  for (let count = 0; count < 60; count++)
    await w.broker.plan(LEAD, glass(`INC-${count + 100}`)).catch(() => undefined);
  assert.match(
    (await refusal(w.broker.plan(LEAD, glass()))).message,
    /you have looked up 60 incidents within a minute/,
  );
  await w.broker.revokeIncident(LEAD, 'INC-1');
  assert.equal(await endOf(w, id), 'revoked');
});
