/**
 * Part of the contract: what a provider says and leaves while its cloud is down, silent, unwilling, or answers into the void.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import type { Issued, Order, Target } from '../../../src/core/ports.ts';
import type { Ground } from './contract.ts';
import type { OutageKind } from './rig.ts';
import { isWithout } from './rig.ts';
import { CLOUD_CODES, failing } from './scene.ts';

/** What `issue` may say in each outage, where not even its first call goes well. */
const SAYS: readonly (readonly [OutageKind, readonly ErrorCode[]])[] = [
  ['down', ['ERR_CLOUD_BUSY', 'ERR_CLOUD_UNKNOWN']],
  ['throttled', ['ERR_CLOUD_BUSY']],
  ['denied', ['ERR_CLOUD']],
];
/** Every deadline is so much shorter in these tests: ten seconds are half of one. */
const FASTER = 20;

export function outageTests<T extends Target>({ rig, scene }: Ground<T>): void {
  /** Whether the outage can be had; if not, the test is skipped with the reason. */
  const during = async (
    t: TestContext,
    { kind, after = 0 }: { readonly kind: OutageKind; readonly after?: number },
    work: () => Promise<void>,
  ): Promise<void> => {
    const reason = rig().unable?.[kind];
    if (reason !== undefined) return t.skip(reason);
    const restore = await rig().outage(kind, { after });
    try {
      await work();
    } finally {
      await restore();
    }
  };

  for (const [kind, codes] of SAYS) {
    test(`${kind}: issuing says so and leaves nothing; it succeeds afterwards`, async (t) => {
      const before = await rig().objects();
      const order = scene().order();
      await during(t, { kind }, async () => void (await failing(scene().issue(order), codes)));
      assert.deepEqual(await rig().objects(), before);
      const { credential } = await scene().issue(order);
      assert.equal(await rig().works(credential, order), true);
    });

    test(`${kind}: a revocation is never called gone, and succeeds afterwards`, async (t) => {
      const order = scene().order();
      const issued = await scene().issue(order);
      const mark = scene().mark(order, issued);
      await during(t, { kind }, async () => await notGone(scene().revoke(mark)));
      await scene().end(mark);
      assert.equal(await rig().works(issued.credential, order), false);
    });

    test(`${kind}: what is at the target cannot be told, which is not the same as nothing`, async (t) => {
      const { leaves, provider, target } = rig();
      if (isWithout(leaves)) return t.skip(leaves.without);
      await during(t, { kind }, async () => {
        await failing(provider.list(target, new AbortController().signal), CLOUD_CODES);
      });
    });
  }

  test('silence: issuing, revoking and listing give up by their own deadline, and nothing is called gone', async (t) => {
    const { provider, target, leaves } = rig();
    const [order, issued] = await issuedOne();
    const mark = scene().mark(order, issued);
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    t.mock.method(AbortSignal, 'timeout', (ms: number) => timeout(Math.ceil(ms / FASTER)));
    await during(t, { kind: 'black-hole' }, async () => {
      await Promise.all([
        within(failing(scene().issue(scene().order()), ['ERR_CLOUD_BUSY', 'ERR_CLOUD_UNKNOWN'])),
        within(notGone(scene().revoke(mark))),
        ...(isWithout(leaves)
          ? []
          : [within(failing(provider.list(target, new AbortController().signal), CLOUD_CODES))]),
      ]);
    });
    t.mock.restoreAll();
    await scene().end(mark);
    assert.equal(await rig().works(issued.credential, order), false);
  });

  test('silence: whoever waits can give up before the deadline', async (t) => {
    const [order, issued] = await issuedOne();
    const mark = scene().mark(order, issued);
    await during(t, { kind: 'black-hole' }, async () => {
      const signal = AbortSignal.timeout(200);
      await Promise.all([
        within(failing(scene().issue(scene().order(), { signal }), ['ERR_CLOUD_BUSY', 'ERR_CLOUD_UNKNOWN']), 5_000),
        within(notGone(scene().revoke(mark, { signal })), 5_000),
      ]);
    });
    await scene().end(mark);
  });

  test('an answer that is lost, whichever it is, leaves nothing that its intent alone cannot end', async (t) => {
    await atEachCall(t, 'reply-lost');
  });

  test('a cloud that goes away between two calls leaves nothing that its intent alone cannot end', async (t) => {
    await atEachCall(t, 'down');
  });

  /** Breaks an issue at each of its calls in turn; whatever is said about it has to be true, and its remains have to go. */
  const atEachCall = async (t: TestContext, kind: OutageKind): Promise<void> => {
    const { objects, works, unable } = rig();
    const reason = unable?.[kind];
    if (reason !== undefined) return t.skip(reason);
    const before = await objects();
    const steps = await callsOfOne();
    for (let after = 0; after < steps; after++) {
      const order = scene().order();
      const tried: { issued?: Issued; error?: unknown } = {};
      await during(t, { kind, after }, async () => {
        try {
          tried.issued = await scene().issue(order);
        } catch (thrown) {
          tried.error = thrown;
        }
      });
      const { issued, error } = tried;
      if (issued === undefined) {
        assert(error instanceof JitError, `call ${after}: ${String(error)}`);
        assert(CLOUD_CODES.includes(error.code), `call ${after}: ${error.code}`);
        if (error.code !== 'ERR_CLOUD_UNKNOWN')
          assert.deepEqual(await objects(), before, `call ${after}: ${error.code}`);
      }
      const mark = scene().mark(order);
      scene().restart();
      await scene().end(mark);
      if (issued !== undefined) assert.equal(await works(issued.credential, order), false, `call ${after}: it works`);
      await scene().endAndTidy(mark);
      assert.deepEqual(await objects(), before, `call ${after}: something is left`);
    }
  };

  const callsOfOne = async (): Promise<number> => {
    const made = rig().calls();
    const order = scene().order();
    await scene().issue(order);
    const needed = rig().calls() - made;
    await scene().endAndTidy(scene().mark(order));
    assert(needed > 0, 'an issue without a call');
    return needed;
  };

  const issuedOne = async (): Promise<readonly [Order, Issued]> => {
    const order = scene().order();
    return [order, await scene().issue(order)];
  };
}

/** It fails with one of the cloud's codes, or is to be asked again. */
async function notGone(revocation: Promise<{ readonly kind: string }>): Promise<void> {
  try {
    assert.equal((await revocation).kind, 'pending');
  } catch (thrown) {
    assert(thrown instanceof JitError && CLOUD_CODES.includes(thrown.code), String(thrown));
  }
}

/** @param ms the deadline of one call, and the time to give up in. */
async function within<V>(work: Promise<V>, ms = 15_000): Promise<V> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`it hangs for more than ${ms} ms`)), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
