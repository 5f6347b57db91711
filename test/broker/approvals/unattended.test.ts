/**
 * Votes of scripts, through the broker's use cases with real policies and a real SQLite store: no policy, no vote, and what a
 * script may is looked at anew whenever votes are counted.
 * @module
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import type { RequestId } from '../../../src/core/ids.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { Outcome } from '../../../src/wire/views.ts';
import { ALICE, ask, BOB, type Setting, startBroker, type TestBroker } from '../service/world.ts';

const APPROVE = 'action == Jit::Action::"Approve"';
const ASK = `@id("people") @tier("manual") @approvers("2") permit(principal, action == Jit::Action::"Request", resource);\n`;
const LEADS = `permit(principal in Jit::Group::"leads", ${APPROVE}, resource);\n`;
const LOUD = `${ASK}@unattended("yes") ${LEADS}`;

const member = (subject: string, ...groups: readonly string[]): Principal => ({
  ...BOB,
  subject,
  name: subject,
  groups,
});
const CAROL = member('carol', 'leads');
const DAN = member('dan', 'leads');

async function start(t: TestContext, setting: Setting): Promise<TestBroker> {
  const started = await startBroker(setting);
  t.after(started.stop);
  return started;
}

const asked = async (t: TestBroker): Promise<Outcome['request']> =>
  (await t.broker.submit(ALICE, ask('s3:PutObject'), null)).request;

const vote = async (t: TestBroker, who: Principal, id: RequestId, attended: boolean): Promise<Outcome['request']> => {
  const { hash, decision } = (await t.store.request(id)) ?? assert.fail();
  return (await t.broker.approve(who, id, { hash, policy: decision.policy, attended })).request;
};

const denied = (pattern: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof JitError, String(thrown));
  assert.equal(thrown.code, 'ERR_DENIED');
  assert.match(`${thrown.message}\n${thrown.hint ?? ''}`, pattern);
  return true;
};

test('a script votes for nobody, the person behind it may, and whoever has no vote hears nothing of scripts', async (t) => {
  const w = await start(t, { policy: `${ASK}${LEADS}` });
  const { id } = await asked(w);
  await assert.rejects(
    vote(w, CAROL, id, false),
    denied(/^denied: nobody was asked for this approval.*\n.*without --yes on a terminal.*@unattended\("yes"\)/),
  );
  const after = (await w.broker.request(CAROL, id, null)).request;
  assert.deepEqual([after.votes, after.version, after.can], [[], 1, ['approve', 'deny']]);
  assert.equal((await vote(w, CAROL, id, true)).votes.length, 1);
  await assert.rejects(vote(w, ALICE, id, false), denied(/^denied: you may not decide this one\n$/));
  await assert.rejects(vote(w, member('eve'), id, false), { code: 'ERR_NOT_FOUND' });
});

test('where policy permits it the vote counts, and the log says of each whether anybody was asked', async (t) => {
  const w = await start(t, { policy: LOUD });
  const { id } = await asked(w);
  await vote(w, CAROL, id, false);
  assert.deepEqual((await w.broker.request(CAROL, id, null)).request.can, ['deny'], 'her word is in');
  assert.equal((await vote(w, DAN, id, true)).state, 'approved');
  assert.equal((await w.broker.issue(ALICE, id)).grant?.state, 'active');
  const found = await w.store.entries({ request: id, from: 0, limit: 100 });
  const votes = found.map(({ line }) => JSON.parse(line)).filter(({ type }) => type === 'request.voted');
  assert.deepEqual(
    votes.map(({ actor, data }) => [actor.subject, data.attended]),
    [
      ['carol', false],
      ['dan', true],
    ],
  );
});

test('a no counts from whatever it comes', async (t) => {
  const w = await start(t, { policy: `${ASK}${LEADS}` });
  const { id, hash, policy } = await asked(w);
  assert.equal((await w.broker.deny(CAROL, id, { hash, policy, reason: 'no' })).request.state, 'denied');
});

test('what its owner may not do by script any more does not count at issue, and they can say it themselves', async (t) => {
  const moved = new Map<string, readonly string[]>();
  const present = (who: Principal): Principal => ({ ...who, groups: moved.get(who.subject) ?? who.groups });
  const policy = `${LOUD}permit(principal in Jit::Group::"owners", ${APPROVE}, resource);`;
  const w = await start(t, { policy, present });
  const { id } = await asked(w);
  await vote(w, CAROL, id, false);
  assert.equal((await vote(w, DAN, id, true)).state, 'approved');
  moved.set('carol', ['leads', 'owners']);
  await assert.rejects(w.broker.issue(ALICE, id), { code: 'ERR_PENDING' });
  const now = present(CAROL);
  const open = (await w.broker.request(now, id, null)).request;
  assert.deepEqual([open.quorum[0]?.missing, open.can], [1, ['approve', 'deny']]);
  assert.deepEqual(
    open.votes.map(({ counts }) => counts),
    [false, true],
  );
  await assert.rejects(vote(w, now, id, false), denied(/nobody was asked/));
  const done = await vote(w, now, id, true);
  assert.deepEqual([done.state, done.why], ['approved', 'approved by dan and carol']);
  assert.equal((await w.broker.issue(ALICE, id)).grant?.state, 'active');
});

test('a vote that was stored before there was this question counts as that of a script', async (t) => {
  const w = await start(t, { policy: LOUD });
  const { id } = await asked(w);
  const voted = await vote(w, CAROL, id, true);
  const stored = (await w.store.request(id)) ?? assert.fail();
  const [cast] = stored.votes;
  assert.ok(cast);
  const { attended: _, ...old } = cast;
  // Safe: exactly what an older broker wrote.
  const votes = [old as typeof cast];
  const at = w.world.now();
  const entry = { type: 'request.voted', at, actor: 'broker', request: id, grant: null, data: {} } as const;
  await w.store.commit({ request: { ...stored, votes, idempotency: null }, entries: [entry] });
  assert.equal((await w.store.request(id))?.votes[0]?.attended, false);
  assert.equal(voted.votes.length, 1);
  await w.policy(`${ASK}${LEADS}`);
  assert.equal((await w.broker.request(CAROL, id, null)).request.quorum[0]?.missing, 2);
});
