/**
 * The first credentials of a grant: judged anew wherever anything that was decided on has changed since.
 * @module
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Principal } from '../../../src/core/principal.ts';
import { ALICE, ask, startBroker, type TestBroker } from './world.ts';

const ENGINEERS = `@id("eng") @tier("auto")
permit(principal in Jit::Group::"eng", action == Jit::Action::"Request", resource);`;
const OF_PEOPLE = `@id("agents") @tier("auto") permit(principal is Jit::Agent, action == Jit::Action::"Request", resource);
${ENGINEERS}`;
const ENGINEER: Principal = { ...ALICE, groups: ['eng'] };
const BOT: Principal = { ...ALICE, kind: 'agent', subject: 'bot', groups: [], actsFor: { ...ENGINEER, kind: 'user' } };

async function granted(t: TestContext, who: Principal, policy: string) {
  const broker: TestBroker = await startBroker({ policy });
  t.after(() => broker.stop());
  const { grant } = await broker.broker.submit(who, ask(), null);
  assert.equal(grant?.state, 'active');
  return { broker, id: grant.id };
}

test('nothing has changed: they are handed out', async (t) => {
  const { broker, id } = await granted(t, ENGINEER, ENGINEERS);
  assert.equal((await broker.broker.credentials(ENGINEER, id)).credentials.length, 1);
});

test('the requester has left the group meanwhile, or the person of an agent has: refused, and the grant is over', async (t) => {
  for (const { who, now, policy } of [
    { who: ENGINEER, now: { ...ENGINEER, groups: [] }, policy: ENGINEERS },
    { who: BOT, now: { ...BOT, actsFor: { ...ALICE, kind: 'user' as const } }, policy: OF_PEOPLE },
  ]) {
    const { broker, id } = await granted(t, who, policy);
    await assert.rejects(broker.broker.credentials(now, id), { code: 'ERR_DENIED' });
    assert.notEqual((await broker.broker.grant(who, id, null)).grant?.state, 'active');
  }
});

test('the policies have changed meanwhile: what they say now counts', async (t) => {
  const { broker, id } = await granted(t, ENGINEER, ENGINEERS);
  await broker.policy('@id("none") forbid(principal, action, resource);');
  await assert.rejects(broker.broker.credentials(ENGINEER, id), { code: 'ERR_DENIED' });
});
