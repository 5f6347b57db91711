/**
 * Who somebody is now: the latest word on them, and on the person for whom they act.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { presentIn } from '../../../src/broker/sessions/present.ts';
import { type Person, type Principal, type PrincipalKey, samePrincipal } from '../../../src/core/principal.ts';

const JANE: Person = { kind: 'user', issuer: 'https://idp.test', subject: 'jane', name: 'Jane', groups: ['sre'] };
const BOT: Principal = {
  kind: 'agent',
  issuer: 'https://idp.test',
  subject: 'bot',
  name: 'bot',
  groups: [],
  actsFor: JANE,
};

const storeOf = (...words: readonly { readonly principal: Principal; readonly at: number }[]) => ({
  lastKnown: async (who: PrincipalKey) => words.find(({ principal }) => samePrincipal(principal, who)) ?? null,
});

test('the latest word counts, and without one what was given', async () => {
  assert.deepEqual(await presentIn(storeOf())(JANE), JANE);
  const left = { ...JANE, groups: [] };
  assert.deepEqual(await presentIn(storeOf({ principal: left, at: 2 }))(JANE), left);
});

test('what the person has lost since, the agent has lost; an older word gives nothing back', async () => {
  const left: Person = { ...JANE, groups: [] };
  const later = presentIn(storeOf({ principal: BOT, at: 1 }, { principal: left, at: 2 }));
  assert.deepEqual((await later(BOT)).actsFor?.groups, []);
  const earlier = presentIn(storeOf({ principal: { ...BOT, actsFor: left }, at: 2 }, { principal: JANE, at: 1 }));
  assert.deepEqual((await earlier(BOT)).actsFor?.groups, []);
});
