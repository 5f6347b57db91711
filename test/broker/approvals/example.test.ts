/**
 * The worked example of policies, lived through at a broker: real service, policy engine, store and reading of AWS permissions.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tryCase } from '../../../src/cli/policy/trial.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import { JitError } from '../../../src/core/errors.ts';
import { isEmergency } from '../../../src/policy/question.ts';
import type { ApproveBody } from '../../../src/wire/bodies.ts';
import type { GrantView, Outcome } from '../../../src/wire/views.ts';
import { eventually } from '../../support/eventually.ts';
import type { TestBroker } from '../service/world.ts';
import { CASES, openAcme, person, type Wish, wish, wishOf } from './example.ts';

const MINUTE = 60_000;
const WEDNESDAY = '2026-03-25T11:00:00+01:00';
const NIGHT = '2026-03-25T22:00:00+01:00';
const FRIDAY = '2026-03-27T15:50:00+01:00';
const SATURDAY = '2026-03-28T12:00:00+01:00';

const LOGS = 'arn:aws:logs:eu-central-1:111122223333:log-group:web';
const LOOK: Wish = { target: 'prod-web', operation: 'logs:FilterLogEvents', resource: LOGS };
const CHANGE: Wish = {
  target: 'prod-web',
  operation: 's3:PutObject',
  resource: 'arn:aws:s3:::acme-web/index.html',
  ticket: 'OPS-7',
};
const DEPLOY: Wish = { target: 'prod-web', operation: 'deploy-web' };
const CUSTOMERS: Wish = {
  target: 'prod-data',
  operation: 's3:GetObject',
  resource: 'arn:aws:s3:::acme-customers/2026.csv',
  ticket: 'OPS-7',
};

type Request = Outcome['request'];
const seen = ({ hash, policy }: Request): { hash: string; policy: string } => ({ hash, policy });
const yes = (request: Request): ApproveBody => ({ ...seen(request), attended: true });

const ask = async (t: TestBroker, who: string, what: Wish): Promise<Outcome> =>
  t.broker.submit(person(who), wish(what), null);

async function waiting(t: TestBroker, who: string, what: Wish): Promise<Request> {
  const { request, grant } = await ask(t, who, what);
  assert.deepEqual([request.state, grant], ['pending', null]);
  return request;
}

const approve = async (t: TestBroker, who: string, request: Request): Promise<Request> =>
  (await t.broker.approve(person(who), request.id, yes(request))).request;

function granted({ grant }: Outcome): GrantView {
  assert.ok(grant?.state === 'active');
  return grant;
}

async function refused(call: Promise<unknown>, why: RegExp): Promise<void> {
  await assert.rejects(call, (thrown: unknown) => {
    assert.ok(thrown instanceof JitError && ['ERR_DENIED', 'ERR_NOT_FOUND'].includes(thrown.code), String(thrown));
    assert.match(thrown.message, why);
    return true;
  });
}

/** None of them has a vote on it: the policies give them none. */
async function haveNoVote(t: TestBroker, request: Request, ...names: readonly string[]): Promise<void> {
  for (const name of names)
    await refused(approve(t, name, request), /there is no request|you may not decide this one|only people decide/);
}

const stateOf = async (t: TestBroker, id: GrantId): Promise<string | undefined> =>
  (await t.store.grant(id))?.grant.state.name;

test('for every case of the example the broker answers what `jit policy test` says', async (t) => {
  const inTime = CASES.filter(({ question }) => !isEmergency(question)).toSorted(
    (a, b) => a.question.now - b.question.now,
  );
  const acme = await openAcme(t, inTime[0]?.question.now ?? 0, { worker: 'off' });
  for (const one of inTime) {
    const { name, question, expected } = one;
    acme.advance(question.now - acme.world.now());
    const { verdict, differences } = tryCase(acme.world.policy, one);
    assert.deepEqual(differences, [], name);
    const body = wishOf(one);
    const plan = await acme.broker.plan(question.principal, body);
    assert.deepEqual([plan.decision, plan.why], [verdict.kind, verdict.why], name);
    if (verdict.kind === 'deny') {
      await refused(acme.broker.submit(question.principal, body, null), /^denied: /);
      continue;
    }
    assert.ok('quorum' in verdict);
    const { tier, maxSeconds, renewals, idleSeconds, quorum } = verdict;
    const terms = { tier, maxSeconds, renewals, idleSeconds, quorum };
    assert.deepEqual(terms, {
      tier: plan.tier,
      maxSeconds: plan.maxSeconds,
      renewals: plan.renewals,
      idleSeconds: plan.idleSeconds,
      quorum: plan.quorum,
    });
    const { request, grant } = await acme.broker.submit(question.principal, body, null);
    assert.deepEqual([request.state, grant?.state], tier === 'auto' ? ['approved', 'active'] : ['pending', undefined]);
    await haveNoVote(acme, request, ...expected.mayNotApprove.map((voter) => voter.name));
    for (const voter of expected.mayApprove) {
      const { votes } = await approve(acme, voter.name, request);
      assert.ok(
        votes.some(({ by, counts }) => by.subject === voter.subject && counts),
        `${name}: ${voter.name}`,
      );
    }
    if (grant === null) await acme.broker.cancel(question.principal, request.id);
    else await liveThrough(acme, grant.id, one);
  }
});

