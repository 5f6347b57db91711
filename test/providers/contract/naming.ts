/**
 * Part of the contract: names and handles, which exist before anything does at the cloud.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Target } from '../../../src/core/ports.ts';
import { canonicalJson } from '../../../src/core/canonical.ts';
import type { Canonical } from '../../../src/core/canonical.ts';
import type { Ground } from './contract.ts';
import { isWithout } from './rig.ts';
import { CLOUD_CODES, failing, printed, secretsOf } from './scene.ts';

export function namingTests<T extends Target>({ rig, scene }: Ground<T>): void {
  test('an order has one handle and one name, after a restart too, and no two orders share one', async () => {
    const { provider, target, restarted } = rig();
    const [order, another] = [scene().order(), scene().order()];
    const { handle, name, revocation } = provider.intend(target, order);
    for (const again of [provider.intend(target, order), restarted().intend(target, order)]) {
      assert.deepEqual({ ...again, notAfter: 0 }, { handle, name, revocation, notAfter: 0 });
    }
    const different = provider.intend(target, another);
    assert.notEqual(different.handle, handle);
    assert.notEqual(different.name, name);
    await Promise.resolve();
  });

  test('the end that is asked for changes neither handle nor name', () => {
    const { provider, target } = rig();
    const order = scene().order();
    const [now, later] = [order, { ...order, endsAt: order.endsAt + 60_000 }].map((one) =>
      provider.intend(target, one),
    );
    assert.deepEqual([now?.handle, now?.name], [later?.handle, later?.name]);
  });

  test('a handle is canonical JSON with a version', () => {
    const { provider, target } = rig();
    const { handle } = provider.intend(target, scene().order());
    // What has just been parsed from JSON is canonical JSON's own kind of value.
    const read = JSON.parse(handle) as Canonical;
    assert(typeof read === 'object' && read !== null && 'v' in read && typeof read['v'] === 'number');
    assert.equal(canonicalJson(read), handle);
  });

  test('another target gives the same order another handle', (t) => {
    const { provider, target, other } = rig();
    if (isWithout(other)) return t.skip(other.without);
    const order = scene().order();
    assert.notEqual(provider.intend(other, order).handle, provider.intend(target, order).handle);
  });

  test('the intent says when everything is over, before which nothing issued under it ends', async () => {
    const { provider, target, now } = rig();
    const order = scene().order();
    const intent = provider.intend(target, order);
    const { notAfter } = await scene().issue(order);
    assert(notAfter > now(), 'what was issued is over already');
    // Two minutes: the cloud's clock and the broker's.
    assert(intent.notAfter + 120_000 >= notAfter, `${intent.notAfter} is before ${notAfter}`);
  });

  test('a handle that is damaged, foreign or of another grant is an error and never success', async () => {
    const one = scene().mark(scene().order());
    const { grant } = scene().order();
    const { provider } = rig();
    const before = rig().calls();
    const wrong = ['', '{}', '{"v":1}', '[]', 'null', one.handle.slice(0, -1), one.handle.replace('"v":1', '"v":999')];
    for (const mark of [...wrong.map((handle) => ({ ...one, handle })), { ...one, grant }]) {
      const revoked = async () => await Promise.resolve([mark]);
      await failing(provider.revoke(mark, revoked, new AbortController().signal), [...CLOUD_CODES, 'ERR_UNEXPECTED']);
    }
    assert.equal(rig().calls(), before, 'a call was made');
  });

  test('no secret is in a handle, a name, a plan, what was granted, an error, or the print of what was issued', async () => {
    const { provider, target, permission, canaries, outage, unable } = rig();
    const order = scene().order();
    const intent = provider.intend(target, order);
    const plan = await provider.plan(target, [permission], 600);
    const issued = await scene().issue(order);
    const secrets = [...secretsOf(issued), ...canaries].filter((text) => text !== '');
    const seen = [printed(intent), printed(plan), issued.granted, printed(issued), printed(target)];
    for (const kind of ['denied', 'down'] as const) {
      if (unable?.[kind] !== undefined) continue;
      const restore = await outage(kind, { after: 0 });
      try {
        seen.push(printed(await failing(scene().issue(order), CLOUD_CODES)));
      } finally {
        await restore();
      }
    }
    for (const secret of secrets) {
      for (const text of seen) assert(!text.includes(secret), `a secret of ${secret.length} characters in ${text}`);
    }
  });
}
