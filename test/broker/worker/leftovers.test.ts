/**
 * What is left at a target, found and revoked: real service, worker and store around fake clouds whose grants can be seen.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { type Leftovers, lookAt, newPursuit, startLeftovers } from '../../../src/broker/worker/leftovers.ts';
import { type GrantId, grantId } from '../../../src/core/ids.ts';
import type { Order } from '../../../src/core/ports.ts';
import type { FakeCloud } from '../../fakes/cloud.ts';
import { eventually } from '../../support/eventually.ts';
import { ALICE, ask, startBroker, type TestBroker } from '../service/world.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(...setting: Parameters<typeof startBroker>): Promise<TestBroker> {
  const started = await startBroker(...setting);
  closing.push(started.stop);
  return started;
}

function look(t: TestBroker): Leftovers {
  const leftovers = startLeftovers(t.world);
  closing.push(leftovers.stop);
  return leftovers;
}

async function granted(t: TestBroker, target = 'main'): Promise<GrantId> {
  const { grant } = await t.broker.submit(ALICE, ask(undefined, { target }), null);
  assert.equal(grant?.state, 'active');
  await t.broker.credentials(ALICE, grant.id);
  return grant.id;
}

const order = (): Order => ({
  grant: grantId(randomBytes(16)),
  principal: ALICE,
  permissions: [
    { target: 'main', operation: 's3:GetObject', actions: ['s3:GetObject'], resources: ['arn:aws:s3:::bucket/key'] },
  ],
  endsAt: Date.now() + 3_600_000,
});

/** Issues under a grant that the store has never heard of. */
async function stray(t: TestBroker, cloud: FakeCloud, name = 'main', by = cloud.provider): Promise<GrantId> {
  const target = t.world.targets.get(name);
  assert(target !== undefined);
  const unknown = order();
  await by.issue(target, unknown, new AbortController().signal);
  return unknown.grant;
}

interface Entry {
  readonly type: string;
  readonly request: string | null;
  readonly grant: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

async function entries(t: TestBroker): Promise<readonly Entry[]> {
  const found = await t.store.entries({ from: 0, limit: 1_000 });
  return found.map(({ line }): Entry => JSON.parse(line)).filter(({ type }) => type.startsWith('leftover.'));
}

test('what no store knows is written down, revoked and written down again; live grants and other brokers are let be', async () => {
  const t = await start({ keeps: 'objects' });
  const own = await granted(t);
  const unknown = await stray(t, t.cloud);
  const theirs = await stray(t, t.cloud, 'main', t.cloud.as('fedcba9876543210'));
  let known: readonly Entry[] = [];
  t.cloud.onCall = async (verb) => {
    if (verb === 'revoke') known = await entries(t);
  };
  look(t);
  await eventually(async () => (await entries(t)).length === 2);
  assert.deepEqual([t.cloud.works(own), t.cloud.works(unknown), t.cloud.works(theirs)], [true, false, true]);
  assert.deepEqual(
    known.map(({ type }) => type),
    ['leftover.found'],
    'it was revoked before it was written down',
  );
  const [found, revoked] = await entries(t);
  assert.deepEqual([found?.grant, found?.request], [null, null]);
  const { notAfter, ...data } = found?.data ?? {};
  assert.deepEqual(data, { target: 'main', grant: unknown, name: unknown, why: 'no such grant in the store' });
  assert.match(String(notAfter), /^\d{4}-.*Z$/);
  assert.deepEqual(revoked?.type, 'leftover.revoked');
  assert.deepEqual(revoked.data, { target: 'main', grant: unknown, name: unknown, proof: 'removed' });
});

test('a store that is restored from yesterday: what was granted since is revoked, what it knows lives on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jit-leftovers-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const [file, backup] = [join(folder, 'broker.db'), join(folder, 'backup.db')];
  const yesterday = await startBroker({ file, keeps: 'objects', clouds: { postgres: 'objects' } });
  const old = await granted(yesterday);
  await yesterday.stop();
  await copyFile(file, backup);
  const today = await startBroker({ file, after: yesterday });
  const since = [await granted(today), await granted(today, 'postgres')];
  await today.stop();
  await copyFile(backup, file);
  const restored = await start({ file, after: today });
  const { cloud, clouds } = restored;
  assert(since.every((id) => cloud.works(id) || clouds.get('postgres')?.works(id)));
  look(restored);
  await eventually(() => since.every((id) => !cloud.works(id) && !clouds.get('postgres')?.works(id)));
  assert.equal(cloud.works(old), true);
  await eventually(async () => (await entries(restored)).length === 4);
});

