/**
 * The review of emergency access: opened with it, closed by somebody else with a verdict.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../../src/core/principal.ts';
import type { Outcome } from '../../../src/wire/views.ts';
import {
  ALICE,
  COMMANDER,
  emergencyBroker,
  type EmergencyBroker,
  EMERGENCY_POLICY,
  endOf,
  entriesOf,
  glass,
  grantOf,
  LEAD,
  LEAD_TOO,
  OPERATOR,
  refusal,
  STRANGER,
} from './emergencies.ts';

const VERDICT = { verdict: 'justified', comment: 'the shop was down' } as const;

async function over(w: EmergencyBroker, who = ALICE): Promise<Outcome['request']> {
  const outcome = await w.broker.submit(who, glass(), null);
  await w.broker.revoke(who, grantOf(outcome), 'completed');
  await endOf(w, grantOf(outcome));
  return outcome.request;
}

test('each access opens one in its own transaction, and it is seen by its holder and by who may close it', async (t) => {
  const w = await emergencyBroker(t);
  const request = await over(w);
  const { items } = await w.broker.reviews(LEAD);
  assert.deepEqual(
    items.map((item) => [item.request.id, item.closed, item.can]),
    [[request.id, null, true]],
  );
  assert.ok(items[0]?.request.can.includes('review'));
  assert.deepEqual(
    (await w.broker.reviews(ALICE)).items.map((item) => [item.request.id, item.can]),
    [[request.id, false]],
  );
  for (const who of [STRANGER, COMMANDER, OPERATOR])
    assert.deepEqual((await w.broker.reviews(who)).items, [], who.name);
});

test('what was refused has none', async (t) => {
  const w = await emergencyBroker(t);
  await refusal(w.broker.submit(STRANGER, glass(), null));
  assert.deepEqual((await w.broker.reviews(LEAD)).items, []);
});

test('it is closed with a verdict and a comment, once, and the audit log has both', async (t) => {
  const w = await emergencyBroker(t);
  const { id, hash } = await over(w);
  const closed = await w.broker.closeReview(LEAD, id, { hash, ...VERDICT });
  assert.deepEqual(closed.closed, {
    at: closed.closed?.at,
    by: { issuer: LEAD.issuer, subject: LEAD.subject, name: LEAD.name },
    ...VERDICT,
  });
  assert.equal(closed.can, false);
  const [entry] = await entriesOf(w, 'emergency.reviewed');
  assert.deepEqual([entry?.['request'], Object(entry?.['actor']).subject], [id, 'lena']);
  assert.deepEqual(entry?.['data'], { ...VERDICT, hash });
  assert.deepEqual((await w.broker.reviews(LEAD)).items, []);
  assert.deepEqual((await w.broker.reviews(ALICE)).items, []);
  const again = await w.broker.closeReview(LEAD, id, { hash, ...VERDICT });
  assert.deepEqual(again.closed, closed.closed, 'the same after a lost answer');
  for (const [who, body] of [
    [LEAD, { hash, ...VERDICT, verdict: 'unjustified' }],
    [LEAD, { hash, ...VERDICT, comment: 'on second thoughts' }],
    [LEAD_TOO, { hash, ...VERDICT }],
  ] as const) {
    assert.equal((await refusal(w.broker.closeReview(who, id, body))).code, 'ERR_DECIDED');
  }
  assert.equal((await entriesOf(w, 'emergency.reviewed')).length, 1);
});

test('nobody reviews their own, under any account, and nobody who could not have approved it', async (t) => {
  const w = await emergencyBroker(t);
  const leading: Principal = { ...ALICE, groups: ['leads'], personKey: 'alice@example.com' };
  const { id, hash } = await over(w, leading);
  const close = async (who: Principal): Promise<string> =>
    (await refusal(w.broker.closeReview(who, id, { hash, ...VERDICT }))).code;
  assert.equal(await close(leading), 'ERR_DENIED');
  assert.equal(await close({ ...LEAD, subject: 'alice-admin', personKey: 'Alice@Example.com' }), 'ERR_NOT_FOUND');
  assert.equal(await close({ ...leading, subject: 'ALICE' }), 'ERR_NOT_FOUND');
  assert.equal(await close(OPERATOR), 'ERR_DENIED');
  assert.equal(await close(COMMANDER), 'ERR_DENIED');
  assert.equal(await close(STRANGER), 'ERR_NOT_FOUND');
  assert.equal(await close({ ...LEAD, kind: 'agent', actsFor: { ...LEAD, kind: 'user' } }), 'ERR_NOT_FOUND');
  assert.equal(await close({ ...LEAD, kind: 'workload' }), 'ERR_NOT_FOUND');
  assert.deepEqual(await entriesOf(w, 'emergency.reviewed'), []);
});

test('whoever turns out to be the holder under another account cannot close it', async (t) => {
  const known = new Map<string, string>();
  const w = await emergencyBroker(t, {
    present: (who) => {
      const personKey = known.get(who.subject);
      return personKey === undefined ? undefined : { ...who, personKey };
    },
  });
  const { id, hash } = await over(w);
  known.set('alice', 'a@example.com');
  const twin = { ...LEAD, personKey: 'a@example.com' };
  assert.equal((await refusal(w.broker.closeReview(twin, id, { hash, ...VERDICT }))).code, 'ERR_NOT_FOUND');
});

test('what is live is not reviewed, and what was not seen is not either', async (t) => {
  const w = await emergencyBroker(t);
  const outcome = await w.broker.submit(ALICE, glass(), null);
  const { id, hash } = outcome.request;
  assert.deepEqual(
    (await w.broker.reviews(LEAD)).items.map(({ can }) => can),
    [false],
  );
  assert.equal((await refusal(w.broker.closeReview(LEAD, id, { hash, ...VERDICT }))).code, 'ERR_PENDING');
  await w.broker.revoke(LEAD, grantOf(outcome), 'revoked');
  const other = { hash: '0'.repeat(64), ...VERDICT };
  assert.equal((await refusal(w.broker.closeReview(LEAD, id, other))).code, 'ERR_DECIDED');
  assert.equal((await refusal(w.broker.closeReview(LEAD, id, { ...VERDICT, hash, comment: ' ' }))).code, 'ERR_REASON');
  await w.broker.closeReview(LEAD, id, { hash, ...VERDICT });
});

test('of two who review at once one has the word', async (t) => {
  const w = await emergencyBroker(t);
  const { id, hash } = await over(w);
  const both = await Promise.allSettled([
    w.broker.closeReview(LEAD, id, { hash, ...VERDICT }),
    w.broker.closeReview(LEAD_TOO, id, { hash, verdict: 'unjustified', comment: 'no' }),
  ]);
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  assert.equal((await entriesOf(w, 'emergency.reviewed')).length, 1);
});

test('a review while the end is under way counts, and the end comes all the same', async (t) => {
  const w = await emergencyBroker(t);
  const outcome = await w.broker.submit(ALICE, glass(), null);
  await w.broker.credentials(ALICE, grantOf(outcome));
  const { promise: answer, resolve: go } = Promise.withResolvers<void>();
  w.cloud.onCall = async (verb) => (verb === 'revoke' ? answer : undefined);
  const { id, hash } = outcome.request;
  w.source.closes(w.incident.id);
  await Promise.all([
    w.says(w.incident.id, 'closed'),
    w.broker.revokeIncident(LEAD_TOO, 'INC-1'),
    w.broker
      .revoke(LEAD, grantOf(outcome), 'revoked')
      .then(async () => w.broker.closeReview(LEAD, id, { hash, ...VERDICT })),
  ]);
  go();
  await endOf(w, grantOf(outcome));
  const emergency = await w.store.emergency(id);
  assert.equal(emergency?.review?.closed?.verdict, 'justified');
  assert.equal(w.cloud.works(grantOf(outcome)), false);
});

test('who may review is asked of policy as it is now', async (t) => {
  const w = await emergencyBroker(t);
  const { id, hash } = await over(w);
  await w.policy(EMERGENCY_POLICY.replaceAll('"leads"', '"seniors"'));
  assert.equal((await refusal(w.broker.closeReview(LEAD, id, { hash, ...VERDICT }))).code, 'ERR_NOT_FOUND');
  const senior = { ...LEAD, groups: ['seniors'] };
  await w.broker.closeReview(senior, id, { hash, ...VERDICT });
});
