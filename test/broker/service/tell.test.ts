/**
 * What becomes of requests: who is told of it. Real service and policies on a real SQLite file.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { weightOf } from '../../../src/broker/service/tell.ts';
import type { Question } from '../../../src/policy/question.ts';
import { target } from '../../fakes/cloud.ts';
import { all, BOB, CAROL, code, last, leadsNeeded, NO_WORKER, policy, telling } from './telling.ts';
import { ALICE, ask, BOB as PLAIN_BOB } from './world.ts';

test('a request that waits for people is told once, with all that they decide on and how heavy it is', async (t) => {
  const w = await telling(t, [
    all('one'),
    all('two'),
    all('other', ['stuck']),
    { ...all('dba'), groups: new Set(['dba']) },
  ]);
  const key = { key: 'k'.repeat(22), bodyHash: 'h' };
  const body = ask('s3:PutObject', { reason: 'roll out', ticket: 'OPS-1' });
  const { request } = await w.broker.submit(ALICE, body, key);
  assert.equal((await w.broker.submit(ALICE, body, key)).request.id, request.id);
  assert.deepEqual(
    w.told().map(({ notifier, notice }) => [notifier, notice.kind]),
    [
      ['one', 'approval-needed'],
      ['two', 'approval-needed'],
    ],
  );
  assert.equal(w.calls.stored, 1);
  const stored = await w.store.request(request.id);
  const notice = last(w);
  assert.equal(notice.id, `${request.id}_approval-needed_1`);
  assert.equal(notice.at, stored?.request.createdAt);
  assert.equal(notice.url, `https://jit.example/web/requests/${request.id}`);
  const { requester, permissions, risk, access, quorum, hash, deadline, reason, ticket } = notice.request;
  assert.deepEqual(requester, {
    kind: 'user',
    issuer: 'https://id.test',
    subject: 'alice',
    name: 'alice',
    actsFor: null,
  });
  assert.deepEqual([risk, access, reason, ticket], ['medium', 'read', 'roll out', 'OPS-1']);
  assert.deepEqual(quorum, [{ group: 'leads', approvers: 2 }]);
  assert.deepEqual(
    [hash, notice.request.policy, deadline],
    [stored?.hash, w.world.policy.version, stored?.decision.deadline],
  );
  const [permission] = permissions;
  assert.deepEqual([permissions.length, permission?.target, permission?.environment], [1, 'main', 'test']);
  assert.deepEqual(permission?.actions, ['s3:PutObject']);
});

test('the weight is that of the heaviest part, and none where nothing is known', () => {
  const part = (risk: 'low' | 'medium' | 'high', access: Question['assessment']['access']): Question => ({
    principal: ALICE,
    target: target('main', 'aws'),
    permission: { target: 'main', operation: 'o', actions: [], resources: [] },
    assessment: { access, breadth: 'exact' },
    operation: { named: true, risk },
    seconds: 60,
    hasTicket: false,
    reasonLength: 1,
    now: 0,
  });
  assert.deepEqual(weightOf([part('low', 'permissions'), part('high', 'list'), part('medium', 'write')]), {
    risk: 'high',
    access: 'permissions',
  });
  assert.deepEqual(weightOf([part('low', 'list'), part('low', 'read')]), { risk: 'low', access: 'read' });
  assert.deepEqual(weightOf([]), { risk: null, access: null });
});

test('a vote that decides nothing tells nothing; the last one tells once who approved, and repeating it is no news', async (t) => {
  const w = await telling(t);
  const { id } = await w.asked();
  await w.vote(BOB, 'approve', id);
  await w.vote(BOB, 'approve', id);
  assert.deepEqual(w.kinds(), ['approval-needed']);
  await w.vote(CAROL, 'approve', id);
  await w.vote(CAROL, 'approve', id);
  assert.deepEqual(w.kinds(), ['approval-needed', 'approved']);
  const { by, why, request, grant } = last(w);
  assert.deepEqual([by, why, grant], [['bob', 'carol'], 'approved by bob and carol', null]);
  assert.deepEqual([request.risk, request.access], ['medium', 'read']);
  assert.equal(w.calls.stored, 2);
  await w.vote(BOB, 'deny', id);
  assert.deepEqual(w.kinds(), ['approval-needed', 'approved', 'denied']);
  assert.deepEqual(last(w).by, ['bob'], 'only who said no');
});

test('votes of those who may not vote are told to nobody', async (t) => {
  const w = await telling(t);
  const { id } = await w.asked();
  await assert.rejects(w.vote({ ...ALICE, groups: ['leads'] }, 'approve', id), code('ERR_DENIED'));
  await assert.rejects(w.vote(PLAIN_BOB, 'approve', id), code('ERR_NOT_FOUND'));
  const seen = { hash: 'f'.repeat(64), policy: w.world.policy.version };
  await assert.rejects(w.broker.approve(BOB, id, { ...seen, attended: true }), code('ERR_DECIDED'));
  assert.deepEqual(w.kinds(), ['approval-needed']);
});

test('denied, cancelled and timed out are told once each, with who denied and why', async (t) => {
  const w = await telling(t);
  const [denied, cancelled, late, idle] = [await w.asked(), await w.asked(), await w.asked(), await w.asked()];
  await w.vote(CAROL, 'deny', denied.id);
  assert.deepEqual([last(w).kind, last(w).by, last(w).why], ['denied', ['carol'], 'carol denied it: not now']);
  await w.broker.cancel(ALICE, cancelled.id);
  await w.broker.cancel(ALICE, cancelled.id);
  assert.deepEqual([last(w).kind, last(w).by, last(w).why], ['cancelled', [], 'alice took it back']);
  await w.vote(BOB, 'approve', idle.id);
  await w.vote(CAROL, 'approve', idle.id);
  w.advance(3_600_000);
  await w.approvals.timeOut();
  await w.approvals.timeOut();
  const ended = w.told().slice(-2);
  assert.deepEqual(new Set(ended.map(({ notice }) => notice.request.id)), new Set([late.id, idle.id]));
  assert.deepEqual(ended.map(({ notice }) => notice.why).toSorted(), [
    'it was approved and not taken up in time',
    'nobody decided in time',
  ]);
  const counts = Object.groupBy(w.kinds(), (kind) => kind);
  assert.deepEqual(
    Object.entries(counts).map(([kind, list]) => [kind, list.length]),
    [
      ['approval-needed', 4],
      ['denied', 1],
      ['cancelled', 1],
      ['approved', 1],
      ['timed-out', 2],
    ],
  );
});

test('under another policy those who approve are told anew, for votes on what they were told before do not count', async (t) => {
  const w = await telling(t, [all('one')], { ...NO_WORKER, policy: leadsNeeded(2) });
  const { id } = await w.asked();
  const before = w.world.policy.version;
  await w.policy(leadsNeeded(2));
  assert.deepEqual(w.kinds(), ['approval-needed'], 'the same policy is no news');
  await w.policy(leadsNeeded(1));
  assert.deepEqual(w.kinds(), ['approval-needed', 'approval-needed']);
  const { request } = last(w);
  assert.notEqual(request.policy, before);
  assert.equal(request.policy, w.world.policy.version);
  assert.deepEqual(request.quorum, [{ group: 'leads', approvers: 1 }]);
  assert.equal(new Set(w.told().map(({ notice }) => notice.id)).size, 2, 'each is a notice of its own');
  await w.vote(BOB, 'approve', id);
  assert.equal(last(w).kind, 'approved');
  await w.policy(leadsNeeded(2));
  assert.deepEqual(w.kinds().slice(2), ['approved', 'approval-needed'], 'approved and pending again');
  assert.match(last(w).why, /do not hold under the present policy/);
  assert.deepEqual(last(w).request.quorum, [{ group: 'leads', approvers: 2 }]);
  await w.policy(policy('@tier("manual") @approvers("1")').replace('s3:Put', 's3:Get'));
  assert.deepEqual([last(w).kind, last(w).by], ['denied', []], 'policy permits it no more');
});

test('approvers who have been asked learn that policy asks for nobody any more', async (t) => {
  const w = await telling(t, [all('one')], { ...NO_WORKER, policy: leadsNeeded(1) });
  await w.asked();
  await w.policy(policy('@tier("auto")'));
  assert.deepEqual(w.kinds(), ['approval-needed', 'approved']);
  assert.deepEqual([last(w).by, last(w).why], [[], 'policy asks for nobody any more']);
});

test('of two who decide at the same moment only the one whose word was stored is told of', async (t) => {
  const w = await telling(t);
  const { id } = await w.asked();
  const outcomes = await Promise.allSettled([
    w.vote(BOB, 'deny', id),
    w.vote(CAROL, 'deny', id),
    w.broker.cancel(ALICE, id),
  ]);
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.ok(w.composed.length > 2, 'the others had something to tell as well');
  assert.equal(w.kinds().length, 2);
  const { decision } = (await w.store.request(id)) ?? {};
  assert.deepEqual([last(w).kind, last(w).why], [decision?.state, decision?.why]);
  assert.equal(w.calls.stored, 2);
});

test('a change and its notice are stored together or not at all', async (t) => {
  const w = await telling(t);
  const { id } = await w.asked();
  w.sql("CREATE TRIGGER no_notices BEFORE INSERT ON notices BEGIN SELECT raise(ABORT, 'no'); END");
  await assert.rejects(w.vote(BOB, 'deny', id));
  await assert.rejects(w.asked());
  assert.equal((await w.store.request(id))?.decision.state, 'pending');
  assert.equal((await w.broker.requests(ALICE, 10)).items.length, 1);
  w.sql('DROP TRIGGER no_notices');
  w.sql("CREATE TRIGGER no_entries BEFORE INSERT ON entries BEGIN SELECT raise(ABORT, 'no'); END");
  await assert.rejects(w.vote(BOB, 'deny', id));
  assert.deepEqual(w.kinds(), ['approval-needed']);
  assert.equal(w.calls.stored, 1, 'nobody is woken for what is not stored');
  w.sql('DROP TRIGGER no_entries');
  await w.vote(BOB, 'deny', id);
  assert.deepEqual(w.kinds(), ['approval-needed', 'denied']);
});
