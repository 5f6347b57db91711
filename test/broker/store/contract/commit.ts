/**
 * The contract of stores: all or nothing, and who wins.
 * @module
 */
import assert from 'node:assert/strict';
import type { Grant } from '../../../../src/core/grant.ts';
import { ada, approval, changed, decided, eve, event, gr, req, START, submission, takeUp } from '../samples.ts';
import { type Check, failsWith } from './check.ts';

export function commitContract(check: Check): void {
  check('a grant counts its commits, and a stale version is refused and changes nothing', async (store) => {
    const first = approval({ number: 1 });
    await store.commit(first);
    const read = (await store.grant(gr(1))) ?? assert.fail();
    const closed: Grant['state'] = { name: 'closed', reason: 'revoked', closedAt: START + 1 };
    await store.commit({ grant: changed(read, { state: closed }), entries: [event('grant.closed', { grant: gr(1) })] });
    const late = {
      grant: changed(read, { state: { name: 'active', issuedAt: START, expiresAt: START + 1, cut: null } }),
      effects: [{ kind: 'expire', dueAt: START, claimedUntil: null }],
      done: { grant: gr(1), kind: 'issue', target: 'prod' },
      entries: [event('grant.active', { grant: gr(1) })],
    } as const;
    await assert.rejects(store.commit(late), failsWith('ERR_CONFLICT'));
    const now = (await store.grant(gr(1))) ?? assert.fail();
    assert.deepEqual(now.grant.state, closed);
    assert.equal(now.version, 2);
    assert.equal((await store.entries({ from: 0, limit: 10 })).length, 3);
    const due = await store.claim({ now: START, until: START + 1, limit: 10, perTarget: 10, busy: [] });
    assert.deepEqual(
      due.map((effect) => effect.kind),
      ['issue'],
    );
  });

  check('a grant is not made twice, nor changed before it exists', async (store) => {
    const first = approval({ number: 1 });
    await assert.rejects(store.commit({ ...first, grant: { ...first.grant, version: 1 } }), failsWith('ERR_CONFLICT'));
    assert.equal(await store.request(req(1)), null, 'the request of the refused commit is not there either');
    await store.commit(first);
    const { request: _, ...again } = first;
    await assert.rejects(store.commit(again), failsWith('ERR_CONFLICT'));
  });

  check('two deciders of one request: one wins, the other is told, and there is one grant', async (store) => {
    await store.commit(submission({ number: 1 }));
    const read = (await store.request(req(1))) ?? assert.fail();
    const approve = takeUp(read, gr(1));
    const other = takeUp(read, gr(2));
    const settled = await Promise.allSettled([
      store.commit(approve),
      store.commit(other),
      store.commit(decided(read, { state: 'cancelled' })),
      store.commit({ grant: other.grant, entries: [] }),
    ]);
    assert.deepEqual(
      settled.map((one) => one.status),
      ['fulfilled', 'rejected', 'rejected', 'rejected'],
    );
    for (const one of settled) if (one.status === 'rejected') failsWith('ERR_CONFLICT')(one.reason);
    const stored = (await store.request(req(1))) ?? assert.fail();
    assert.equal(stored.decision.state, 'approved');
    assert.equal(stored.grant, gr(1));
    assert.equal((await store.grants({ limit: 10 })).length, 1);
  });

  check('an idempotency key is taken once by a requester, and is free to others', async (store) => {
    const idempotency = { key: 'k', bodyHash: 'b1' };
    await store.commit(submission({ number: 1, idempotency }));
    await assert.rejects(store.commit(submission({ number: 2, idempotency })), failsWith('ERR_CONFLICT'));
    await store.commit(submission({ number: 3, idempotency, requester: eve }));
    assert.deepEqual(await store.replayed(ada, 'k'), { bodyHash: 'b1', id: req(1) });
    assert.deepEqual(await store.replayed(eve, 'k'), { bodyHash: 'b1', id: req(3) });
    assert.equal(await store.replayed({ ...ada, issuer: 'https://other.example' }, 'k'), null);
    assert.equal(await store.request(req(2)), null);
    for (const later of [idempotency, { key: 'k2', bodyHash: 'b2' }, null]) {
      const read = (await store.request(req(1))) ?? assert.fail();
      const { request, entries } = decided(read, { why: 'decided again' });
      await store.commit({ request: { ...request, idempotency: later }, entries });
      assert.deepEqual(await store.replayed(ada, 'k'), { bodyHash: 'b1', id: req(1) });
      assert.equal(await store.replayed(ada, 'k2'), null);
    }
  });

  check('commits made at once: the refused ones are undone alone, in the order in which they came', async (store) => {
    const idempotency = { key: 'k', bodyHash: 'b' };
    const commits = Array.from({ length: 40 }, (_, number) =>
      store.commit(approval({ number, ...(number % 4 === 0 ? { idempotency } : {}) })),
    );
    const settled = await Promise.allSettled(commits);
    const refused = settled.flatMap((one, number) => (one.status === 'rejected' ? [number] : []));
    assert.deepEqual(refused, [4, 8, 12, 16, 20, 24, 28, 32, 36]);
    const entries = await store.entries({ from: 0, limit: 1_000 });
    assert.deepEqual(
      entries.map((entry) => entry.sequence),
      Array.from({ length: 62 }, (_, index) => index),
    );
    for (const [number, one] of settled.entries()) {
      assert.equal((await store.grant(gr(number))) === null, one.status === 'rejected');
    }
  });

  check('a change that no store can hold is refused as a fault of the program, alone', async (store) => {
    const good = approval({ number: 1 });
    const settled = await Promise.allSettled([
      store.commit({ ...approval({ number: 2 }), entries: [event('x', { data: { lone: '\ud800' } })] }),
      store.commit({ effects: [{ kind: 'expire', dueAt: START, claimedUntil: null }], entries: [] }),
      store.commit(good),
    ]);
    assert.deepEqual(
      settled.map((one) => one.status),
      ['rejected', 'rejected', 'fulfilled'],
    );
    for (const one of settled) if (one.status === 'rejected') failsWith('ERR_UNEXPECTED')(one.reason);
    assert.equal(await store.grant(gr(2)), null);
  });

  check('what does not fit together is refused as a fault of the program, alone and whole', async (store) => {
    await store.commit(approval({ number: 1 }));
    await store.commit(submission({ number: 2 }));
    const { grant, entries } = approval({ number: 3 });
    const twice = approval({ number: 4, targets: ['prod', 'prod'] });
    const wrong = [
      { grant, entries },
      twice,
      { entries: [event('request.noted', { request: req(9) })] },
      { entries: [event('grant.noted', { grant: gr(9) })] },
      { entries: [event('grant.noted', { request: req(2), grant: gr(1) })] },
    ];
    for (const change of wrong) await assert.rejects(store.commit(change), failsWith('ERR_UNEXPECTED'));
    assert.equal(await store.grant(gr(3)), null);
    assert.equal(await store.request(req(4)), null);
    assert.equal((await store.entries({ from: 0, limit: 10 })).length, 3);
  });

  check('after close every method fails with ERR_STORE, and commits made before it are kept', async (store) => {
    const kept = store.commit(approval({ number: 1 }));
    await store.close();
    await kept;
    await store.close();
    await assert.rejects(store.commit(approval({ number: 2 })), failsWith('ERR_STORE'));
    await assert.rejects(store.grant(gr(1)), failsWith('ERR_STORE'));
    await assert.rejects(store.nextDue([]), failsWith('ERR_STORE'));
    await assert.rejects(store.openRequests(null, 1), failsWith('ERR_STORE'));
    await assert.rejects(store.nextDeadline(), failsWith('ERR_STORE'));
  });
}
