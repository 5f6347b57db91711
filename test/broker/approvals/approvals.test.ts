/**
 * Requests that people decide, through the broker's use cases with real policies and a real SQLite store.
 * @module
 */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { type ErrorCode, JitError } from '../../../src/core/errors.ts';
import type { RequestId } from '../../../src/core/ids.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { ApproveBody } from '../../../src/wire/bodies.ts';
import type { Outcome } from '../../../src/wire/views.ts';
import { ALICE, ask, BOB, type Setting, startBroker, type TestBroker } from '../service/world.ts';

const lead = (subject: string, more: Partial<Principal> = {}): Principal => ({
  ...BOB,
  subject,
  name: subject,
  groups: ['leads'],
  ...more,
});
const CAROL = lead('carol');
const DAN = lead('dan');
const WRITE = ask('s3:PutObject');

let running: TestBroker[] = [];
async function start(setting: Setting = {}): Promise<TestBroker> {
  const t = await startBroker(setting);
  running.push(t);
  return t;
}
afterEach(async () => {
  const all = running;
  running = [];
  for (const t of all) await t.stop();
});

const code =
  (expected: ErrorCode) =>
  (thrown: unknown): boolean => {
    assert.ok(thrown instanceof JitError, String(thrown));
    assert.equal(thrown.code, expected, thrown.message);
    return true;
  };

async function pending(t: TestBroker, who: Principal = ALICE, body = WRITE): Promise<Outcome['request']> {
  const { request, grant } = await t.broker.submit(who, body, null);
  assert.equal(request.state, 'pending');
  assert.equal(grant, null);
  return request;
}

const seen = ({ hash, policy }: Outcome['request']): { hash: string; policy: string } => ({ hash, policy });
const yes = (request: Outcome['request']): ApproveBody => ({ ...seen(request), attended: true });

function issued(t: TestBroker): number {
  return t.cloud.calls.filter((call) => call.startsWith('issue')).length;
}

async function entryTypes(t: TestBroker, id: RequestId): Promise<string[]> {
  const found = await t.store.entries({ request: id, from: 0, limit: 100 });
  return found.map(({ line }) => String((JSON.parse(line) as { type: unknown }).type));
}

void test('two distinct approvers, then the requester takes it up: only then the cloud is asked, and the clock starts', async () => {
  const t = await start();
  const request = await pending(t);
  assert.deepEqual(request.quorum, [{ group: 'leads', approvers: 2, missing: 2 }]);
  assert.deepEqual(request.can, ['cancel']);
  const one = await t.broker.approve(CAROL, request.id, { ...yes(request), comment: 'fine' });
  assert.deepEqual([one.request.state, one.request.quorum[0]?.missing], ['pending', 1]);
  const two = await t.broker.approve(DAN, request.id, yes(request));
  assert.deepEqual([two.request.state, two.grant], ['approved', null]);
  assert.match(two.request.why, /approved by carol and dan/);
  assert.equal(issued(t), 0);
  t.advance(20 * 60_000);
  const { request: mine } = await t.broker.request(ALICE, request.id, null);
  assert.deepEqual(mine.can, ['issue', 'cancel']);
  const { grant } = await t.broker.issue(ALICE, request.id);
  assert.equal(grant?.state, 'active');
  const length = Date.parse(grant.expiresAt ?? '') - t.world.now();
  assert.ok(length > 590_000 && length <= 600_000, `${length}`);
  const again = await t.broker.issue(ALICE, request.id);
  assert.equal(again.grant?.id, grant.id);
  assert.equal(issued(t), 1);
  assert.ok((await t.broker.credentials(ALICE, grant.id)).credentials.length === 1);
  const types = await entryTypes(t, request.id);
  assert.deepEqual(types.slice(0, 6), [
    'request.submitted',
    'request.decided',
    'request.voted',
    'request.voted',
    'grant.intended',
    'grant.issued',
  ]);
});

