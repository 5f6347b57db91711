/**
 * What becomes of grants: who is told of it, and what is not done where nobody is. Real service, worker and SQLite file.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyEvent } from '../../../src/broker/service/apply.ts';
import { STUCK_AFTER } from '../../../src/core/grant.ts';
import type { NoticeKind } from '../../../src/core/notice.ts';
import { eventually } from '../../support/eventually.ts';
import { all, BOB, CAROL, code, grantOf, last, telling, WITH_WORKER } from './telling.ts';
import { ALICE, ask } from './world.ts';

test('what policy grants at once or leaves to the requester is told to no approver; its grant is told of all the same', async (t) => {
  const w = await telling(t);
  const auto = await w.broker.submit(ALICE, ask(), null);
  assert.deepEqual(w.kinds(), ['issued']);
  const { request } = await w.broker.submit(ALICE, ask('s3:RestoreObject'), null);
  await w.broker.confirm(ALICE, request.id, { hash: request.hash, policy: request.policy });
  await w.broker.cancel(ALICE, request.id);
  await assert.rejects(w.broker.submit(ALICE, ask('s3:DeleteObject'), null), code('ERR_DENIED'));
  assert.deepEqual(w.kinds(), ['issued']);
  const notice = last(w);
  assert.equal(notice.grant?.id, auto.grant?.id);
  assert.equal(notice.grant?.expiresAt, Date.parse(auto.grant?.expiresAt ?? ''));
});

test('issued, ended and stuck are told once each, by the grant', async (t) => {
  const w = await telling(t, [all('one')], WITH_WORKER);
  const { id } = await w.asked();
  await w.vote(BOB, 'approve', id);
  await w.vote(CAROL, 'approve', id);
  const grant = grantOf(await w.broker.issue(ALICE, id));
  assert.equal(grantOf(await w.broker.issue(ALICE, id)), grant);
  await w.broker.credentials(ALICE, grant);
  await w.broker.credentials(ALICE, grant);
  assert.deepEqual(w.kinds(), ['approval-needed', 'approved', 'issued']);
  assert.equal(last(w).grant?.id, grant);
  await w.broker.revoke(ALICE, grant, 'completed');
  await eventually(() => w.kinds().includes('ended'));
  assert.deepEqual(last(w).grant, { id: grant, expiresAt: null, reason: 'completed' });

  const other = grantOf(await w.broker.submit(ALICE, ask(), null));
  w.cloud.revoking = ['refuses'];
  await w.broker.revoke(ALICE, other, 'revoked');
  const revocations = (): number => w.cloud.calls.filter((call) => call === `revoke main ${other}`).length;
  // Each round brings the next attempt nearer; how many are needed is for the broker to say.
  await eventually(
    () => {
      w.advance(10_000);
      return w.kinds().includes('stuck') && revocations() > STUCK_AFTER;
    },
    { deadlineMs: 30_000 },
  );
  w.cloud.revoking = ['well'];
  await eventually(
    () => {
      w.advance(10_000);
      return w.kinds().at(-1) === 'ended';
    },
    { deadlineMs: 30_000 },
  );
  assert.deepEqual(w.kinds().slice(3), ['ended', 'issued', 'stuck', 'ended']);
  const rows = w.told().slice(-2);
  assert.deepEqual(
    rows.map(({ notice }) => [notice.grant?.id, notice.grant?.reason]),
    [
      [other, 'revoked'],
      [other, 'revoked'],
    ],
  );
});

test('where nobody wants to know, nothing is looked up and nothing composed', async (t) => {
  const looked = async (on: readonly NoticeKind[]): Promise<object> => {
    const w = await telling(t, [all('one', on)]);
    const { id } = await w.asked();
    const grant = grantOf(await w.broker.submit(ALICE, ask(), null));
    const counts = { assess: 0, request: 0 };
    const provider = w.world.providers.get(w.cloud.provider.kind);
    assert.ok(provider !== undefined);
    const { assess } = provider;
    const { request } = w.store;
    const counted =
      <A extends unknown[], R>(name: keyof typeof counts, call: (...args: A) => R) =>
      (...args: A): R => {
        counts[name] += 1;
        return call(...args);
      };
    Object.assign(provider, { assess: counted('assess', assess) });
    await w.approvals.cancel(ALICE, id);
    Object.assign(w.store, { request: counted('request', request) });
    const at = w.world.now();
    await applyEvent(w.world, grant, { type: 'end', reason: 'revoked', at }, { actor: 'broker' });
    await applyEvent(
      w.world,
      grant,
      { type: 'gone', target: 'main', at, tidyAt: null, proof: 'looked' },
      { actor: 'broker' },
    );
    return { ...counts, composed: w.composed, told: w.kinds() };
  };
  const composed = ['cancelled', 'ended'];
  assert.deepEqual(await looked(['cancelled', 'ended']), { assess: 1, request: 1, composed, told: composed });
  assert.deepEqual(await looked(['timed-out', 'stuck']), { assess: 0, request: 0, composed: [], told: [] });
});

test('a grant that was seen out of date is told of once', async (t) => {
  const w = await telling(t);
  const grant = grantOf(await w.broker.submit(ALICE, ask(), null));
  const at = w.world.now();
  await applyEvent(w.world, grant, { type: 'end', reason: 'revoked', at }, { actor: 'broker' });
  const known = await w.store.grant(grant);
  assert.ok(known !== null);
  const gone = { type: 'gone', target: 'main', at, tidyAt: null, proof: 'looked' } as const;
  await Promise.all([0, 1, 2].map(async () => applyEvent(w.world, grant, gone, { actor: 'broker', known })));
  assert.deepEqual(w.kinds(), ['issued', 'ended']);
  assert.equal(w.calls.stored, 2);
});

test('a request that cannot be read any more keeps no grant from ending', async (t) => {
  const w = await telling(t, [all('one')], WITH_WORKER);
  const [soon, other] = [await w.broker.submit(ALICE, ask(), null), await w.broker.submit(ALICE, ask(), null)];
  await w.broker.credentials(ALICE, grantOf(soon));
  w.sql(`UPDATE requests SET votes = '{"not":"votes"}', quorum = '7' WHERE id = '${soon.request.id}'`);
  await assert.rejects(w.store.request(soon.request.id));
  w.advance(601_000);
  for (const outcome of [soon, other]) {
    await eventually(async () => (await w.store.grant(grantOf(outcome)))?.grant.state.name === 'closed');
  }
  assert.ok(!w.cloud.works(grantOf(soon)));
  const ended = w.told().filter(({ notice }) => notice.kind === 'ended');
  assert.deepEqual(
    ended.map(({ notice }) => notice.request.id),
    [other.request.id],
    'nothing is made up about it',
  );
});
