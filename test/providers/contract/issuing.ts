/**
 * Part of the contract: what is issued is what was planned, no more, and once.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Order, Target } from '../../../src/core/ports.ts';
import type { Ground } from './contract.ts';
import type { Rig } from './rig.ts';
import { isWithout } from './rig.ts';
import { failing } from './scene.ts';

const HOSTILE_CODES = ['ERR_OPERATION', 'ERR_RESOURCE', 'ERR_TARGET', 'ERR_PERMISSION_SIZE'] as const;
const TIMES = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?/g;
const GRANTS = /gr[_-][0-9a-z]{26}/g;

export function issuingTests<T extends Target>({ rig, scene }: Ground<T>): void {
  test('what is issued does what was asked for, and not the other thing', async (t) => {
    const order = scene().order();
    const { credential } = await scene().issue(order);
    assert.equal(await rig().works(credential, order), true, 'it does not work');
    const { second } = rig();
    if (isWithout(second)) return t.skip(second.without);
    assert.equal(await rig().works(credential, { ...order, permissions: [second] }), false, 'it does more');
  });

  test('several permissions in one order are one grant, which does all of them', async (t) => {
    const { permission, second, works } = rig();
    if (isWithout(second)) return t.skip(second.without);
    const order = scene().order({ permissions: [permission, second] });
    const issued = await scene().issue(order);
    assert.equal(await works(issued.credential, { ...order, permissions: [permission] }), true);
    assert.equal(await works(issued.credential, { ...order, permissions: [second] }), true);
    await scene().end(scene().mark(order, issued));
    assert.equal(await works(issued.credential, { ...order, permissions: [permission] }), false);
    assert.equal(await works(issued.credential, { ...order, permissions: [second] }), false);
  });

  test('what was planned is what the cloud is given, but for the end', async () => {
    const { provider, target, permission, second, now } = rig();
    for (const permissions of [[permission], ...(isWithout(second) ? [] : [[permission, second]])]) {
      const order = scene().order({ permissions, endsAt: now() + 600_000 });
      const plan = await provider.plan(target, permissions, 600);
      const issued = await scene().issue(order);
      assert.equal(alike(rig(), issued.granted, order), alike(rig(), plan.permission, order));
      assert.equal(plan.target, target.name);
      assert.deepEqual(plan.revocation, provider.intend(target, order).revocation);
      assert(plan.words.length > 0 && plan.residualSeconds >= 0 && plan.floorSeconds >= 0);
    }
  });

  test('the spelling that was decided on is kept when it is judged again', async () => {
    const { provider, target, permission } = rig();
    const { permission: spelled, assessment } = await provider.assess(target, permission);
    assert.deepEqual(await provider.assess(target, spelled), { permission: spelled, assessment });
  });

  test('hostile permissions are refused when they are judged, planned and issued, before any call', async () => {
    const { provider, target, hostile, calls, objects } = rig();
    assert(hostile.length > 0, 'the rig brings none');
    const [made, found] = [calls(), await objects()];
    for (const { what, permission } of hostile) {
      const { message } = await failing(provider.assess(target, permission), HOSTILE_CODES).catch((thrown: unknown) => {
        throw new Error(`${what}: judged wrongly`, { cause: thrown });
      });
      assert.match(message, /^[\x20-\x7e]*[^.]$/, what);
      await failing(provider.plan(target, [permission], 600), HOSTILE_CODES);
      const order = scene().order({ permissions: [permission] });
      await failing(provider.issue(target, order, new AbortController().signal), ['ERR_CLOUD', ...HOSTILE_CODES]);
    }
    assert.equal(calls(), made, 'a call was made');
    assert.deepEqual(await objects(), found);
  });

  test('issued twice it is one thing, and the last credential works', async () => {
    const { provider, target, objects, works, leaves } = rig();
    const before = await objects();
    const order = scene().order();
    const first = await scene().issue(order);
    const after = await objects();
    const last = await scene().issue(order);
    assert.deepEqual(await objects(), after);
    if (!isWithout(leaves)) assert(after.length > before.length, 'nothing of it can be seen');
    assert.equal(await works(last.credential, order), true);
    assert.equal(provider.intend(target, order).handle, scene().mark(order).handle);
    await scene().end(scene().mark(order, last));
    assert.equal(await works(first.credential, order), false, 'the first credential survives');
    assert.equal(await works(last.credential, order), false, 'the last credential survives');
  });

  test('asked for at the same time it is one thing, which one revocation ends', async () => {
    const { objects, works } = rig();
    const order = scene().order();
    const before = await objects();
    const tries = await Promise.allSettled([scene().issue(order), scene().issue(order)]);
    const issued = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    assert(issued.length > 0, 'neither was issued');
    const mark = scene().mark(order, issued.at(-1));
    await scene().end(mark);
    for (const { credential } of issued) assert.equal(await works(credential, order), false);
    await scene().endAndTidy(mark);
    assert.deepEqual(await objects(), before);
  });

  test('an order whose end has passed, or whom nobody waits for any more, reaches no cloud', async () => {
    const { calls, now } = rig();
    const made = calls();
    await failing(scene().issue(scene().order({ endsAt: now() - 1_000 })), ['ERR_CLOUD']);
    await failing(scene().issue(scene().order(), { signal: AbortSignal.abort() }), ['ERR_CLOUD_BUSY']);
    assert.equal(calls(), made);
  });
}

/** Without what a plan cannot know: times, and ids of grants. */
function alike<T extends Target>(rig: Rig<T>, text: string, order: Order): string {
  const plain = text.replaceAll(TIMES, '<time>').replaceAll(GRANTS, '<grant>');
  return rig.alike?.(plain, order) ?? plain;
}