void test('nobody approves their own request: not as themselves, in another case, with a second account, nor as the person of an agent', async () => {
  const t = await start();
  const alice = lead('alice', { personKey: 'alice@corp.test' });
  const request = await pending(t, alice);
  const selves: Principal[] = [
    alice,
    lead('ALICE'),
    lead('alice-admin', { issuer: 'https://other.test', personKey: 'alice@corp.test' }),
    { ...lead('bot'), kind: 'agent', actsFor: { ...CAROL, kind: 'user' } },
    { ...lead('bot'), kind: 'agent' },
    { ...lead('pipeline'), kind: 'workload' },
  ];
  for (const self of selves) {
    await assert.rejects(t.broker.approve(self, request.id, yes(request)), (thrown: unknown) => {
      assert.ok(thrown instanceof JitError);
      assert.ok(['ERR_DENIED', 'ERR_NOT_FOUND'].includes(thrown.code), thrown.code);
      return true;
    });
  }
  const bot: Principal = { ...lead('bot'), kind: 'agent', actsFor: { ...CAROL, kind: 'user' } };
  const asked = await pending(t, bot);
  await assert.rejects(t.broker.approve(CAROL, asked.id, yes(asked)), code('ERR_DENIED'));
  assert.equal((await t.broker.inbox(alice, 10)).items.length, 1, 'only the request of the agent');
});

void test('a second account is recognised although its person became known after the request was made', async () => {
  const t = await start({
    present: (who) => (who.subject === 'alice' ? { ...who, personKey: 'alice@corp.test' } : who),
  });
  const request = await pending(t);
  const second = lead('alice-admin', { issuer: 'https://other.test', personKey: 'alice@corp.test' });
  await assert.rejects(t.broker.approve(second, request.id, yes(request)), code('ERR_NOT_FOUND'));
});

void test('the same person counts once, also by another account', async () => {
  const t = await start();
  const request = await pending(t);
  const first = lead('carol', { personKey: 'carol@corp.test' });
  const second = lead('c2', { issuer: 'https://other.test', personKey: 'carol@corp.test' });
  await t.broker.approve(first, request.id, yes(request));
  const again = await t.broker.approve(first, request.id, yes(request));
  assert.equal(again.request.votes.length, 1);
  assert.equal((await t.broker.approve(second, request.id, yes(request))).request.state, 'pending');
  assert.equal((await t.broker.approve(DAN, request.id, yes(request))).request.state, 'approved');
});

void test('one denial is enough, until the grant is made', async () => {
  const t = await start();
  const request = await pending(t);
  await t.broker.approve(CAROL, request.id, yes(request));
  await t.broker.approve(DAN, request.id, yes(request));
  const denied = await t.broker.deny(lead('erin'), request.id, { ...seen(request), reason: 'not during the freeze' });
  assert.equal(denied.request.state, 'denied');
  const again = await t.broker.deny(lead('erin'), request.id, { ...seen(request), reason: 'not during the freeze' });
  assert.equal(again.request.version, denied.request.version);
  await assert.rejects(t.broker.issue(ALICE, request.id), (thrown: unknown) => {
    assert.match(String(thrown), /erin denied it: not during the freeze/);
    return code('ERR_DENIED')(thrown);
  });
  await assert.rejects(t.broker.approve(lead('frank'), request.id, yes(request)), code('ERR_DECIDED'));
  assert.equal(issued(t), 0);
});

void test('a vote is for exactly what was seen', async () => {
  const t = await start();
  const request = await pending(t);
  const other = await pending(t, ALICE, ask('s3:PutObject', { seconds: 60 }));
  await assert.rejects(t.broker.approve(CAROL, request.id, { ...yes(request), hash: other.hash }), code('ERR_DECIDED'));
  await assert.rejects(
    t.broker.approve(CAROL, request.id, { ...yes(request), policy: '0'.repeat(64) }),
    code('ERR_DECIDED'),
  );
  assert.deepEqual((await t.broker.request(ALICE, request.id, null)).request.votes, []);
});

void test('racing votes have one outcome', async () => {
  const t = await start();
  const request = await pending(t);
  const leads = ['carol', 'dan', 'erin', 'frank', 'grace'].map((name) => lead(name));
  const settled = await Promise.allSettled([
    ...leads.map(async (voter) => t.broker.approve(voter, request.id, yes(request))),
    t.broker.deny(lead('heidi'), request.id, { ...seen(request), reason: 'no' }),
  ]);
  assert.ok(settled.every((one) => one.status === 'fulfilled' || code('ERR_DECIDED')(one.reason)));
  assert.equal((await t.broker.request(ALICE, request.id, null)).request.state, 'denied');
});

