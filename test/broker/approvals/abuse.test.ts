/**
 * What somebody who means no good, or whose finger slips, can do to requests and grants: real service, policies and SQLite store.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Broker } from '../../../src/broker/service/broker.ts';
import { type ErrorCode, ERRORS, JitError } from '../../../src/core/errors.ts';
import type { GrantId, RequestId } from '../../../src/core/ids.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { ApproveBody } from '../../../src/wire/bodies.ts';
import type { Outcome } from '../../../src/wire/views.ts';
import { tempFolder } from '../../support/home.ts';
import { ALICE, ask, BOB, type Setting, startBroker, type TestBroker } from '../service/world.ts';

const CAROL: Principal = { ...BOB, subject: 'carol', name: 'carol', groups: ['leads'] };
const DAN: Principal = { ...CAROL, subject: 'dan', name: 'dan' };
const WRITE = ask('s3:PutObject');

async function start(t: TestContext, setting: Setting = {}): Promise<TestBroker> {
  const started = await startBroker(setting);
  t.after(async () => started.stop());
  return started;
}

const seen = ({ hash, policy }: Outcome['request']): { hash: string; policy: string } => ({ hash, policy });
const yes = (request: Outcome['request']): ApproveBody => ({ ...seen(request), attended: true });
const issues = (t: TestBroker): number => t.cloud.calls.filter((call) => call.startsWith('issue')).length;

async function approved({ broker }: TestBroker): Promise<RequestId> {
  const { request } = await broker.submit(ALICE, WRITE, null);
  for (const voter of [CAROL, DAN]) await broker.approve(voter, request.id, yes(request));
  return request.id;
}

async function codeOf(call: Promise<unknown>): Promise<ErrorCode | null> {
  return call.then(
    () => null,
    (thrown: unknown) => (thrown instanceof JitError ? thrown.code : assert.fail(String(thrown))),
  );
}

test('twenty clicks on taking up make one grant and one credential at the cloud', async (t) => {
  const w = await start(t);
  const id = await approved(w);
  const outcomes = await Promise.all(Array.from({ length: 20 }, async () => w.broker.issue(ALICE, id)));
  assert.equal(new Set(outcomes.map(({ grant }) => grant?.id)).size, 1);
  assert.deepEqual([...new Set(outcomes.map(({ grant }) => grant?.state))], ['active']);
  assert.equal((await w.broker.issue(ALICE, id)).grant?.id, outcomes[0]?.grant?.id);
  assert.equal(issues(w), 1);
});

test('two brokers on one store that are asked to take up the same request make one grant between them', async (t) => {
  const file = join(tempFolder(t), 'store');
  const one = await start(t, { file, worker: 'off' });
  const other = await start(t, { file, worker: 'off', after: one });
  for (let round = 0; round < 10; round++) {
    const id = await approved(one);
    const taken = await Promise.all([one, other, other, one].map(async ({ approvals }) => approvals.takeUp(ALICE, id)));
    assert.deepEqual(taken.map(({ made }) => made).toSorted(), ['earlier', 'earlier', 'earlier', 'now']);
    const [grant, ...more] = new Set(taken.map((each) => each.grant?.grant.id));
    assert.ok(grant !== undefined && more.length === 0);
    const entries = await other.store.entries({ grant, from: 0, limit: 100 });
    assert.equal(entries.filter(({ line }) => line.includes('"grant.intended"')).length, 1);
  }
});

test('two brokers on one store: of a voter who clicks at both one vote counts, and a no beside it ends it', async (t) => {
  const file = join(tempFolder(t), 'store');
  const one = await start(t, { file, worker: 'off' });
  const other = await start(t, { file, worker: 'off', after: one });
  for (let round = 0; round < 5; round++) {
    const { request } = await one.broker.submit(ALICE, WRITE, null);
    const vote = async ({ broker }: TestBroker): Promise<unknown> => broker.approve(CAROL, request.id, yes(request));
    await Promise.all([one, other, one, other].map(vote));
    const now = await other.broker.request(ALICE, request.id, null);
    assert.deepEqual([now.request.state, now.request.votes.length], ['pending', 1]);
    const no = { ...seen(request), reason: 'no' };
    const both = await Promise.all([
      codeOf(one.broker.approve(DAN, request.id, yes(request))),
      codeOf(other.broker.deny({ ...DAN, subject: 'erin', name: 'erin' }, request.id, no)),
    ]);
    assert.ok(both[0] === null || both[0] === 'ERR_DECIDED');
    assert.equal(both[1], null);
    assert.equal((await one.broker.request(ALICE, request.id, null)).request.state, 'denied');
    assert.equal(await codeOf(other.broker.issue(ALICE, request.id)), 'ERR_DENIED');
  }
  assert.equal(issues(one), 0);
});

/** What each use case answers to somebody who asks for a thing by its id; null where none is given. */
function foreign(
  who: Principal,
  { hash, policy }: Outcome['request'],
): Record<keyof Broker, ((broker: Broker, request: RequestId, grant: GrantId) => Promise<unknown>) | null> {
  const looked = { hash, policy };
  const uses = [
    { channel: 'process' as const, count: 1, first: new Date(0).toISOString(), last: '2026-01-01T00:00:00Z' },
  ];
  return {
    plan: null,
    submit: null,
    inbox: null,
    requests: null,
    liveGrants: null,
    revokeMine: null,
    revokeUser: null,
    incidents: null,
    incident: null,
    revokeIncident: null,
    reviews: null,
    // Who is told nothing of a review is told nothing by its absence.
    reviewOf: null,
    request: async (broker, id) => broker.request(who, id, null),
    review: async (broker, id) => broker.review(who, id),
    explanation: async (broker, id) => broker.explanation(who, id),
    approve: async (broker, id) => broker.approve(who, id, { ...looked, attended: true }),
    deny: async (broker, id) => broker.deny(who, id, { ...looked, reason: 'x' }),
    confirm: async (broker, id) => broker.confirm(who, id, looked),
    cancel: async (broker, id) => broker.cancel(who, id),
    issue: async (broker, id) => broker.issue(who, id),
    grant: async (broker, _, id) => broker.grant(who, id, null),
    credentials: async (broker, _, id) => broker.credentials(who, id),
    renew: async (broker, _, id) => broker.renew(who, id, { seconds: 900 }, null),
    revoke: async (broker, _, id) => broker.revoke(who, id, 'revoked'),
    use: async (broker, _, id) => broker.use(who, id, { uses }),
    closeReview: async (broker, id) => broker.closeReview(who, id, { hash, verdict: 'justified', comment: 'x' }),
    entries: async (broker, request, grant) =>
      Promise.allSettled([
        broker.entries(who, { request, from: 0, limit: 10 }),
        broker.entries(who, { grant, from: 0, limit: 10 }),
      ]).then((both) => {
        throw both.every(({ status }) => status === 'rejected')
          ? both.find((each) => each.status === 'rejected')?.reason
          : new Error('entries of somebody else');
      }),
  };
}