/** Nobody ends the grant whom the case does not let, and then somebody does. */
async function liveThrough(acme: TestBroker, id: GrantId, { name, expected }: (typeof CASES)[number]): Promise<void> {
  for (const who of expected.mayNotRevoke) {
    await refused(acme.broker.revoke(who, id, 'revoked'), /^there is no grant/);
    await refused(acme.broker.grant(who, id, null), /^there is no grant/);
  }
  assert.equal(await stateOf(acme, id), 'active', name);
  const [first] = expected.mayRevoke;
  if (first === undefined) return;
  for (const who of expected.mayRevoke) assert.equal((await acme.broker.grant(who, id, null)).grant?.id, id, name);
  await acme.broker.revoke(first, id, 'revoked');
  assert.equal(await stateOf(acme, id), 'revoking', name);
}

test("dev and staging: at once, or after a word of one's own that nobody else can give", async (t) => {
  const acme = await openAcme(t, WEDNESDAY);
  const dev = { target: 'dev', operation: 's3:DeleteBucket', resource: 'arn:aws:s3:::acme-dev', seconds: 28_800 };
  assert.equal(granted(await ask(acme, 'ada', dev)).idleSeconds, 7_200);
  const put = { target: 'staging', operation: 's3:PutObject', resource: 'arn:aws:s3:::acme-staging/a' };
  const request = await waiting(acme, 'ada', put);
  assert.deepEqual(request.can, ['confirm', 'cancel']);
  await haveNoVote(acme, request, 'bob', 'cleo');
  await refused(acme.broker.confirm(person('bob'), request.id, seen(request)), /there is no request/);
  await acme.broker.confirm(person('ada'), request.id, seen(request));
  granted(await acme.broker.issue(person('ada'), request.id));
  await refused(ask(acme, 'guest', put), /no policy permits this/);
});

test('a change in prod: two different leads, of whom neither is the requester or a contractor', async (t) => {
  const acme = await openAcme(t, WEDNESDAY);
  const request = await waiting(acme, 'ada', CHANGE);
  assert.deepEqual(request.quorum, [{ group: 'leads', approvers: 2, missing: 2 }]);
  // Eve is a lead and a contractor, Bob is on call, Gil owns data, Ivy is security.
  await haveNoVote(acme, request, 'ada', 'eve', 'bob', 'gil', 'ivy', 'adas-agent', 'web-pipeline');
  assert.equal((await approve(acme, 'cleo', request)).quorum[0]?.missing, 1);
  assert.equal((await approve(acme, 'cleo', request)).votes.length, 1, 'her second word is no second vote');
  await assert.rejects(acme.broker.issue(person('ada'), request.id), { code: 'ERR_PENDING' });
  const done = await approve(acme, 'dan', request);
  assert.deepEqual([done.state, done.why], ['approved', 'approved by cleo and dan']);
  const grant = granted(await acme.broker.issue(person('ada'), request.id));
  assert.deepEqual([grant.idleSeconds, grant.legs.map(({ target }) => target)], [900, ['prod-web']]);
  const own = await waiting(acme, 'cleo', CHANGE);
  await haveNoVote(acme, own, 'cleo', 'eve');
  const denied = await acme.broker.deny(person('dan'), own.id, { ...seen(own), reason: 'after the release' });
  assert.equal(denied.request.state, 'denied');
  await refused(acme.broker.issue(person('cleo'), own.id), /dan denied it: after the release/);
});

