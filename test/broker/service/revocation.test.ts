/**
 * Ending what others hold, through the broker's use cases: real policies, store and worker around a cloud that enforces ends.
 * @module
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { Outcome } from '../../../src/wire/views.ts';
import { eventually } from '../../support/eventually.ts';
import { all, telling, WITH_WORKER } from './telling.ts';
import { ALICE, ask, BOB, type Setting, startBroker, type TestBroker } from './world.ts';

const POLICY = `
@id("all") @tier("auto") @max("1h") permit(principal, action == Jit::Action::"Request", resource);
@id("security") permit(principal in Jit::Group::"security", action == Jit::Action::"Revoke", resource);
@id("west") permit(principal in Jit::Group::"west", action == Jit::Action::"Revoke", resource == Jit::Target::"west");
@id("bots") permit(principal in Jit::Group::"west", action == Jit::Action::"Revoke", resource)
when { context.requesterKind == "agent" };
`;
const member = (subject: string, ...groups: readonly string[]): Principal => ({
  ...BOB,
  subject,
  name: subject,
  groups,
});
const IVY = member('ivy', 'security');
const WES = member('wes', 'west');
const BOT: Principal = { ...BOB, kind: 'agent', subject: 'bot', name: 'bot', actsFor: { ...ALICE, kind: 'user' } };
const HERS = { subject: ALICE.subject };

async function start(t: TestContext, setting: Setting = {}): Promise<TestBroker> {
  const started = await startBroker({ policy: POLICY, targets: ['east', 'west'], ...setting });
  t.after(started.stop);
  return started;
}

async function granted(
  t: TestBroker,
  who: Principal,
  ...places: readonly string[]
): Promise<Outcome & { id: GrantId }> {
  const details = places.flatMap((target) => ask('s3:GetObject', { target }).authorization_details);
  const outcome = await t.broker.submit(who, ask('s3:GetObject', { authorization_details: details }), null);
  assert.ok(outcome.grant?.state === 'active');
  return { ...outcome, id: outcome.grant.id };
}

const told = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'it worked',
    (thrown: unknown) => {
      assert.ok(thrown instanceof JitError, String(thrown));
      return `${thrown.code} ${thrown.message} ${thrown.hint ?? ''}`.replaceAll(/(gr|req)_\w+/g, 'ID');
    },
  );

const idsOf = (outcomes: readonly Outcome[]): string[] => outcomes.map(({ grant }) => String(grant?.id)).toSorted();
const closed = async (t: TestBroker, id: GrantId): Promise<void> => {
  await eventually(async () => (await t.store.grant(id))?.grant.state.name === 'closed');
  assert.equal(t.cloud.works(id), false);
};

test('whom policy lets ends it, sees it before and after, and the log has them as who did it', async (t) => {
  const w = await start(t);
  const { id, request } = await granted(w, ALICE, 'east', 'west');
  const seen = await w.broker.grant(IVY, id, null);
  assert.deepEqual([seen.grant?.state, seen.request.can], ['active', []]);
  assert.equal((await w.broker.request(IVY, request.id, null)).request.reason, 'a test');
  assert.ok((await w.broker.entries(IVY, { grant: id, from: 0, limit: 10 })).entries.length > 0);
  assert.notEqual((await w.broker.revoke(IVY, id, 'revoked')).grant?.state, 'active');
  await closed(w, id);
  assert.equal((await w.broker.grant(IVY, id, null)).grant?.reason, 'revoked');
  const { entries } = await w.broker.entries(ALICE, { grant: id, from: 0, limit: 100 });
  const ends = entries.map(({ line }) => JSON.parse(line)).filter(({ type }) => type === 'grant.end');
  assert.deepEqual(
    ends.map(({ actor, data }) => [actor.subject, data.reason]),
    [['ivy', 'revoked']],
  );
});

test('to end is all they may: no credential, no renewal, no use, no word that the task is done', async (t) => {
  const w = await start(t);
  const { id, request } = await granted(w, ALICE, 'east');
  assert.match(await told(w.broker.revoke(IVY, id, 'completed')), /^ERR_DENIED/);
  for (const call of [
    w.broker.credentials(IVY, id),
    w.broker.renew(IVY, id, { seconds: 600 }, null),
    w.broker.use(IVY, id, { uses: [] }),
    w.broker.cancel(IVY, request.id),
    w.broker.issue(IVY, request.id),
  ]) {
    assert.match(await told(call), /^ERR_NOT_FOUND/);
  }
  assert.equal((await w.broker.grant(ALICE, id, null)).grant?.state, 'active');
  assert.deepEqual((await w.broker.liveGrants(IVY, 10)).items, []);
});

test('who may not at every target, or not any more, hears what they hear of what does not exist', async (t) => {
  const w = await start(t);
  const { id, request } = await granted(w, ALICE, 'east', 'west');
  const nothing: GrantId = `gr_${'0'.repeat(26)}`;
  for (const who of [
    WES,
    BOB,
    member('eve', 'leads'),
    { ...IVY, groups: [] },
    { ...BOT, actsFor: { ...BOB, kind: 'user' as const } },
  ]) {
    const tries = [
      async (grant: GrantId) => w.broker.revoke(who, grant, 'revoked'),
      async (grant: GrantId) => w.broker.grant(who, grant, null),
      async (grant: GrantId) => w.broker.entries(who, { grant, from: 0, limit: 10 }),
    ];
    for (const attempt of tries) {
      const answer = await told(attempt(id));
      assert.match(answer, /^ERR_NOT_FOUND/);
      assert.equal(answer, await told(attempt(nothing)));
    }
    assert.match(await told(w.broker.request(who, request.id, null)), /^ERR_NOT_FOUND/);
  }
  await w.policy(
    `${POLICY}forbid(principal == Jit::User::"${IVY.issuer}|ivy", action == Jit::Action::"Revoke", resource);`,
  );
  assert.match(await told(w.broker.revoke(IVY, id, 'revoked')), /^ERR_NOT_FOUND/);
  assert.equal(w.cloud.works(id), true);
});

test("an agent's grant is ended by its person, and by whom policy lets end those of agents", async (t) => {
  const w = await start(t);
  const [one, two] = [await granted(w, BOT, 'east'), await granted(w, BOT, 'east')];
  const { id: own } = await granted(w, ALICE, 'east');
  await w.broker.revoke(ALICE, one.id, 'revoked');
  await closed(w, one.id);
  await w.broker.revoke(WES, two.id, 'revoked');
  await closed(w, two.id);
  assert.match(await told(w.broker.revoke(WES, own, 'revoked')), /^ERR_NOT_FOUND/);
  assert.match(await told(w.broker.revoke(BOT, own, 'revoked')), /^ERR_NOT_FOUND/);
});

test('all of a user: what they hold and their agents hold is ended, what the caller may not end is named', async (t) => {
  const w = await start(t);
  const [west, both, bots] = [
    await granted(w, ALICE, 'west'),
    await granted(w, ALICE, 'east', 'west'),
    await granted(w, BOT, 'east'),
  ];
  const { id: bobs } = await granted(w, BOB, 'west');
  assert.deepEqual(await w.broker.revokeUser(member('eve'), HERS), { items: [], kept: [] });
  const part = await w.broker.revokeUser(WES, HERS);
  assert.deepEqual(idsOf(part.items), [west.id, bots.id].toSorted());
  assert.deepEqual(part.kept, [both.id]);
  const rest = await w.broker.revokeUser(IVY, { issuer: ALICE.issuer, ...HERS });
  assert.ok(idsOf(rest.items).includes(both.id));
  assert.deepEqual(rest.kept, []);
  for (const { id } of [west, both, bots]) await closed(w, id);
  assert.equal((await w.broker.grant(BOB, bobs, null)).grant?.state, 'active');
  assert.deepEqual(await w.broker.revokeUser(IVY, HERS), { items: [], kept: [] });
  assert.deepEqual(await w.broker.revokeUser(IVY, { subject: 'ALICE' }), { items: [], kept: [] });
  assert.deepEqual(await w.broker.revokeUser(IVY, { issuer: 'https://other.test', subject: 'bob' }), {
    items: [],
    kept: [],
  });
  assert.deepEqual(idsOf((await w.broker.revokeUser(BOB, { subject: 'bob' })).items), [bobs], 'their own need no rule');
});

test('where a target was taken out nobody can be permitted there, and its holder still ends it', async (t) => {
  const w = await start(t);
  const { id } = await granted(w, ALICE, 'east', 'west');
  // The same store under a configuration without that target.
  const rest = new Map([...w.world.targets].filter(([name]) => name !== 'west'));
  Object.assign(w.world, { targets: rest });
  assert.match(await told(w.broker.revoke(IVY, id, 'revoked')), /^ERR_NOT_FOUND/);
  await w.broker.revoke(ALICE, id, 'revoked');
  assert.notEqual((await w.store.grant(id))?.grant.state.name, 'active');
});

test('an end by somebody else that arrives while the cloud is issuing wins, one by one and for the user as a whole', async (t) => {
  for (const how of ['one', 'user'] as const) {
    const w = await start(t);
    let raced: GrantId | undefined;
    w.cloud.onCall = async (verb, grant) => {
      if (verb !== 'issue' || raced !== undefined) return;
      raced = grant as GrantId; // the broker made it a moment ago
      if (how === 'one') await w.broker.revoke(IVY, raced, 'revoked');
      else assert.deepEqual(idsOf((await w.broker.revokeUser(IVY, HERS)).items), [raced]);
    };
    const outcome = await w.broker.submit(ALICE, ask('s3:GetObject', { target: 'east' }), null);
    assert.notEqual(outcome.grant?.state, 'active');
    assert.ok(raced);
    await closed(w, raced);
    assert.match(await told(w.broker.credentials(ALICE, raced)), /^ERR_GRANT_ENDED/);
  }
});

test('twenty ends at once, and issues in between: each grant ends once, and none stays behind', async (t) => {
  const w = await start(t);
  const first = await Promise.all(Array.from({ length: 5 }, async () => granted(w, ALICE, 'east')));
  const [answers] = await Promise.all([
    Promise.all(Array.from({ length: 20 }, async () => w.broker.revokeUser(IVY, HERS))),
    w.broker.submit(ALICE, ask('s3:GetObject', { target: 'west' }), null),
  ]);
  assert.ok(answers.every(({ kept }) => kept.length === 0));
  await w.broker.revokeUser(IVY, HERS);
  for (const { id } of first) await closed(w, id);
  assert.deepEqual((await w.store.grants({ requester: ALICE, states: ['active', 'issuing'], limit: 10 })).length, 0);
  const entries = await w.store.entries({ from: 0, limit: 1_000 });
  const ends = entries.map(({ line }) => JSON.parse(line)).filter(({ type }) => type === 'grant.end');
  assert.equal(new Set(ends.map(({ grant }) => grant)).size, ends.length);
});

test('the holder is told by whom it was ended, also where the end at the cloud came later', async (t) => {
  const w = await telling(t, [all('one', ['ended'])], { ...WITH_WORKER, policy: POLICY, targets: ['east', 'west'] });
  for (const [who, by] of [
    [IVY, ['ivy']],
    [ALICE, ['alice']],
  ] as const) {
    const { id } = await granted(w, ALICE, 'east');
    await w.broker.credentials(ALICE, id);
    await w.broker.revoke(who, id, 'revoked');
    await eventually(() => w.told().at(-1)?.notice.grant?.id === id);
    const last = w.told().at(-1);
    assert.deepEqual([last?.notice.kind, last?.notice.grant?.reason, last?.notice.by], ['ended', 'revoked', by]);
  }
  const { id } = await granted(w, ALICE, 'east');
  w.advance(3_700_000);
  await eventually(() => w.told().at(-1)?.notice.grant?.id === id);
  assert.deepEqual(w.told().at(-1)?.notice.by, [], 'by the clock');
});
