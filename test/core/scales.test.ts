/**
 * The ordered scales of the domain, and who is the same person.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ACCESS_LEVELS, highest } from '../../src/core/access.ts';
import { answersFor, type Person, type Principal, samePrincipal } from '../../src/core/principal.ts';
import { compareTiers, isTier, TIERS } from '../../src/core/tier.ts';

test('the highest access level of some is one of them, and none of them is higher', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...ACCESS_LEVELS)), (levels) => {
      const top = highest(ACCESS_LEVELS, levels);
      if (top === undefined) return assert.equal(levels.length, 0);
      assert.ok(levels.includes(top));
      for (const level of levels) assert.ok(ACCESS_LEVELS.indexOf(level) <= ACCESS_LEVELS.indexOf(top));
      return undefined;
    }),
  );
});

test('tiers rise in demand from auto to break-glass', () => {
  assert.deepEqual(TIERS.toReversed().toSorted(compareTiers), ['auto', 'self-serve', 'manual', 'break-glass']);
  assert.ok(isTier('manual') && !isTier('Manual') && !isTier('__proto__') && !isTier(''));
});

test('a person is issuer and subject: the same name elsewhere is somebody else, another name is the same person', () => {
  const ada: Principal = { kind: 'user', issuer: 'https://id.example', subject: 'ada', name: 'Ada', groups: [] };
  const renamed: Principal = { ...ada, name: 'root', kind: 'agent', groups: ['admins'] };
  assert.ok(samePrincipal(ada, renamed));
  assert.ok(!samePrincipal(ada, { ...ada, issuer: 'https://id.example/' }));
  assert.ok(!samePrincipal(ada, { ...ada, subject: 'Ada' }));
});

test('a person answers for an agent that acts for them, never the other way, and an agent only for itself and that person', () => {
  const ada: Person = { kind: 'user', issuer: 'https://id.example', subject: 'ada', name: 'Ada', groups: [] };
  const bot: Principal = { kind: 'agent', issuer: 'https://id.example', subject: 'bot', name: 'bot', groups: [] };
  const adasBot: Principal = { ...bot, actsFor: ada };
  const elsesBot: Principal = { ...bot, actsFor: { ...ada, subject: 'eve' } };
  assert.ok(answersFor(ada, ada) && answersFor(ada, adasBot));
  for (const [one, other] of [
    [adasBot, ada],
    [adasBot, bot],
    [bot, adasBot],
    [adasBot, elsesBot],
    [ada, elsesBot],
  ] as const) {
    assert.ok(!answersFor(one, other));
    assert.ok(!samePrincipal(one, other));
  }
});