test('every use case answers for the things of others as for what does not exist, and lists none of them', async (t) => {
  const w = await start(t);
  const { request, grant } = await w.broker.submit(ALICE, ask('s3:GetObject'), null);
  assert.ok(grant !== null);
  const before = await w.store.entries({ from: 0, limit: 100 });
  const answer = async (call: Promise<unknown>): Promise<string> =>
    call.then(
      () => 'it worked',
      (thrown: unknown) => {
        assert.ok(thrown instanceof JitError && thrown.code === 'ERR_NOT_FOUND', String(thrown));
        return `${thrown.message} ${thrown.hint}`.replaceAll(/(gr|req)_\w+/g, 'ID');
      },
    );
  const strangers: readonly Principal[] = [
    BOB,
    CAROL,
    { ...ALICE, issuer: 'https://other.test' },
    { ...ALICE, subject: 'Alice' },
    { ...BOB, kind: 'agent', subject: 'bot', actsFor: { ...ALICE, kind: 'user' } },
  ];
  for (const who of strangers) {
    for (const [name, call] of Object.entries(foreign(who, request))) {
      if (call === null) continue;
      const theirs = await answer(call(w.broker, request.id, grant.id));
      assert.equal(theirs, await answer(call(w.broker, `req_${'0'.repeat(26)}`, `gr_${'0'.repeat(26)}`)), name);
      assert.notEqual(theirs, 'it worked', `${name} by ${who.subject}`);
    }
    const lists = [w.broker.requests(who, 10), w.broker.liveGrants(who, 10), w.broker.inbox(who, 10)];
    for (const { items } of await Promise.all([...lists, w.broker.revokeMine(who)])) assert.deepEqual(items, []);
    const { issuer, subject } = ALICE;
    assert.deepEqual(await w.broker.revokeUser(who, { issuer, subject }), { items: [], kept: [] });
  }
  assert.deepEqual(await w.store.entries({ from: 0, limit: 100 }), before, 'nothing has happened');
  assert.equal(w.cloud.works(grant.id), true);
});