test('sensitive data: its owners decide, for those who work with it, and being on call or a lead opens nothing', async (t) => {
  const acme = await openAcme(t, WEDNESDAY);
  const request = await waiting(acme, 'fay', CUSTOMERS);
  await haveNoVote(acme, request, 'fay', 'bob', 'cleo', 'kim');
  assert.equal((await approve(acme, 'gil', request)).state, 'approved');
  assert.equal(granted(await acme.broker.issue(person('fay'), request.id)).idleSeconds, 900);
  for (const name of ['bob', 'cleo', 'gil']) await refused(ask(acme, name, CUSTOMERS), /^denied: /);
  await refused(ask(acme, 'web-pipeline', CUSTOMERS), /pipelines and agents get no data that is marked sensitive/);
  await refused(ask(acme, 'fay', { ...CUSTOMERS, resource: 'arn:aws:s3:::acme-*' }), /wildcard/);
  const { ticket: _, ...blind } = CUSTOMERS;
  await refused(ask(acme, 'fay', blind), /a ticket is needed/);
});

test('agents never get more than their person, and neither the agent nor its person decides for it', async (t) => {
  const acme = await openAcme(t, WEDNESDAY);
  const staging = { target: 'staging', operation: 's3:GetObject', resource: 'arn:aws:s3:::acme-staging/a' };
  assert.equal(granted(await ask(acme, 'adas-agent', staging)).idleSeconds, 900);
  await refused(ask(acme, 'guests-agent', staging), /^denied: /);
  const request = await waiting(acme, 'adas-agent', LOOK);
  await haveNoVote(acme, request, 'ada', 'adas-agent', 'cleo');
  assert.equal((await approve(acme, 'bob', request)).state, 'approved');
  await refused(acme.broker.issue(person('ada'), request.id), /there is no request|nobody else/);
  const { id } = granted(await acme.broker.issue(person('adas-agent'), request.id));
  await acme.broker.revoke(person('ada'), id, 'revoked');
  await eventually(async () => (await stateOf(acme, id)) === 'closed');
  await refused(ask(acme, 'adas-agent', DEPLOY), /an agent may look at prod and change nothing there/);
});

test('pipelines: the main branch of one repository deploys by itself, and has nobody to decide anything else', async (t) => {
  const acme = await openAcme(t, WEDNESDAY);
  granted(await ask(acme, 'web-pipeline', DEPLOY));
  granted(await ask(acme, 'branch-pipeline', { ...CHANGE, target: 'staging' }));
  for (const [who, what] of [
    ['branch-pipeline', DEPLOY],
    ['web-pipeline', CHANGE],
    ['web-pipeline', LOOK],
  ] as const) {
    await refused(ask(acme, who, what), /^denied: /);
  }
  const own = await waiting(acme, 'ada', DEPLOY);
  await refused(acme.broker.confirm(person('web-pipeline'), own.id, seen(own)), /there is no request/);
});

test("looking at prod: one's own word by day, somebody on call by night, and at once for those on call", async (t) => {
  const acme = await openAcme(t, WEDNESDAY);
  const byDay = await waiting(acme, 'ada', LOOK);
  assert.equal(byDay.tier, 'self-serve');
  await acme.broker.confirm(person('ada'), byDay.id, seen(byDay));
  granted(await acme.broker.issue(person('ada'), byDay.id));
  acme.advance(Date.parse(NIGHT) - acme.world.now());
  const byNight = await waiting(acme, 'ada', LOOK);
  assert.equal(byNight.tier, 'manual');
  await refused(acme.broker.confirm(person('ada'), byNight.id, seen(byNight)), /not yours to confirm/);
  await haveNoVote(acme, byNight, 'ada', 'cleo');
  assert.equal((await approve(acme, 'bob', byNight)).state, 'approved');
  granted(await acme.broker.issue(person('ada'), byNight.id));
  granted(await ask(acme, 'bob', { ...LOOK, seconds: 7_200 }));
});

