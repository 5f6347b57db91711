/**
 * What is shown of an incident, of its access and of its reviews, also when its source is gone or hangs, by a real broker.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../../src/core/principal.ts';
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
  reaches,
  refusal,
  STRANGER,
  until,
} from './emergencies.ts';

const shownTo = async (w: EmergencyBroker, who: Principal, id: string): Promise<readonly string[]> =>
  (await w.broker.incident(who, 'pager', id)).items.map(({ request }) => request.id);

/** Asked for while the source is down, confirmed by two, and taken up. */
async function sealed(w: EmergencyBroker): Promise<Awaited<ReturnType<EmergencyBroker['broker']['issue']>>> {
  w.source.down();
  const { request } = await w.broker.submit(ALICE, glass(), null);
  for (const who of [OLGA, OTTO]) {
    const { hash, policy } = (await w.broker.request(who, request.id, null)).request;
    await w.broker.approve(who, request.id, { hash, policy, attended: true });
  }
  return w.broker.issue(ALICE, request.id);
}

test('whoever ends some of an incident hears how many others live on, and nothing else about them', async (t) => {
  const w = await emergencyBroker(t);
  w.source.setOnCall(w.incident.id, 'sven');
  const own = grantOf(await w.broker.submit(ALICE, glass(), null));
  const other = grantOf(await w.broker.submit(STRANGER, glass(), null));
  const page = await w.broker.incident(ALICE, 'pager', 'INC-1');
  assert.deepEqual([page.items.map(({ grant }) => grant?.id), page.revocable, page.kept], [[own], 1, 1]);
  const all = await w.broker.incident(COMMANDER, 'pager', 'INC-1');
  assert.deepEqual([all.items.length, all.revocable, all.kept], [2, 2, 0]);
  await w.broker.revoke(STRANGER, other, 'revoked');
  await endOf(w, other);
  assert.equal((await w.broker.incident(ALICE, 'pager', 'INC-1')).kept, 0);
});

test('a review is shown to whoever has a part in it, open and closed, and to nobody else', async (t) => {
  const w = await emergencyBroker(t);
  const { request, grant } = await w.broker.submit(ALICE, glass(), null);
  assert.ok(grant !== null);
  assert.equal((await w.broker.reviewOf(LEAD, request.id))?.can, false, 'live');
  await w.broker.revoke(ALICE, grant.id, 'revoked');
  const open = await w.broker.reviewOf(LEAD, request.id);
  assert.deepEqual([open?.can, open?.closed], [true, null]);
  assert.equal((await w.broker.reviewOf(ALICE, request.id))?.can, false, 'their own');
  assert.equal(await w.broker.reviewOf(OLGA, request.id), null);
  assert.equal(await w.broker.reviewOf(LEAD, `req_${'0'.repeat(26)}`), null);
  await w.broker.closeReview(LEAD, request.id, { hash: request.hash, verdict: 'unjustified', comment: 'no need' });
  for (const who of [ALICE, LEAD, COMMANDER]) {
    const closed = await w.broker.reviewOf(who, request.id);
    assert.deepEqual([closed?.can, closed?.closed?.verdict, closed?.closed?.by.name], [false, 'unjustified', 'lena']);
  }
  assert.equal(await w.broker.reviewOf(OLGA, request.id), null);
});

test('what was given for an incident is found by its own name after it became part of another one', async (t) => {
  const w = await emergencyBroker(t);
  const { request, grant } = await w.broker.submit(ALICE, glass(), null);
  assert.ok(grant !== null);
  const main = w.source.opens();
  w.source.merges(w.incident.id, main.id);
  await w.broker.revoke(ALICE, grant.id, 'revoked');
  await endOf(w, grant.id);
  await w.watch.lookAtAll();
  assert.equal((await w.store.emergency(request.id))?.watched, false);
  assert.deepEqual(await shownTo(w, ALICE, w.incident.id), [request.id]);
  assert.equal((await w.broker.incident(ALICE, 'pager', w.incident.id)).incident?.reference, 'INC-2');
});

test('what was over before its source was there again is found by the name that was typed', async (t) => {
  const w = await emergencyBroker(t);
  const { request, grant } = await sealed(w);
  assert.ok(grant !== null);
  assert.deepEqual(await shownTo(w, OLGA, 'INC-1'), [request.id]);
  await w.broker.revoke(ALICE, grant.id, 'revoked');
  await endOf(w, grant.id);
  await w.watch.lookAtAll();
  assert.equal((await w.store.emergency(request.id))?.watched, false);
  assert.deepEqual(await shownTo(w, ALICE, 'INC-1'), [request.id], 'its source is silent');
  assert.equal((await refusal(w.broker.incident(STRANGER, 'pager', 'INC-1'))).code, 'ERR_NOT_FOUND');
  w.source.up();
  for (const name of ['INC-1', w.incident.id]) assert.deepEqual(await shownTo(w, ALICE, name), [request.id], name);
});

test('ending everything does not wait for a source that hangs', async (t) => {
  const w = await emergencyBroker(t);
  const { grant } = await w.broker.submit(ALICE, glass(), null);
  assert.ok(grant !== null);
  const release = w.source.hold();
  const all = w.broker.revokeIncident(LEAD, `pager/${w.incident.id}`);
  await reaches(w, grant.id, 'closed');
  assert.equal(w.cloud.works(grant.id), false);
  release();
  assert.deepEqual(
    (await all).items.map((each) => each.grant?.id),
    [grant.id],
  );
});

test('whoever has to look at a request can do so while nobody can be asked about its incident', async (t) => {
  const w = await emergencyBroker(t, { emergencies: { staleMs: 0 } });
  const { request } = await w.broker.submit(ALICE, glass(), null);
  w.source.down();
  // What was seen a moment ago counts for a moment.
  await until(async () => (await w.broker.review(LEAD, request.id)).terms === null);
  const { targets } = await w.broker.review(LEAD, request.id);
  assert.equal(targets.length, 1);
});
