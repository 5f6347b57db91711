/**
 * Part of the contract: access ends when it should, early or by itself, and only its own.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Target } from '../../../src/core/ports.ts';
import type { Ground } from './contract.ts';
import { isWithout } from './rig.ts';
import { failing } from './scene.ts';

export function endingTests<T extends Target>({ rig, scene }: Ground<T>): void {
  test('a revoked credential is dead once it is called gone, and what was left is tidied away', async () => {
    const { objects, works, time } = rig();
    const before = await objects();
    const order = scene().order();
    const issued = await scene().issue(order);
    assert.equal(await works(issued.credential, order), true);
    const mark = scene().mark(order, issued);
    const { proof } = await scene().end(mark);
    assert.equal(await works(issued.credential, order), false, 'it still works');
    assert.match(proof, /^[\x20-\x7e]{3,200}[^.]$/, 'how it was verified, in a few words');
    await scene().endAndTidy(mark);
    assert.deepEqual(await objects(), before);
    if (time === 'moved') assert.equal(await works(issued.credential, order), false, 'tidying brought it back');
  });

  test('revoking again, three times at once and after a restart is success each time', async () => {
    const { works } = rig();
    const order = scene().order();
    const issued = await scene().issue(order);
    const mark = scene().mark(order, issued);
    const ends = [scene().end(mark), scene().end(mark), scene().end(mark)];
    for (const { kind } of await Promise.all(ends)) assert.equal(kind, 'gone');
    assert.equal((await scene().end(mark)).kind, 'gone');
    scene().restart();
    assert.equal((await scene().end(mark)).kind, 'gone');
    assert.equal(await works(issued.credential, order), false);
  });

  test('revoking what was never issued is success and leaves nothing', async () => {
    const before = await rig().objects();
    await scene().endAndTidy(scene().mark(scene().order()));
    assert.deepEqual(await rig().objects(), before);
  });

  test('revoking what an administrator has removed by hand is success', async (t) => {
    const { removeByHand } = rig();
    if (isWithout(removeByHand)) return t.skip(removeByHand.without);
    const order = scene().order();
    const issued = await scene().issue(order);
    await removeByHand(order);
    await scene().end(scene().mark(order, issued));
    assert.equal(await rig().works(issued.credential, order), false);
  });

  test('revocation needs neither the memory of the process that issued nor a configured target', async () => {
    const { works } = rig();
    const order = scene().order();
    const issued = await scene().issue(order);
    const mark = scene().mark(order, issued);
    scene().restart();
    await scene().end(mark);
    assert.equal(await works(issued.credential, order), false);
  });

  test('what was issued just before the broker died, unrecorded, is revoked by its intent alone', async () => {
    const { works, objects } = rig();
    const before = await objects();
    const order = scene().order();
    const lost = await scene().issue(order);
    const mark = scene().mark(order);
    scene().restart();
    await scene().end(mark);
    assert.equal(await works(lost.credential, order), false);
    await scene().endAndTidy(mark);
    assert.deepEqual(await objects(), before);
  });

  test('a second grant of one person on one thing is refused where it cannot be kept apart, and the first is untouched', async (t) => {
    const { refusesSecond, works, objects } = rig();
    if (refusesSecond === undefined) return t.skip('here they are kept apart');
    const [first, second] = [scene().order(), scene().order()];
    const issued = await scene().issue(first);
    const seen = await objects();
    await failing(scene().issue(second), ['ERR_CLOUD']);
    assert.deepEqual(await objects(), seen);
    await scene().end(scene().mark(second));
    assert.equal(await works(issued.credential, first), true, refusesSecond);
  });

  test('of two grants of one person on one thing, ending one leaves the other, whichever is first', async (t) => {
    const { works, refusesSecond } = rig();
    if (refusesSecond !== undefined) return t.skip(refusesSecond);
    for (const which of ['the older', 'the newer'] as const) {
      const orders = [scene().order(), scene().order()];
      const held = [];
      for (const order of orders) held.push({ order, issued: await scene().issue(order) });
      const [gone, kept] = which === 'the older' ? held : held.toReversed();
      assert(gone !== undefined && kept !== undefined);
      await scene().end(scene().mark(gone.order, gone.issued));
      assert.equal(await works(kept.issued.credential, kept.order), true, `${which} took the other with it`);
      const again = await scene().issue(kept.order);
      assert.equal(await works(again.credential, kept.order), true, `after ${which} the other cannot be issued again`);
      await scene().end(scene().mark(kept.order, again));
      assert.equal(await works(again.credential, kept.order), false);
      assert.equal(await works(gone.issued.credential, gone.order), false, `${which} is back`);
    }
  });

  test('the target ends access by itself, and a renewal moves that end', async (t) => {
    const { endsByItself, provider, target, permission, now, passTo, shortMs, works } = rig();
    if (isWithout(endsByItself)) return t.skip(endsByItself.without);
    const { residualSeconds } = await provider.plan(target, [permission], 600);
    const start = now();
    const [plain, renewed] = [1, 2].map(() => scene().order({ endsAt: start + shortMs }));
    assert(plain !== undefined && renewed !== undefined);
    const one = await scene().issue(plain);
    await scene().issue(renewed);
    const later = { ...renewed, endsAt: start + 2 * shortMs + residualSeconds * 1_000 };
    const two = await scene().issue(later);
    assert.equal(await works(one.credential, plain), true);
    await passTo(plain.endsAt + residualSeconds * 1_000);
    assert.equal(await works(one.credential, plain), false, 'it works past its end');
    assert.equal(await works(two.credential, later), true, 'the renewed one has ended too early');
    await passTo(later.endsAt + residualSeconds * 1_000);
    assert.equal(await works(two.credential, later), false, 'the renewed one works past its end');
  });
}
