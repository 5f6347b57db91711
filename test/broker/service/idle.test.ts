/**
 * Grants that end when nobody uses them: the real service, worker and store, a clock that the test moves.
 * @module
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Change, Store } from '../../../src/broker/store/store.ts';
import { isGrantId, type GrantId } from '../../../src/core/ids.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { UseBody } from '../../../src/wire/bodies.ts';
import type { Outcome } from '../../../src/wire/views.ts';
import { eventually } from '../../support/eventually.ts';
import { tempFolder } from '../../support/home.ts';
import { ALICE, ask, BOB, startBroker, type TestBroker } from './world.ts';

const MINUTE = 60_000;
const rule = (annotations: string): string =>
  `@id("rule") @tier("auto") @max("2h") ${annotations} permit(principal, action == Jit::Action::"Request", resource);`;
const IDLE = rule('@idle("15m") @renewals("5")');

const open: TestBroker[] = [];
after(async () => Promise.all(open.map(async (each) => each.stop())));

async function start(policy = IDLE, more: Parameters<typeof startBroker>[0] = {}): Promise<TestBroker> {
  const started = await startBroker({ policy, ...more });
  open.push(started);
  return started;
}

async function begin(t: TestBroker, who: Principal = ALICE): Promise<GrantId> {
  const { grant } = await t.broker.submit(who, ask('s3:GetObject', { seconds: 7_200 }), null);
  assert.ok(grant !== null && grant.state === 'active' && isGrantId(grant.id));
  await t.broker.credentials(who, grant.id);
  return grant.id;
}

const use = (at: number): UseBody => {
  const time = new Date(at).toISOString();
  return { uses: [{ channel: 'process', count: 1, first: time, last: time }] };
};

const shown = async (t: TestBroker, id: GrantId): Promise<Outcome['grant']> =>
  (await t.broker.grant(ALICE, id, null)).grant;

async function closes(t: TestBroker, id: GrantId): Promise<void> {
  await eventually(async () => (await shown(t, id))?.state === 'closed');
  assert.equal((await shown(t, id))?.reason, 'idle');
  assert.equal(t.cloud.works(id), false);
}

/** Lets the worker look at everything that is due, and asserts that the grant is none of it. */
async function staysAlive(t: TestBroker, id: GrantId): Promise<void> {
  await eventually(async () => ((await t.store.nextDue([])) ?? Infinity) > t.world.now());
  assert.equal((await shown(t, id))?.state, 'active');
}

test('a grant that nobody uses ends after its idle limit, at the cloud as well, and not before', async () => {
  const t = await start();
  const id = await begin(t);
  assert.equal((await shown(t, id))?.idleSeconds, 900);
  t.advance(14 * MINUTE + 55_000);
  await staysAlive(t, id);
  t.advance(6_000);
  await closes(t, id);
});

for (const [what, act] of [
  ['a use report, whatever times it names', async (t: TestBroker, id: GrantId) => t.broker.use(ALICE, id, use(0))],
  ['a credential', async (t: TestBroker, id: GrantId) => t.broker.credentials(ALICE, id)],
  ['a renewal', async (t: TestBroker, id: GrantId) => t.broker.renew(ALICE, id, { seconds: 7_200 }, null)],
] as const) {
  test(`${what} is a sign of use at its arrival, and writes no entry about the limit`, async () => {
    const t = await start();
    const id = await begin(t);
    for (let round = 0; round < 3; round++) {
      t.advance(7 * MINUTE);
      await act(t, id);
      t.advance(7 * MINUTE);
      await staysAlive(t, id);
    }
    const before = await t.store.entries({ from: 0, limit: 1_000, grant: id });
    t.advance(8 * MINUTE + 1_000);
    await closes(t, id);
    const types = before.map(({ line }): { type: string } => JSON.parse(line)).map(({ type }) => type);
    assert.ok(!types.some((type) => /grant\.(?:idle|end)/.test(type)), types.join());
  });
}