test('the freeze before the weekend: nothing new, nothing that waits, nothing that was approved, but for those on call', async (t) => {
  const acme = await openAcme(t, FRIDAY);
  const [half, done] = [await waiting(acme, 'ada', CHANGE), await waiting(acme, 'ada', CHANGE)];
  await approve(acme, 'cleo', half);
  for (const lead of ['cleo', 'dan']) await approve(acme, lead, done);
  const early = await waiting(acme, 'ada', CHANGE);
  for (const lead of ['cleo', 'dan']) await approve(acme, lead, early);
  const live = granted(await acme.broker.issue(person('ada'), early.id));
  await acme.broker.credentials(person('ada'), live.id);
  acme.advance(11 * MINUTE);
  const frozen = /no changes in prod from Friday afternoon on/;
  await refused(ask(acme, 'ada', CHANGE), /until Mon 2026-03-30 00:00 Europe\/Berlin/);
  await assert.rejects(approve(acme, 'dan', half), { code: 'ERR_DECIDED' });
  await refused(acme.broker.issue(person('ada'), done.id), frozen);
  for (const { id } of [half, done]) {
    assert.equal((await acme.broker.request(person('ada'), id, null)).request.state, 'denied');
  }
  // What was granted before goes on to its end, and no further.
  await acme.broker.credentials(person('ada'), live.id);
  await refused(acme.broker.renew(person('ada'), live.id, { seconds: 1_800 }, null), frozen);
  assert.equal(await stateOf(acme, live.id), 'active');
  acme.advance(Date.parse(SATURDAY) - acme.world.now());
  await refused(ask(acme, 'web-pipeline', DEPLOY), frozen);
  const { ticket: _, ...urgent } = CHANGE;
  const onCall = await waiting(acme, 'bob', urgent);
  assert.deepEqual(onCall.quorum, [{ group: 'leads', approvers: 1, missing: 1 }]);
  await haveNoVote(acme, onCall, 'bob', 'eve', 'ada');
  assert.equal((await approve(acme, 'cleo', onCall)).state, 'approved');
  granted(await acme.broker.issue(person('bob'), onCall.id));
});

test('renewals and idle limits are those of the rule: five times for those on call, and over after half an hour unused', async (t) => {
  const acme = await openAcme(t, NIGHT);
  const { id } = granted(await ask(acme, 'bob', { ...LOOK, seconds: 1_800 }));
  await acme.broker.credentials(person('bob'), id);
  const renew = async (seconds: number): Promise<Outcome> => acme.broker.renew(person('bob'), id, { seconds }, null);
  for (let round = 1; round <= 5; round++) {
    acme.advance(20 * MINUTE);
    assert.equal(granted(await renew(7_200)).renewals, round);
  }
  await refused(renew(10_000), /at most 2h here/);
  acme.advance(20 * MINUTE);
  await refused(renew(7_200), /policy on-call-look allows 5 times/);
  assert.equal(await stateOf(acme, id), 'active');
  acme.advance(11 * MINUTE);
  await eventually(async () => (await stateOf(acme, id)) === 'closed');
  const ended = await acme.broker.grant(person('bob'), id, null);
  assert.deepEqual([ended.grant?.reason, acme.cloud.works(id)], ['idle', false]);
  const once = await waiting(acme, 'bob', CHANGE);
  await approve(acme, 'dan', once);
  const change = granted(await acme.broker.issue(person('bob'), once.id));
  await refused(acme.broker.renew(person('bob'), change.id, { seconds: 1_800 }, null), /allows no renewal/);
});

test('teams and administrators: managers decide for their own people only, and permissions take two from security', async (t) => {
  const acme = await openAcme(t, WEDNESDAY);
  const table = 'arn:aws:dynamodb:eu-central-1:111122223333:table/payments';
  const update = { target: 'prod-payments', operation: 'dynamodb:UpdateItem', resource: table, ticket: 'OPS-7' };
  const theirs = await waiting(acme, 'jon', update);
  await haveNoVote(acme, theirs, 'jon', 'bob', 'gil');
  assert.equal((await approve(acme, 'kim', theirs)).state, 'approved');
  const others = await waiting(acme, 'ada', update);
  await haveNoVote(acme, others, 'kim', 'jon');
  const role = {
    target: 'prod-web',
    operation: 'iam:PutRolePolicy',
    resource: 'arn:aws:iam::111122223333:role/web',
    ticket: 'OPS-7',
    reason: 'the new role of the web servers needs its queue',
  };
  const grave = await waiting(acme, 'hal', role);
  await haveNoVote(acme, grave, 'hal', 'cleo', 'dan', 'kim');
  assert.deepEqual((await approve(acme, 'ivy', grave)).quorum, [{ group: 'security', approvers: 2, missing: 1 }]);
  await assert.rejects(acme.broker.issue(person('hal'), grave.id), { code: 'ERR_PENDING' });
  await refused(ask(acme, 'ada', { ...role, target: 'dev' }), /no policy permits this/);
});
