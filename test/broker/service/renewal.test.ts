/**
 * Renewals through the real service, policy engine and store, around a cloud that enforces the end that each credential has.
 * @module
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { applyEvent } from '../../../src/broker/service/apply.ts';
import { JitError } from '../../../src/core/errors.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { GrantView, Outcome } from '../../../src/wire/views.ts';
import { eventually } from '../../support/eventually.ts';
import { ALICE, ask, BOB, startBroker, type TestBroker } from './world.ts';

const MINUTE = 60_000;
const DEV: Principal = { ...ALICE, groups: ['dev'] };

const rule = (annotations: string, who = 'principal'): string =>
  `@id("rule") ${annotations} permit(${who}, action == Jit::Action::"Request", resource);`;
const OFTEN = rule('@tier("auto") @max("1h") @renewals("3")');

const open: TestBroker[] = [];
after(async () => Promise.all(open.map(async (each) => each.stop())));

async function start(policy = OFTEN, more: Parameters<typeof startBroker>[0] = {}): Promise<TestBroker> {
  const started = await startBroker({ policy, ...more });
  open.push(started);
  return started;
}

function grantOf({ grant }: Outcome): GrantView {
  assert.ok(grant);
  return grant;
}

const endOf = (outcome: Outcome): number => Date.parse(grantOf(outcome).expiresAt ?? '');
const renew = async (t: TestBroker, id: GrantId, seconds: number, who = DEV): Promise<Outcome> =>
  t.broker.renew(who, id, { seconds }, null);

async function reaches(t: TestBroker, id: GrantId, state: string): Promise<void> {
  await eventually(async () => (await t.store.grant(id))?.grant.state.name === state);
}

async function entriesOf(t: TestBroker, id: GrantId): Promise<{ type: string; data: Record<string, unknown> }[]> {
  const entries = await t.store.entries({ from: 0, limit: 1_000, grant: id });
  return entries.map(({ line }): { type: string; data: Record<string, unknown> } => JSON.parse(line));
}

test('a renewed grant lives to its new end, gets credentials that do too, and leaves no denial behind', async () => {
  const t = await start();
  const first = await t.broker.submit(DEV, ask(), null);
  const { id, version } = grantOf(first);
  await t.broker.credentials(DEV, id);
  t.advance(9 * MINUTE);
  const waiting = t.broker.grant(DEV, id, { ms: 10_000, after: version + 1, signal: new AbortController().signal });
  const second = await renew(t, id, 1_200);
  assert.equal(endOf(await waiting), endOf(second), 'whoever watches the grant hears of it');
  assert.ok(Math.abs(endOf(second) - (t.world.now() + 20 * MINUTE)) < 2_000);
  assert.deepEqual([grantOf(second).renewals, grantOf(second).seconds], [1, 1_200]);
  t.advance(2 * MINUTE);
  assert.equal(t.cloud.works(id), false, 'what was out keeps its own end');
  const fresh = await t.broker.credentials(DEV, id);
  assert.equal(fresh.expiresAt, grantOf(second).expiresAt);
  assert.equal(fresh.credentials[0]?.expiration, grantOf(second).expiresAt);
  assert.equal(t.cloud.works(id), true);
  t.advance(endOf(second) - t.world.now() - 1_000);
  assert.equal((await t.store.grant(id))?.grant.state.name, 'active');
  t.advance(1_500);
  await reaches(t, id, 'closed');
  assert.deepEqual([t.cloud.works(id), t.cloud.isDenied(id)], [false, false]);
  assert.deepEqual(await t.store.revoked('aws', t.world.now()), []);
  const renewed = (await entriesOf(t, id)).filter(({ type }) => type === 'grant.renewed');
  assert.equal(renewed.length, 1);
  const { endsAt, seconds, renewals } = renewed[0]?.data ?? {};
  assert.deepEqual([endsAt, seconds, renewals], [grantOf(second).expiresAt, 1_200, 1]);
});

test('a credential that was waiting to be fetched says its own end, and not the one of the renewed grant', async () => {
  const t = await start();
  const first = await t.broker.submit(DEV, ask(), null);
  const { id } = grantOf(first);
  await renew(t, id, 1_800);
  const { credentials } = await t.broker.credentials(DEV, id);
  assert.equal(credentials[0]?.expiration, grantOf(first).expiresAt);
  assert.equal(t.cloud.calls.filter((each) => each.startsWith('issue')).length, 1);
});

for (const when of ['before', 'after'] as const) {
  test(`revoked ${when} its old end, a renewed grant is dead at once, old credentials and new`, async () => {
    const t = await start();
    const { id } = grantOf(await t.broker.submit(DEV, ask(), null));
    await t.broker.credentials(DEV, id);
    const { id: other } = grantOf(await t.broker.submit(DEV, ask('s3:ListBucket', { seconds: 3_000 }), null));
    const renewed = await renew(t, id, 1_800);
    await t.broker.credentials(DEV, id);
    t.advance((when === 'before' ? 5 : 15) * MINUTE);
    assert.equal(t.cloud.works(id), true);
    await t.broker.revoke(DEV, id, 'revoked');
    await reaches(t, id, 'closed');
    assert.equal(t.cloud.works(id), false);
    // Whoever rebuilds the list of denials for another grant must not let this one in again.
    await t.broker.revoke(DEV, other, 'revoked');
    await reaches(t, other, 'closed');
    assert.equal(t.cloud.works(id), false);
    const marks = await t.store.revoked('aws', t.world.now());
    assert.equal(marks.find(({ grant }) => grant === id)?.endsAt, endOf(renewed));
    t.advance(2 * 60 * MINUTE);
    await eventually(() => !t.cloud.isDenied(id) && !t.cloud.isDenied(other));
  });
}

test('an intent to issue under the new end is revoked although nobody knows whether it was carried out', async () => {
  const t = await start();
  const { id } = grantOf(await t.broker.submit(DEV, ask(), null));
  await t.broker.credentials(DEV, id);
  await renew(t, id, 1_800);
  t.advance(11 * MINUTE);
  t.cloud.issuing = ['breaks after', 'well'];
  await assert.rejects(t.broker.credentials(DEV, id), { code: 'ERR_CLOUD_UNKNOWN' });
  assert.equal(t.cloud.works(id), true);
  await t.broker.revoke(DEV, id, 'revoked');
  await reaches(t, id, 'closed');
  assert.equal(t.cloud.works(id), false);
});

test('nobody else renews it: not a stranger, not the person of an agent', async () => {
  const t = await start();
  const agent: Principal = { ...BOB, kind: 'agent', subject: 'bot', actsFor: { ...DEV, kind: 'user' } };
  const { id } = grantOf(await t.broker.submit(agent, ask(), null));
  await assert.rejects(renew(t, id, 1_200, BOB), { code: 'ERR_NOT_FOUND' });
  await assert.rejects(renew(t, id, 1_200, DEV), { code: 'ERR_DENIED', message: /only who asked/ });
  assert.equal(grantOf(await renew(t, id, 1_200, agent)).renewals, 1);
});

test('no more often than the rule says, also when many come at once; none where it says nothing', async () => {
  const t = await start();
  const { id } = grantOf(await t.broker.submit(DEV, ask(), null));
  const lengths = Array.from({ length: 20 }, (_, index) => 660 + index * 60);
  const settled = await Promise.allSettled(lengths.map(async (seconds) => renew(t, id, seconds)));
  const stored = await t.store.grant(id);
  assert.ok(stored !== null && stored.grant.renewals >= 1 && stored.grant.renewals <= 3);
  const kept = settled.filter((each) => each.status === 'fulfilled').map(({ value }) => endOf(value));
  const { state } = stored.grant;
  assert.equal(state.name === 'active' && state.expiresAt, Math.max(...kept));
  while ((await t.store.grant(id))?.grant.renewals !== 3) await renew(t, id, 3_600).finally(() => t.advance(5_000));
  t.advance(5_000);
  const hint = 'ask anew with: jit request';
  const message = 'denied: renewed 3 times already, and policy rule allows 3 times; the grant goes on as it is';
  await assert.rejects(renew(t, id, 3_600), { code: 'ERR_DENIED', message, hint });
  await t.policy(rule('@tier("auto") @max("1h")'));
  await assert.rejects(renew(t, id, 3_600), { code: 'ERR_DENIED', message: /policy rule allows no renewal/, hint });
  assert.equal((await t.store.grant(id))?.grant.state.name, 'active');
});

test('one key renews once, however often it is sent and whatever came in between; with another body it is refused', async () => {
  const t = await start();
  const { id } = grantOf(await t.broker.submit(DEV, ask(), null));
  const key = { key: 'k1', bodyHash: 'a'.repeat(64) };
  const send = async (): Promise<Outcome> => t.broker.renew(DEV, id, { seconds: 900 }, key);
  const outcomes = await Promise.all(Array.from({ length: 10 }, send));
  assert.deepEqual([...new Set(outcomes.map((each) => grantOf(each).renewals))], [1]);
  t.advance(MINUTE);
  assert.equal(grantOf(await t.broker.renew(DEV, id, { seconds: 900 }, { ...key, key: 'k2' })).renewals, 2);
  t.advance(MINUTE);
  assert.equal(grantOf(await send()).renewals, 2);
  const other = t.broker.renew(DEV, id, { seconds: 901 }, { ...key, bodyHash: 'b'.repeat(64) });
  await assert.rejects(other, { code: 'ERR_IDEMPOTENCY' });
});

test('an end that is later already stays, and no renewal is spent', async () => {
  const t = await start();
  const first = await t.broker.submit(DEV, ask(), null);
  const second = await renew(t, grantOf(first).id, 60);
  assert.deepEqual([endOf(second), grantOf(second).renewals], [endOf(first), 0]);
});

const LIMITED = rule('@tier("auto") @max("15m") @renewals("3")');
const HARDER = `${rule('@tier("auto") @max("15m") @renewals("3")')}
  @id("long") @tier("manual") @max("1h") @renewals("3") permit(principal, action == Jit::Action::"Request", resource);`;
const SHUT = `${OFTEN} @id("shut") @during("Mon-Sun 00:00-24:00 UTC")
  forbid(principal, action == Jit::Action::"Request", resource);`;

for (const [what, now, seconds, message] of [
  ['longer than the rule allows', LIMITED, 1_200, /at most 15m here/],
  ['of a length that other people would have to approve', HARDER, 1_200, /it is manual now/],
  [
    'under a policy that wants approval now',
    rule('@tier("manual") @max("1h") @renewals("3")'),
    600,
    /it is manual now/,
  ],
] as const) {
  test(`a renewal ${what} is refused, and the grant goes on`, async () => {
    const t = await start();
    const { id } = grantOf(await t.broker.submit(DEV, ask(), null));
    await t.policy(now);
    await assert.rejects(renew(t, id, seconds), { code: 'ERR_DENIED', message });
    assert.equal((await t.store.grant(id))?.grant.state.name, 'active');
    assert.equal((await entriesOf(t, id)).filter(({ type }) => type === 'grant.renewed').length, 0);
  });
}

test('too long a renewal is answered with the line that works', async () => {
  const t = await start(LIMITED);
  const { id } = grantOf(await t.broker.submit(DEV, ask(), null));
  await assert.rejects(renew(t, id, 1_200), { hint: `renew it with: jit renew ${id} --for 15m` });
});

for (const [what, now, groups] of [
  ['who has left the group', rule('@tier("auto") @max("1h") @renewals("3")', 'principal in Jit::Group::"dev"'), []],
  ['whom a forbid meets at any hour', SHUT, ['dev']],
] as const) {
  test(`somebody ${what} gets no renewal, and the grant is ended`, async () => {
    const t = await start();
    const { id } = grantOf(await t.broker.submit(DEV, ask(), null));
    await t.broker.credentials(DEV, id);
    await t.policy(now);
    const refused = renew(t, id, 900, { ...DEV, groups: [...groups] });
    await assert.rejects(refused, { code: 'ERR_DENIED', message: /so the grant was ended$/ });
    await reaches(t, id, 'closed');
    assert.equal(t.cloud.works(id), false);
  });
}

test('approvals are looked at anew: who may not approve any more carries no renewal, and the grant goes on', async () => {
  const approver: Principal = { ...BOB, groups: ['leads'] };
  let present = approver;
  const policy = `${rule('@tier("manual") @max("1h") @renewals("3")')}
    @id("leads") permit(principal in Jit::Group::"leads", action == Jit::Action::"Approve", resource);`;
  const t = await start(policy, { present: (who) => (who.subject === BOB.subject ? present : undefined) });
  const { request } = await t.broker.submit(DEV, ask(), null);
  await t.broker.approve(approver, request.id, { hash: request.hash, policy: request.policy, attended: true });
  const { id } = grantOf(await t.broker.issue(DEV, request.id));
  assert.equal(grantOf(await renew(t, id, 900)).renewals, 1);
  present = BOB;
  await assert.rejects(renew(t, id, 1_800), { code: 'ERR_DENIED', message: /the approvals do not hold any more/ });
  assert.equal((await t.store.grant(id))?.grant.state.name, 'active');
});

test('renewal and end at the same moment have one outcome, and nothing lives past the end that it then has', async () => {
  const t = await start(rule('@tier("auto") @max("1h") @renewals("100")'));
  for (let round = 0; round < 12; round++) {
    const first = await t.broker.submit(DEV, ask(), null);
    const { id } = grantOf(first);
    t.advance(endOf(first) - t.world.now() - (round % 4) + 1);
    const rivals = [
      async () => t.advance(2),
      () => t.broker.revoke(DEV, id, 'revoked'),
      () => t.broker.credentials(DEV, id).catch(() => null),
    ] as const;
    const rival = rivals[round % 3] ?? assert.fail();
    const [renewed] = await Promise.allSettled([renew(t, id, 900), rival()]);
    if (renewed.status === 'rejected') {
      assert.ok(renewed.reason instanceof JitError && renewed.reason.code === 'ERR_GRANT_ENDED', `${renewed.reason}`);
      await reaches(t, id, 'closed');
    }
    const state = (await t.store.grant(id))?.grant.state;
    t.advance((state?.name === 'active' ? state.expiresAt : t.world.now()) - t.world.now() + 5);
    await reaches(t, id, 'closed');
    assert.equal(t.cloud.works(id), false);
  }
});

test('whoever holds the effect of the old end does not take the new one with it', async () => {
  const t = await start(OFTEN, { worker: 'off' });
  const first = await t.broker.submit(DEV, ask(), null);
  const { id } = grantOf(first);
  const second = await renew(t, id, 1_200);
  const before = (await entriesOf(t, id)).length;
  const done = { grant: id, kind: 'expire', target: '' } as const;
  const late = { type: 'end', reason: 'expired', at: endOf(first) } as const;
  await applyEvent(t.world, id, late, { actor: 'broker', done });
  assert.equal((await entriesOf(t, id)).length, before, 'nothing has happened that would have to be told');
  const options = { now: endOf(second), until: endOf(second), limit: 10, perTarget: 10, busy: [] };
  const due = await t.store.claim(options);
  assert.equal(due.find(({ kind }) => kind === 'expire')?.dueAt, endOf(second));
});