test('a renewal in the last second counts, one after the end is gone for good, and none goes beyond the longest time', async (t) => {
  const w = await start(t, {
    policy:
      '@id("r") @tier("auto") @max("1h") @renewals("9") permit(principal, action == Jit::Action::"Request", resource);',
  });
  const { grant } = await w.broker.submit(ALICE, ask(), null);
  assert.ok(grant !== null);
  const renew = async (seconds: number): Promise<Outcome> => w.broker.renew(ALICE, grant.id, { seconds }, null);
  w.advance(Date.parse(grant.expiresAt ?? '') - 1_000 - w.world.now());
  const renewed = await renew(600);
  assert.equal(renewed.grant?.renewals, 1);
  assert.equal(await codeOf(renew(3_601)), 'ERR_DENIED');
  w.advance(Date.parse(renewed.grant?.expiresAt ?? '') - w.world.now());
  assert.equal(await codeOf(renew(600)), 'ERR_GRANT_ENDED');
  assert.equal(await codeOf(w.broker.credentials(ALICE, grant.id)), 'ERR_GRANT_ENDED');
  assert.equal(ERRORS.ERR_GRANT_ENDED.http, 410);
  assert.equal(w.cloud.works(grant.id), false);
});

test('a rule that fails while it is asked denies, which is stored and in the audit log', async (t) => {
  const w = await start(t, {
    policy: `@id("all") @tier("auto") permit(principal, action == Jit::Action::"Request", resource);
      @id("broken") forbid(principal, action == Jit::Action::"Request", resource)
      when { context.seconds * 9223372036854775807 < 0 };`,
  });
  assert.equal(await codeOf(w.broker.submit(ALICE, ask(), null)), 'ERR_DENIED');
  const [item] = (await w.broker.requests(ALICE, 10)).items;
  assert.deepEqual([item?.request.state, item?.request.why], ['denied', 'the policies could not be evaluated']);
  const entries = await w.store.entries({ from: 0, limit: 10 });
  const decided = entries.map(({ line }): { type: string; data: Record<string, unknown> } => JSON.parse(line))[1];
  assert.deepEqual(
    [decided?.type, decided?.data['state'], decided?.data['policies']],
    ['request.decided', 'denied', ['broken']],
  );
  assert.deepEqual(w.cloud.calls, []);
});

test('a pattern with many wildcards, on a resource made to be almost matched, is answered', async (t) => {
  const pattern = `arn:aws:s3:::${'a*'.repeat(200)}b`;
  const w = await start(t, {
    policy: `@id("p") @tier("auto") permit(principal, action == Jit::Action::"Request", resource)
      when { context.resource like "${pattern}" };`,
  });
  const on = (end: string): Promise<ErrorCode | null> => {
    const [detail] = ask().authorization_details;
    assert.ok(detail !== undefined);
    const resources = [`arn:aws:s3:::${'a'.repeat(1_900)}${end}`];
    return codeOf(w.broker.submit(ALICE, { ...ask(), authorization_details: [{ ...detail, resources }] }, null));
  };
  assert.deepEqual([await on('b'), await on('c')], [null, 'ERR_DENIED']);
});

test('what the requester says of themselves is nothing that a rule can see', async (t) => {
  const w = await start(t, {
    policy:
      '@id("g") @tier("auto") permit(principal in Jit::Group::"admins", action == Jit::Action::"Request", resource);',
  });
  for (const body of [
    ask('s3:GetObject', { reason: 'Jit::Group::"admins"', ticket: 'admins' }),
    ask('s3:GetObject', { reason: '"} || true || {"' }),
  ]) {
    for (const name of ['admins', 'Jit::Group::"admins"']) {
      assert.equal(await codeOf(w.broker.submit({ ...ALICE, name, subject: name }, body, null)), 'ERR_DENIED');
    }
  }
  assert.equal(await codeOf(w.broker.submit({ ...ALICE, groups: ['admins'] }, ask(), null)), null);
});