test('access that a cloud brings back after its grant has ended is revoked again, under the grant that it belongs to', async () => {
  const t = await start({ keeps: 'objects' });
  const id = await granted(t);
  const asked = await t.store.grant(id);
  await t.broker.revoke(ALICE, id, 'revoked');
  await eventually(async () => (await t.store.grant(id))?.grant.state.name === 'closed');
  const target = t.world.targets.get('main');
  assert(target !== undefined);
  await t.cloud.provider.issue(target, { ...order(), grant: id }, new AbortController().signal);
  t.advance(1_000);
  assert.equal(t.cloud.works(id), true);
  look(t);
  await eventually(async () => (await entries(t)).length === 2);
  assert.equal(t.cloud.works(id), false);
  for (const entry of await entries(t)) assert.deepEqual([entry.grant, entry.request], [id, asked?.grant.requestId]);
  assert.equal((await entries(t))[0]?.data['why'], 'its grant has ended at this target');
});

test('a grant that is just being issued is never taken for a leftover', async () => {
  const t = await start({ keeps: 'objects' });
  const [main] = t.world.targets.values();
  assert(main !== undefined);
  const seen: boolean[] = [];
  // It exists at the target, and its outcome is not recorded yet.
  t.cloud.onIssued = async (grant) => {
    const listed = await t.cloud.provider.list(main, new AbortController().signal);
    seen.push(listed.some((one) => one.grant === grant));
    await lookAt(t.world, 'main', newPursuit(), new AbortController().signal);
  };
  const id = await granted(t);
  await t.broker.credentials(ALICE, id);
  assert.deepEqual(seen, [true, true]);
  assert.equal(t.cloud.works(id), true);
  assert.deepEqual(await entries(t), []);
});

test('a grant that is revoked while the target is asked is not written down as a leftover', async () => {
  const t = await start({ keeps: 'objects' });
  const id = await granted(t);
  const { provider } = t.cloud;
  const providers = new Map([
    [
      provider.kind,
      {
        ...provider,
        list: async (...args: Parameters<typeof provider.list>) => {
          const listed = await provider.list(...args);
          await t.broker.revoke(ALICE, id, 'revoked');
          await eventually(async () => (await t.store.grant(id))?.grant.state.name === 'closed');
          return listed;
        },
      },
    ],
  ]);
  const { stop } = startLeftovers({ ...t.world, policy: t.world.policy, providers });
  await eventually(async () => (await t.store.grant(id))?.grant.state.name === 'closed');
  await stop();
  assert.deepEqual(await entries(t), []);
});

test('a silent target delays no other, and requests are answered while it is asked', async () => {
  const t = await start({ keeps: 'objects', targets: ['dead', 'main', 'third'] });
  const strays = [await stray(t, t.cloud), await stray(t, t.cloud, 'third')];
  const hidden = await stray(t, t.cloud, 'dead');
  t.cloud.at.set('dead', { list: 'hangs' });
  look(t);
  await eventually(() => strays.every((id) => !t.cloud.works(id)));
  assert.equal(t.cloud.works(hidden), true);
  const id = await granted(t);
  assert.equal(t.cloud.works(id), true);
});

test('a cloud that refuses is asked again with a growing pause; the finding is one entry', async () => {
  const t = await start({ keeps: 'objects' });
  const unknown = await stray(t, t.cloud);
  t.cloud.revoking = ['refuses', 'breaks before', 'busy', 'breaks after'];
  const leftovers = look(t);
  // Until it is gone, a broker that would end by itself has something to do.
  await eventually(() => leftovers.open() === 1);
  await eventually(() => {
    t.advance(2_000);
    return !t.cloud.works(unknown);
  });
  t.cloud.revoking = ['well'];
  await eventually(async () => {
    t.advance(10_000);
    return (await entries(t)).length === 2;
  });
  assert.deepEqual(
    (await entries(t)).map(({ type }) => type),
    ['leftover.found', 'leftover.revoked'],
  );
  assert.equal(leftovers.open(), 0);
});

test('a target that could not be asked is asked again, and every target again after a quarter of an hour', async () => {
  const t = await start({ keeps: 'objects' });
  t.cloud.listing = ['refuses', 'well'];
  look(t);
  const first = await stray(t, t.cloud);
  await eventually(() => {
    t.advance(1_000);
    return !t.cloud.works(first);
  });
  const second = await stray(t, t.cloud);
  const from = t.world.now();
  // The first look may still be ending, and counts from its end.
  await eventually(() => {
    t.advance(60_000);
    return !t.cloud.works(second);
  });
  assert.ok(t.world.now() < from + 3_000_000, 'it has ended by itself');
});

test('nothing is revoked that could not be written down before', async () => {
  const t = await start({ keeps: 'objects' });
  const unknown = await stray(t, t.cloud);
  let full = true;
  const tried = Promise.withResolvers<void>();
  const commit: typeof t.store.commit = async (change) => {
    if (!full) return await t.store.commit(change);
    tried.resolve();
    throw new Error('no room');
  };
  closing.push(startLeftovers({ ...t.world, policy: t.world.policy, store: { ...t.store, commit } }).stop);
  await tried.promise;
  assert.equal(t.cloud.works(unknown), true);
  full = false;
  await eventually(() => {
    t.advance(1_000);
    return !t.cloud.works(unknown);
  });
  assert.equal((await entries(t))[0]?.type, 'leftover.found');
});
