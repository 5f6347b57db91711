import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { choose, combine, deny, type Terms, type Verdict } from '../../src/policy/verdict.ts';

const terms = fc.record({
  tier: fc.constantFrom('auto', 'self-serve', 'manual'),
  maxSeconds: fc.integer({ min: 1, max: 10_000 }),
  needsTicket: fc.boolean(),
  minReason: fc.nat(50),
  group: fc.constantFrom(null, 'leads', 'security'),
  approvers: fc.integer({ min: 1, max: 3 }),
  renewals: fc.nat(5),
  idleSeconds: fc.option(fc.integer({ min: 1, max: 600 })),
});
const permit = (id: string, part: Partial<Terms> = {}): Verdict =>
  choose(
    [
      {
        id,
        terms: {
          tier: 'auto',
          maxSeconds: 3_600,
          needsTicket: false,
          minReason: 0,
          quorum: [],
          renewals: 0,
          idleSeconds: null,
          ...part,
        },
      },
    ],
    { seconds: 1, hasTicket: true, reasonLength: 200 },
  );
const permits = fc
  .tuple(fc.constantFrom('a', 'b', 'c', 'd'), terms)
  .map(([id, { group, approvers, ...rest }]) =>
    permit(id, { ...rest, quorum: rest.tier === 'manual' ? [{ group, approvers }] : [] }),
  );

test('two groups that must each approve are both asked, however the permissions come', () => {
  const leads = permit('a', { tier: 'manual', quorum: [{ group: 'leads', approvers: 2 }] });
  const security = permit('b', { tier: 'manual', quorum: [{ group: 'security', approvers: 1 }] });
  const both = combine([leads, security, permit('c')]);
  assert.ok(both.kind === 'permit');
  assert.equal(both.tier, 'manual');
  assert.deepEqual(
    both.quorum.toSorted((a, b) => ((a.group ?? '') < (b.group ?? '') ? -1 : 1)),
    [
      { group: 'leads', approvers: 2 },
      { group: 'security', approvers: 1 },
    ],
  );
});

test('any denial denies the whole, and nothing asked is denied', () => {
  assert.equal(combine([permit('a'), deny('no', ['x']), permit('b')]).kind, 'deny');
  assert.equal(combine([]).kind, 'deny');
});

test('the whole is never easier than any of its parts, and does not depend on their order', () => {
  const order = ['auto', 'self-serve', 'manual'];
  fc.assert(
    fc.property(fc.array(permits, { minLength: 1, maxLength: 6 }), (parts) => {
      const whole = combine(parts);
      assert.ok(whole.kind === 'permit');
      for (const part of parts) {
        assert.ok(part.kind === 'permit');
        assert.ok(order.indexOf(whole.tier) >= order.indexOf(part.tier));
        assert.ok(whole.maxSeconds <= part.maxSeconds && whole.renewals <= part.renewals);
        assert.ok(whole.needsTicket || !part.needsTicket);
        assert.ok(whole.minReason >= part.minReason);
        assert.ok(part.idleSeconds === null || (whole.idleSeconds ?? Infinity) <= part.idleSeconds);
        for (const { group, approvers } of part.quorum) {
          assert.ok(whole.quorum.some((each) => each.group === group && each.approvers >= approvers));
        }
      }
      const turned = combine(parts.toReversed());
      assert.ok(turned.kind === 'permit');
      const sorted = ({ quorum }: { quorum: readonly unknown[] }) =>
        quorum.map((each) => JSON.stringify(each)).toSorted();
      assert.deepEqual({ ...turned, quorum: sorted(turned) }, { ...whole, quorum: sorted(whole) });
    }),
  );
});