test('what others report about a grant does not keep it alive', async () => {
  const t = await start();
  const agent: Principal = { ...BOB, kind: 'agent', subject: 'bot', actsFor: { ...ALICE, kind: 'user' } };
  const id = await begin(t, agent);
  t.advance(10 * MINUTE);
  await t.broker.use(ALICE, id, use(t.world.now()));
  t.advance(5 * MINUTE + 1_000);
  await closes(t, id);
});

test('the last use is remembered across a restart of the broker', async (t) => {
  const file = join(tempFolder(t), 'store');
  const first = await startBroker({ policy: IDLE, file });
  const id = await begin(first);
  first.advance(10 * MINUTE);
  await first.broker.use(ALICE, id, use(first.world.now()));
  await first.stop();
  const second = await startBroker({ policy: IDLE, file, after: first });
  t.after(async () => second.stop());
  second.advance(10 * MINUTE);
  await staysAlive(second, id);
  second.advance(5 * MINUTE + 1_000);
  await closes(second, id);
});

test('a report at the very moment of the idle end: the grant is over or goes on for the whole limit', async () => {
  const t = await start();
  for (let round = 0; round < 10; round++) {
    const id = await begin(t);
    const { usedAt } = (await t.store.grant(id)) ?? {};
    t.advance((usedAt ?? 0) + 15 * MINUTE - t.world.now() - (round % 5) + 2);
    await t.broker.use(ALICE, id, use(t.world.now()));
    await eventually(async () => ((await t.store.nextDue([])) ?? Infinity) > t.world.now());
    const stored = await t.store.grant(id);
    if (stored?.grant.state.name === 'active') {
      t.advance(14 * MINUTE);
      await staysAlive(t, id);
      t.advance(MINUTE + 1_000);
    }
    await closes(t, id);
  }
});

test('a renewal takes the shorter limit of a policy that was changed meanwhile, and never a longer one', async () => {
  const t = await start();
  const id = await begin(t);
  await t.policy(rule('@idle("1h") @renewals("5")'));
  t.advance(1_000);
  assert.equal((await t.broker.renew(ALICE, id, { seconds: 7_200 }, null)).grant?.idleSeconds, 900);
  await t.policy(rule('@idle("5m") @renewals("5")'));
  t.advance(1_000);
  assert.equal((await t.broker.renew(ALICE, id, { seconds: 7_200 }, null)).grant?.idleSeconds, 300);
  t.advance(5 * MINUTE + 1_000);
  await closes(t, id);
});

test('a limit that comes with a renewal counts from it', async () => {
  const t = await start(rule('@renewals("5")'));
  const id = await begin(t);
  t.advance(60 * MINUTE);
  await staysAlive(t, id);
  await t.policy(IDLE);
  await t.broker.renew(ALICE, id, { seconds: 7_200 }, null);
  t.advance(14 * MINUTE);
  await staysAlive(t, id);
  t.advance(MINUTE + 1_000);
  await closes(t, id);
});

test('the limit costs no commit from request to credential, and a use report is one; without it no row is added', async () => {
  const seen = await Promise.all(
    [rule(''), IDLE].map(async (policy) => {
      const t = await start(policy, { worker: 'off' });
      const changes: Change[] = [];
      const { commit } = t.store;
      // The world's own store, watched.
      Object.assign<Store, Pick<Store, 'commit'>>(t.store, {
        commit: async (change) => {
          changes.push(change);
          return commit(change);
        },
      });
      const id = await begin(t);
      const commits = changes.length;
      await t.broker.use(ALICE, id, use(t.world.now()));
      const kinds = changes.flatMap(({ effects = [] }) => effects.map(({ kind }) => kind));
      return { commits, reports: changes.length - commits, kinds };
    }),
  );
  assert.deepEqual(seen, [
    { commits: 3, reports: 1, kinds: ['issue', 'expire', 'claim-by'] },
    { commits: 3, reports: 1, kinds: ['issue', 'expire', 'claim-by', 'idle'] },
  ]);
});