const STRICTER = `
@id("people") @tier("manual") @approvers("3") @approver_group("leads")
permit(principal, action == Jit::Action::"Request", resource);
@id("leads") permit(principal in Jit::Group::"leads", action == Jit::Action::"Approve", resource);
`;

void test('votes under an older policy do not count any more, and whoever looks is told', async () => {
  const t = await start();
  const request = await pending(t);
  await t.broker.approve(CAROL, request.id, yes(request));
  await t.broker.approve(DAN, request.id, yes(request));
  await t.policy(STRICTER);
  const { request: now } = await t.broker.request(ALICE, request.id, null);
  assert.equal(now.state, 'pending');
  assert.match(now.why, /needed again/);
  assert.deepEqual(now.quorum, [{ group: 'leads', approvers: 3, missing: 3 }]);
  assert.deepEqual(
    now.votes.map(({ counts }) => counts),
    [false, false],
  );
  await assert.rejects(t.broker.issue(ALICE, request.id), code('ERR_PENDING'));
  await assert.rejects(t.broker.approve(CAROL, request.id, yes(request)), code('ERR_DECIDED'));
  for (const voter of [CAROL, DAN, lead('erin')]) await t.broker.approve(voter, request.id, yes(now));
  assert.equal((await t.broker.issue(ALICE, request.id)).grant?.state, 'active');
});

void test('a policy that forbids what waits ends it', async () => {
  const t = await start();
  const request = await pending(t);
  await t.policy('@id("none") forbid(principal, action, resource);');
  assert.equal((await t.broker.request(ALICE, request.id, null)).request.state, 'denied');
});

void test('an approver who left the group before the grant was taken up does not count', async () => {
  const left = new Set<string>();
  const present = (who: Principal): Principal => (left.has(who.subject) ? { ...who, groups: [] } : who);
  const t = await start({ present });
  const request = await pending(t);
  await t.broker.approve(CAROL, request.id, yes(request));
  await t.broker.approve(DAN, request.id, yes(request));
  left.add('dan');
  await assert.rejects(t.broker.issue(ALICE, request.id), code('ERR_PENDING'));
  const { request: now } = await t.broker.request(ALICE, request.id, null);
  assert.deepEqual([now.state, now.quorum[0]?.missing], ['pending', 1]);
  await t.broker.approve(lead('erin'), request.id, yes(now));
  const { grant } = await t.broker.issue(ALICE, request.id);
  assert.ok(grant !== null);
  await t.broker.credentials(ALICE, grant.id);
  left.add('erin');
  await assert.rejects(t.broker.credentials(ALICE, grant.id), code('ERR_DENIED'));
  assert.notEqual((await t.broker.grant(ALICE, grant.id, null)).grant?.state, 'active');
});

void test('what nobody decides or takes up in time is over, and late votes change nothing', async () => {
  const t = await start();
  const undecided = await pending(t);
  const approved = await pending(t);
  for (const voter of [CAROL, DAN]) await t.broker.approve(voter, approved.id, yes(approved));
  t.advance(31 * 60_000);
  await assert.rejects(t.broker.issue(ALICE, approved.id), /timed-out/);
  t.advance(31 * 60_000);
  await assert.rejects(t.broker.approve(CAROL, undecided.id, yes(undecided)), code('ERR_DECIDED'));
  await t.approvals.timeOut();
  for (const { id } of [undecided, approved]) {
    assert.equal((await t.broker.request(ALICE, id, null)).request.state, 'timed-out');
  }
  assert.equal(await t.store.nextDeadline(), null);
});

void test('self-serve: the own word of a person, and of nobody else', async () => {
  const t = await start();
  const body = ask('s3:RestoreObject');
  const request = await pending(t, ALICE, body);
  assert.deepEqual(request.can, ['confirm', 'cancel']);
  await assert.rejects(t.broker.issue(ALICE, request.id), code('ERR_PENDING'));
  await assert.rejects(t.broker.confirm(CAROL, request.id, seen(request)), code('ERR_NOT_FOUND'));
  await assert.rejects(t.broker.approve(CAROL, request.id, yes(request)), code('ERR_NOT_FOUND'));
  await t.broker.confirm(ALICE, request.id, seen(request));
  assert.equal((await t.broker.issue(ALICE, request.id)).grant?.state, 'active');
  const robot: Principal = { ...BOB, kind: 'workload', subject: 'pipeline' };
  await assert.rejects(t.broker.submit(robot, body, null), /a workload cannot give/);
  const bot: Principal = { ...BOB, kind: 'agent', subject: 'bot', actsFor: { ...ALICE, kind: 'user' } };
  const asked = await pending(t, bot, body);
  await assert.rejects(t.broker.confirm(bot, asked.id, seen(asked)), code('ERR_DENIED'));
  await t.broker.confirm(ALICE, asked.id, seen(asked));
  assert.equal((await t.broker.issue(bot, asked.id)).grant?.state, 'active');
});

