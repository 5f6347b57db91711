/**
 * Notices in a real store: with the change that they are about or not at all, claimed once, in order, forgotten in time.
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { type Notice, noticeId, type NoticeKind } from '../../../src/core/notice.ts';
import type { SqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import { openSqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import { sampleNotice } from '../../notify/samples.ts';
import { now } from './places.ts';
import { decided, req, START, submission } from './samples.ts';

const noticeFor = (number: number, kind: NoticeKind = 'approval-needed', serial = 1): Notice => ({
  ...sampleNotice(kind, { id: req(number) }),
  id: noticeId(req(number), kind, serial),
  at: START,
});

async function withStore(body: (store: SqliteStore) => Promise<void>): Promise<void> {
  const store = await openSqliteStore({ file: ':memory:', now });
  try {
    await body(store);
  } finally {
    await store.close();
  }
}

const submit = (number: number, ...notifiers: string[]) => ({
  ...submission({ number }),
  notices: [{ notice: noticeFor(number), notifiers }],
});

const claim = async (store: SqliteStore, notifier = 'chat', at = START, limit = 10) =>
  store.claimNotices({ notifier, now: at, until: at + 1_000, limit });

describe('notices', () => {
  test('come with their request, one for each notifier, and are read back as they were', async () => {
    await withStore(async (store) => {
      await store.commit(submit(1, 'chat', 'mail'));
      const [claimed, ...none] = await claim(store);
      assert.deepEqual(none, []);
      const expected = { notice: noticeFor(1), attempts: 0, state: 'pending', receipt: null };
      assert.deepEqual({ ...claimed, row: 0 }, { row: 0, ...expected });
      assert.equal((await claim(store, 'mail')).length, 1);
      assert.deepEqual(await claim(store, 'other'), []);
    });
  });

  test('a change that is refused leaves none behind, and one about nothing is refused', async () => {
    await withStore(async (store) => {
      await store.commit(submit(1));
      const stale = {
        ...decided({ ...submission({ number: 1 }).request, version: 9 }, {}),
        notices: [{ notice: noticeFor(1), notifiers: ['chat'] }],
      };
      await assert.rejects(
        store.commit(stale),
        (thrown: unknown) => thrown instanceof JitError && thrown.code === 'ERR_CONFLICT',
      );
      assert.deepEqual(await claim(store), []);
      const about2 = { ...submission({ number: 3 }), notices: [{ notice: noticeFor(2), notifiers: ['chat'] }] };
      await assert.rejects(
        store.commit(about2),
        (thrown: unknown) => thrown instanceof JitError && thrown.code === 'ERR_UNEXPECTED',
      );
      assert.equal(await store.request(req(3)), null);
    });
  });

  test('a notice with more in it than may be told is refused', async () => {
    await withStore(async (store) => {
      const more = { ...noticeFor(1), credential: 'canary' };
      await assert.rejects(
        store.commit({ ...submission({ number: 1 }), notices: [{ notice: more, notifiers: ['chat'] }] }),
      );
      assert.equal(await store.request(req(1)), null);
    });
  });

  test('the same event is stored once', async () => {
    await withStore(async (store) => {
      await store.commit(submit(1, 'chat'));
      await store.commit({ entries: [], notices: [{ notice: noticeFor(1), notifiers: ['chat'] }] });
      assert.equal((await claim(store)).length, 1);
    });
  });

  test('what is claimed is not claimed by another until the claim runs out', async () => {
    await withStore(async (store) => {
      await store.commit(submit(1, 'chat'));
      const claims = await Promise.all([claim(store), claim(store), claim(store)]);
      assert.equal(claims.flat().length, 1);
      assert.equal(await store.nextNotice('chat'), START + 1_000);
      assert.deepEqual(await claim(store, 'chat', START + 999), []);
      assert.equal((await claim(store, 'chat', START + 1_000)).length, 1);
    });
  });

  test('of one request one is out at a time, the first of those that are due; one that waits for a retry holds up none', async () => {
    await withStore(async (store) => {
      await store.commit(submit(1, 'chat'));
      const later = [noticeFor(1, 'approved', 2), noticeFor(1, 'issued', 1)];
      await store.commit({ entries: [], notices: later.map((notice) => ({ notice, notifiers: ['chat'] })) });
      await store.commit(submit(2, 'chat'));
      const kinds = async (at: number): Promise<string[]> =>
        (await claim(store, 'chat', at)).map(({ notice }) => `${notice.kind} ${notice.request.id === req(1) ? 1 : 2}`);
      const [first] = await claim(store, 'chat', START, 1);
      assert.equal(first?.notice.kind, 'approval-needed');
      assert.deepEqual(await kinds(START), ['approval-needed 2'], 'request 1 is taken');
      await store.postponeNotice(first.row, START + 60_000);
      assert.deepEqual(await kinds(START), ['approved 1']);
      assert.deepEqual(await kinds(START + 60_000), ['approval-needed 2', 'approval-needed 1']);
    });
  });

  test('a postponed one comes back with its attempts, a finished one never, and its receipt with the next', async () => {
    await withStore(async (store) => {
      await store.commit(submit(1, 'chat'));
      const [first] = await claim(store);
      assert.ok(first !== undefined);
      await store.postponeNotice(first.row, START + 5_000);
      assert.equal(await store.nextNotice('chat'), START + 5_000);
      const [again] = await claim(store, 'chat', START + 5_000);
      assert.equal(again?.attempts, 1);
      await store.finishNotice({ row: again.row, receipt: 'message 1', at: START, entries: [] });
      await store.finishNotice({ row: again.row, receipt: 'twice', at: START, entries: [] });
      assert.equal(await store.nextNotice('chat'), null);
      assert.equal(await store.noticeReceipt('chat', req(1)), 'message 1');
      assert.equal(await store.noticeReceipt('mail', req(1)), null);
      assert.equal(await store.noticeReceipt('chat', req(9)), null);
      await store.commit({
        entries: [],
        notices: [{ notice: noticeFor(1, 'denied', 2), notifiers: ['chat', 'mail'] }],
      });
      assert.equal((await claim(store))[0]?.receipt, 'message 1');
      assert.equal((await claim(store, 'mail'))[0]?.receipt, null);
    });
  });

  test('it is told how the request stands now', async () => {
    await withStore(async (store) => {
      await store.commit(submit(1, 'chat'));
      const read = await store.request(req(1));
      assert.ok(read !== null);
      await store.commit(decided(read, { state: 'cancelled', why: 'not needed' }));
      assert.equal((await claim(store))[0]?.state, 'cancelled');
    });
  });

  test('notices of notifiers that are gone and old receipts are removed, a thousand at a time', async () => {
    await withStore(async (store) => {
      await store.commit(submit(1, 'chat', 'gone'));
      const many = Array.from({ length: 1_500 }, (_, at) => ({
        notice: noticeFor(1, 'ended', at + 1),
        notifiers: ['gone too'],
      }));
      await store.commit({ entries: [], notices: many });
      const [first] = await claim(store);
      await store.finishNotice({ row: first?.row ?? 0, receipt: 'old', at: START - 10, entries: [] });
      const forget = async (): Promise<number> => store.forgetNotices({ notifiers: ['chat'], before: START });
      assert.equal(await forget(), 1_000);
      assert.equal(await forget(), 502);
      assert.equal(await forget(), 0);
      assert.equal(await store.noticeReceipt('chat', req(1)), null);
      assert.deepEqual([...(await claim(store, 'gone')), ...(await claim(store, 'gone too'))], []);
    });
  });
});
