/**
 * The contract of stores: claims, fairness, due times.
 * @module
 */
import assert from 'node:assert/strict';
import type { Store } from '../../../../src/broker/store/store.ts';
import type { Effect } from '../../../../src/core/grant.ts';
import { approval, gr, START } from '../samples.ts';
import type { Check } from './check.ts';

type Pending = Effect & { readonly claimedUntil: number | null };

const revoke = (target: string, dueAt: number, claimedUntil: number | null = null): Pending => ({
  kind: 'revoke',
  target,
  dueAt,
  claimedUntil,
});

/** Commits grants that each have exactly these effects. */
async function withEffects(store: Store, effects: readonly Pending[]): Promise<void> {
  await Promise.all(effects.map((effect, number) => store.commit({ ...approval({ number }), effects: [effect] })));
}

const everything = { now: START + 1_000, until: START + 2_000, limit: 1_000, perTarget: 1_000, busy: [] } as const;

export function outboxContract(check: Check): void {
  check('takes what is due, oldest first, and nothing twice while it is claimed', async (store) => {
    await withEffects(store, [
      revoke('a', START + 30),
      revoke('b', START + 10),
      revoke('a', START + 5_000),
      revoke('c', START + 20),
    ]);
    const taken = await store.claim(everything);
    assert.deepEqual(
      taken.map(({ grant, kind, target, dueAt, attempted }) => ({ grant, kind, target, dueAt, attempted })),
      [
        { grant: gr(1), kind: 'revoke', target: 'b', dueAt: START + 10, attempted: 'never' },
        { grant: gr(3), kind: 'revoke', target: 'c', dueAt: START + 20, attempted: 'never' },
        { grant: gr(0), kind: 'revoke', target: 'a', dueAt: START + 30, attempted: 'never' },
      ],
    );
    assert.deepEqual(await store.claim(everything), []);
  });

  check('two takers at once share the work', async (store) => {
    await withEffects(
      store,
      Array.from({ length: 20 }, () => revoke('a', START)),
    );
    const both = (
      await Promise.all([store.claim({ ...everything, limit: 12 }), store.claim({ ...everything, limit: 12 })])
    ).flat();
    assert.equal(both.length, 20);
    assert.equal(new Set(both.map((effect) => effect.grant)).size, 20);
  });

  check('a claim that ran out is taken again as a maybe, and stays one', async (store) => {
    await withEffects(store, [revoke('a', START), revoke('b', START, START + 500)]);
    const first = await store.claim({ ...everything, now: START + 100, until: START + 400 });
    assert.deepEqual(
      first.map((one) => [one.target, one.attempted]),
      [['a', 'never']],
    );
    assert.deepEqual(await store.claim({ ...everything, now: START + 399 }), []);
    const again = await store.claim({ ...everything, now: START + 500, until: START + 600 });
    assert.deepEqual(again.map((one) => `${one.target} ${one.attempted} ${one.dueAt - START}`).toSorted(), [
      'a maybe 0',
      'b maybe 0',
    ]);
    assert.equal(
      (await store.claim({ ...everything, now: START + 600 })).every((one) => one.attempted === 'maybe'),
      true,
    );
  });

  check('given-up claims can be taken at once, as a maybe', async (store) => {
    await withEffects(store, [revoke('a', START), revoke('b', START + 10, START + 90_000), revoke('c', START + 20)]);
    await store.claim({ ...everything, limit: 1, until: START + 90_000 });
    await store.releaseClaims();
    assert.deepEqual(
      (await store.claim(everything)).map((one) => [one.target, one.attempted]),
      [
        ['a', 'maybe'],
        ['b', 'maybe'],
        ['c', 'never'],
      ],
    );
  });

  check(
    'one target has at most its share, a busy one none, and effects without a target are not limited',
    async (store) => {
      const targets = ['a', 'a', 'a', 'a', 'b', 'b', 'busy', 'busy'];
      await withEffects(store, [
        ...targets.map((target, index) => revoke(target, START + index)),
        ...[20, 21, 22].map((after): Pending => ({ kind: 'expire', dueAt: START + after, claimedUntil: null })),
      ]);
      const fair: Parameters<Store['claim']>[0] = { ...everything, perTarget: 2, busy: ['busy', 'unknown'] };
      const targetsOf = async (options: Parameters<Store['claim']>[0]) =>
        (await store.claim(options)).map((effect) => effect.target);
      assert.deepEqual(await targetsOf({ ...fair, limit: 5 }), ['a', 'a', 'b', 'b', '']);
      assert.deepEqual(await targetsOf(fair), ['a', 'a', '', '']);
      assert.deepEqual(await targetsOf({ ...fair, busy: [] }), ['busy', 'busy']);
    },
  );

  check('a dead target with thousands of due effects leaves the others their turn', async (store) => {
    await withEffects(store, [
      ...Array.from({ length: 300 }, () => revoke('dead', START)),
      ...Array.from({ length: 9 }, (_, index) => revoke(`t${index}`, START + 1)),
    ]);
    const taken = await store.claim({ ...everything, limit: 16, perTarget: 4 });
    assert.equal(taken.filter((effect) => effect.target === 'dead').length, 4);
    assert.equal(taken.filter((effect) => effect.target !== 'dead').length, 9);
  });

  check('says when there is next something to take: the due time, or the end of a claim', async (store) => {
    assert.equal(await store.nextDue([]), null);
    await withEffects(store, [
      revoke('a', START + 100),
      revoke('b', START + 200),
      { kind: 'expire', dueAt: START + 300, claimedUntil: null },
    ]);
    assert.equal(await store.nextDue([]), START + 100);
    assert.equal(await store.nextDue(['a']), START + 200);
    assert.equal(await store.nextDue(['a', 'b']), START + 300);
    await store.claim({ ...everything, now: START + 200, until: START + 250 });
    assert.equal(await store.nextDue([]), START + 250);
    await store.claim({ ...everything, now: START + 300, until: START + 9_000 });
    assert.equal(await store.nextDue([]), START + 9_000);
    await store.releaseClaims();
    assert.equal(await store.nextDue([]), START + 100);
  });

  check('an effect is set again in place, done once, and set again after done in one commit', async (store) => {
    await withEffects(store, [revoke('prod', START)]);
    const read = (await store.grant(gr(0))) ?? assert.fail();
    const done = { grant: gr(0), kind: 'revoke', target: 'prod' } as const;
    const [taken] = await store.claim(everything);
    // A claimed effect carries more than its key; handing it in whole is the natural thing to do.
    await store.commit({ grant: read, done: taken ?? done, effects: [revoke('prod', START + 7)], entries: [] });
    assert.deepEqual(
      (await store.claim(everything)).map((one) => [one.dueAt, one.attempted]),
      [[START + 7, 'never']],
    );
    await store.commit({ done, entries: [] });
    await store.commit({ done, entries: [] });
    assert.equal(await store.nextDue([]), null);
  });
}
