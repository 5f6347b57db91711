/**
 * Part of the contract: what no store knows any more is found at the target and ended, and nothing else is touched.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Leftover, Mark, Target } from '../../../src/core/ports.ts';
import type { Ground } from './contract.ts';
import { isWithout } from './rig.ts';
import { CLOUD_CODES, failing, never } from './scene.ts';

/** What the broker makes of something that no store knows: nobody has recorded when it was to end. */
const markOf = (target: Target, { grant, handle, notAfter }: Leftover): Mark => ({
  grant,
  target: target.name,
  handle,
  endsAt: null,
  notAfter,
});

export function leftoverTests<T extends Target>({ rig, scene }: Ground<T>): void {
  test('a broker without memory finds what it issued, as it was intended, and can end it by that alone', async (t) => {
    const { leaves, provider, target, works, now } = rig();
    if (isWithout(leaves)) return t.skip(leaves.without);
    const orders = rig().shared === undefined ? [scene().order(), scene().order()] : [scene().order()];
    const held = [];
    for (const order of orders) held.push({ order, issued: await scene().issue(order) });
    scene().restart();
    const found = await scene().provider().list(target, never());
    for (const { order, issued } of held) {
      const [one, ...more] = found.filter(({ grant }) => grant === order.grant);
      assert(one !== undefined, `${order.grant} was not found`);
      assert.deepEqual(more, [], 'it was found twice');
      const { handle, name } = provider.intend(target, order);
      assert.deepEqual([one.handle, one.name], [handle, name]);
      assert(one.notAfter > now(), 'it is called over already');
      await scene().end(markOf(target, one));
      assert.equal(await works(issued.credential, order), false);
    }
    const left = (await scene().provider().list(target, never())).map(({ grant }) => grant);
    for (const { order } of held) assert(!left.includes(order.grant), 'it is found after its end');
  });

  test('what was issued at one target is not found at another', async (t) => {
    const { leaves, other, provider, target } = rig();
    if (isWithout(leaves)) return t.skip(leaves.without);
    if (isWithout(other)) return t.skip(other.without);
    const [here, there] = [scene().order(), scene().order()];
    await scene().issue(here);
    await scene().issue(there, { at: other });
    const found = async (at: T): Promise<readonly string[]> =>
      (await provider.list(at, never())).map(({ grant }) => grant);
    const [atTarget, atOther] = [await found(target), await found(other)];
    assert.deepEqual([atTarget.includes(here.grant), atTarget.includes(there.grant)], [true, false]);
    assert.deepEqual([atOther.includes(here.grant), atOther.includes(there.grant)], [false, true]);
  });

  test('another broker at the same target is never found, and what it issued works on', async (t) => {
    const { leaves, neighbour, provider, target, works } = rig();
    if (isWithout(leaves)) return t.skip(leaves.without);
    if (isWithout(neighbour)) return t.skip(neighbour.without);
    const [own, theirs] = [scene().order(), scene().order()];
    const mine = await scene().issue(own);
    const issued = await neighbour.issue(target, theirs, never());
    try {
      const seen = async (by: typeof provider): Promise<readonly string[]> =>
        (await by.list(target, never())).map(({ grant }) => grant);
      const [byOwner, byNeighbour] = [await seen(provider), await seen(neighbour)];
      assert.deepEqual([byOwner.includes(own.grant), byOwner.includes(theirs.grant)], [true, false]);
      assert.deepEqual([byNeighbour.includes(own.grant), byNeighbour.includes(theirs.grant)], [false, true]);
      await scene().end(scene().mark(own, mine));
      assert.equal(await works(issued.credential, theirs), true);
    } finally {
      const { handle } = neighbour.intend(target, theirs);
      const mark = {
        grant: theirs.grant,
        target: target.name,
        handle,
        endsAt: theirs.endsAt,
        notAfter: issued.notAfter,
      };
      await scene().end(mark, { by: neighbour });
    }
  });

  test('what somebody else made under a confusable name is neither found nor touched', async (t) => {
    const { plantForeign, provider, target } = rig();
    if (isWithout(plantForeign)) return t.skip(plantForeign.without);
    const order = scene().order();
    const untouched = await plantForeign(order);
    assert.equal(await untouched(), true, 'it is not there');
    const found = await provider.list(target, never());
    assert.deepEqual(
      found.filter(({ grant }) => grant === order.grant),
      [],
    );
    // Where it takes the very name that the order needs, issuing is refused.
    await scene()
      .issue(order)
      .catch((thrown: unknown) => failing(Promise.reject(thrown), CLOUD_CODES));
    await scene().end(scene().mark(order));
    assert.equal(await untouched(), true, 'it was touched');
  });
}
