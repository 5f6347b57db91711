/**
 * The contract of stores: which requests still wait for somebody, and until when.
 * @module
 */
import assert from 'node:assert/strict';
import type { Store } from '../../../../src/broker/store/store.ts';
import type { RequestState } from '../../../../src/core/request.ts';
import { approval, bot, decided, gr, req, START, submission, takeUp, vote, eve } from '../samples.ts';
import { type Check, failsWith } from './check.ts';
import { readOne } from './requests.ts';

/** Commits request `number`, waiting until `after` ms after the start, or for nothing. */
async function put(store: Store, number: number, after: number | null, state: RequestState = 'pending'): Promise<void> {
  const deadline = after === null ? null : START + after;
  await store.commit(submission({ number, decision: { state, deadline } }));
}

const open = async (store: Store, by: number | null, limit = 1_000) =>
  (await store.openRequests(by, limit)).map(({ request }) => request.id);

export function openRequestsContract(check: Check): void {
  check('where nothing is open there is nothing to wait for', async (store) => {
    assert.deepEqual(await open(store, null), []);
    assert.equal(await store.nextDeadline(), null);
    await store.commit(approval({ number: 1, decision: { deadline: START } }));
    await put(store, 2, 5, 'denied');
    assert.deepEqual(await open(store, null), []);
    assert.deepEqual(await open(store, START * 2), []);
    assert.equal(await store.nextDeadline(), null);
  });

  check('open requests come by deadline, then as they came, those without a deadline last', async (store) => {
    const deadlines = [30, null, 10, 20, null, 10, 40];
    for (const [number, after] of deadlines.entries()) await put(store, number, after);
    const expected = [2, 5, 3, 0, 6, 1, 4].map(req);
    assert.deepEqual(await open(store, null), expected);
    for (const limit of [1, 2, 3, 5, 6]) assert.deepEqual(await open(store, null, limit), expected.slice(0, limit));
    assert.equal(await store.nextDeadline(), START + 10);
  });

  check('by a moment: those whose deadline has come, that very moment included', async (store) => {
    for (const [number, after] of [30, null, 10, 20, 0].entries()) await put(store, number, after);
    assert.deepEqual(await open(store, START - 1), []);
    assert.deepEqual(await open(store, START), [req(4)]);
    assert.deepEqual(await open(store, START + 19), [req(4), req(2)]);
    assert.deepEqual(await open(store, START + 20), [req(4), req(2), req(3)]);
    assert.deepEqual(await open(store, START + 20, 2), [req(4), req(2)]);
    assert.deepEqual(await open(store, Number.MAX_SAFE_INTEGER), [req(4), req(2), req(3), req(0)]);
    assert.deepEqual(await open(store, 0), []);
  });

  check(
    'pending and approved ones are open, those that are decided for good or have a grant are not',
    async (store) => {
      const states = ['pending', 'approved', 'denied', 'cancelled', 'timed-out'] as const;
      for (const [number, state] of states.entries()) await put(store, number, 10 + number, state);
      await store.commit(approval({ number: 5, decision: { deadline: START + 1 } }));
      assert.deepEqual(await open(store, null), [req(0), req(1)]);
      assert.deepEqual(await open(store, START + 1_000), [req(0), req(1)]);
      assert.equal(await store.nextDeadline(), START + 10);
    },
  );

  check('a request leaves the open ones when it is closed or taken up, and moves with its deadline', async (store) => {
    for (const number of [0, 1, 2]) await put(store, number, 10 * (number + 1));
    await store.commit(decided(await readOne(store, 0), { state: 'approved', deadline: START + 25 }, [vote(eve)]));
    assert.deepEqual(await open(store, null), [req(1), req(0), req(2)]);
    assert.equal(await store.nextDeadline(), START + 20);
    await store.commit(decided(await readOne(store, 1), { state: 'cancelled', deadline: null }));
    assert.deepEqual(await open(store, null), [req(0), req(2)]);
    assert.equal(await store.nextDeadline(), START + 25);
    await store.commit(takeUp(await readOne(store, 0), gr(0)));
    assert.deepEqual(await open(store, null), [req(2)]);
    assert.equal(await store.nextDeadline(), START + 30);
    await store.commit(decided(await readOne(store, 2), { deadline: null }));
    assert.deepEqual(await open(store, null), [req(2)]);
    assert.deepEqual(await open(store, START * 2), []);
    assert.equal(await store.nextDeadline(), null);
    await store.commit(decided(await readOne(store, 2), { state: 'timed-out' }));
    assert.deepEqual(await open(store, null), []);
  });

  check('an open request is listed whole, whoever made it', async (store) => {
    await store.commit(submission({ number: 1, requester: bot, decision: { deadline: START }, votes: [vote(eve)] }));
    assert.deepEqual(await store.openRequests(null, 10), [await readOne(store, 1)]);
    assert.deepEqual(await store.openRequests(START, 10), [await readOne(store, 1)]);
  });

  check('a page has 1 to 1,000 open requests', async (store) => {
    for (const by of [null, START]) {
      for (const limit of [0, -1, 1.5, 1_001, Number.NaN]) {
        await assert.rejects(store.openRequests(by, limit), failsWith('ERR_UNEXPECTED'));
      }
    }
  });
}