void test('a request is taken back by its requester only, and then nothing becomes of it', async () => {
  const t = await start();
  const request = await pending(t);
  await assert.rejects(t.broker.cancel(CAROL, request.id), code('ERR_NOT_FOUND'));
  assert.equal((await t.broker.cancel(ALICE, request.id)).request.state, 'cancelled');
  assert.equal((await t.broker.cancel(ALICE, request.id)).request.state, 'cancelled');
  await assert.rejects(t.broker.approve(CAROL, request.id, yes(request)), code('ERR_DECIDED'));
});

void test('a request that is none of their business looks like one that does not exist', async () => {
  const t = await start();
  const request = await pending(t);
  for (const call of [
    t.broker.request(BOB, request.id, null),
    t.broker.review(BOB, request.id),
    t.broker.approve(BOB, request.id, yes(request)),
    t.broker.deny(BOB, request.id, { ...seen(request), reason: 'x' }),
    t.broker.issue(CAROL, request.id),
  ]) {
    await assert.rejects(call, code('ERR_NOT_FOUND'));
  }
  assert.deepEqual((await t.broker.inbox(BOB, 10)).items, []);
});

void test('the review says what exactly would be issued, and what became of earlier requests', async () => {
  const t = await start();
  const first = await pending(t);
  for (const voter of [CAROL, DAN]) await t.broker.approve(voter, first.id, yes(first));
  const { grant } = await t.broker.issue(ALICE, first.id);
  assert.ok(grant !== null);
  await t.broker.credentials(ALICE, grant.id);
  const second = await pending(t);
  await t.broker.deny(CAROL, second.id, { ...seen(second), reason: 'no' });
  const third = await pending(t);
  const review = await t.broker.review(CAROL, third.id);
  assert.deepEqual(review.request.can, ['approve', 'deny']);
  assert.equal(review.targets.length, 1);
  assert.deepEqual(review.terms, { renewals: 0, maxSeconds: 3_600, idleSeconds: null });
  const { lastGrantedAt, ...history } = review.history;
  assert.deepEqual(history, { requests: 2, granted: 1, denied: 1, used: 1 });
  assert.ok(lastGrantedAt !== null);
});

void test('who waits is answered when the decision falls', async () => {
  const t = await start();
  const request = await pending(t);
  const signal = new AbortController().signal;
  const waiting = t.broker.request(ALICE, request.id, { ms: 20_000, signal, after: null });
  for (const voter of [CAROL, DAN]) await t.broker.approve(voter, request.id, yes(request));
  assert.equal((await waiting).request.state, 'approved');
});

void test('where there is nobody but the requester, manual is refused with the reason, and self-serve works', async () => {
  const t = await start({ approvals: { approvers: 'nobody' } });
  assert.equal((await t.broker.plan(ALICE, WRITE)).available, false);
  await assert.rejects(t.broker.submit(ALICE, WRITE, null), (thrown: unknown) => {
    assert.match(String(thrown), /2 of leads.*nobody but you/);
    return code('ERR_NEEDS_APPROVAL')(thrown);
  });
  const request = await pending(t, ALICE, ask('s3:RestoreObject'));
  await t.broker.confirm(ALICE, request.id, seen(request));
  assert.equal((await t.broker.issue(ALICE, request.id)).grant?.state, 'active');
});

void test('one requester cannot bury those who approve', async () => {
  const t = await start();
  for (let count = 0; count < 20; count++) await pending(t);
  await assert.rejects(t.broker.submit(ALICE, WRITE, null), /20 of your requests are waiting/);
  await pending(t, lead('zoe'));
});
