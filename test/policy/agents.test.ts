/**
 * Agents that act for a person: rules see both, and no rule gives the agent more than the person.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Person, Principal } from '../../src/core/principal.ts';
import { ask, JANE, load, REQUEST } from './questions.ts';
import { policies, questions, withIds } from './rules.ts';

const jane: Person = { ...JANE, kind: 'user', groups: ['engineers'] };
const bot: Principal = { kind: 'agent', issuer: 'https://ci.example', subject: 'bot', name: 'bot', groups: ['bots'] };
const janesBot: Principal = { ...bot, actsFor: jane };

const forUsers = `@id("users") @tier("auto") permit (principal is Jit::User, ${REQUEST}, resource);\n`;
const forAgents = `@id("agents") @tier("auto") permit (principal is Jit::Agent, ${REQUEST}, resource);\n`;

test('an agent needs a permit of its own and its person needs one, too', async () => {
  const decide = async (text: string, principal: Principal): Promise<string> =>
    (await load(text)).decide(ask({ principal })).kind;
  assert.equal(await decide(forUsers, jane), 'permit');
  assert.equal(await decide(forUsers, janesBot), 'deny');
  assert.equal(await decide(forAgents, janesBot), 'deny');
  assert.equal(await decide(forAgents, bot), 'permit');
  assert.equal(await decide(forUsers + forAgents, janesBot), 'permit');
});

test('the denial says that it is the person who may not', async () => {
  const verdict = (await load(forAgents)).decide(ask({ principal: janesBot }));
  assert.ok(verdict.kind === 'deny' && verdict.why.startsWith('not for the person it acts for: '));
});

test('the stricter terms of the two hold', async () => {
  const manual = `@id("m") @tier("manual") @approvers("2") @approver_group("leads") @max("8h")
    permit (principal is Jit::User, ${REQUEST}, resource);\n`;
  const verdict = (await load(manual + `@max("30m") ${forAgents}`)).decide(ask({ principal: janesBot, seconds: 600 }));
  assert.ok(verdict.kind === 'permit');
  assert.equal(verdict.tier, 'manual');
  assert.equal(verdict.maxSeconds, 1_800);
  assert.deepEqual(verdict.quorum, [{ group: 'leads', approvers: 2 }]);
});

test('rules can look at the person and at the groups of both', async () => {
  const rule = (when: string): string =>
    `${forUsers}@id("a") @tier("auto") permit (principal is Jit::Agent, ${REQUEST}, resource) when { ${when} };\n`;
  const decide = async (when: string, principal: Principal): Promise<string> =>
    (await load(rule(when))).decide(ask({ principal })).kind;
  const engineers = 'principal has actsFor && principal.actsFor in Jit::Group::"engineers"';
  assert.equal(await decide(engineers, janesBot), 'permit');
  assert.equal(await decide(engineers, bot), 'deny');
  assert.equal(await decide(engineers, { ...bot, actsFor: { ...jane, groups: [] } }), 'deny');
  assert.equal(await decide('principal in Jit::Group::"bots"', janesBot), 'permit');
  assert.equal(await decide('principal in Jit::Group::"engineers"', janesBot), 'deny');
  const named = `principal has actsFor && principal.actsFor == Jit::User::"${jane.issuer}|${jane.subject}"`;
  assert.equal(await decide(named, janesBot), 'permit');
  assert.equal(await decide(named, { ...bot, actsFor: { ...jane, subject: 'eve' } }), 'deny');
});

test('a forbid on the person holds for every agent of theirs', async () => {
  const forbid = `forbid (principal, ${REQUEST}, resource) when { principal in Jit::Group::"engineers" };\n`;
  assert.equal((await load(forUsers + forAgents + forbid)).decide(ask({ principal: janesBot })).kind, 'deny');
});

test('whatever the rules, an agent gets nothing that its person would not get', async () => {
  await fc.assert(
    fc.asyncProperty(policies, questions, async (texts, question) => {
      const set = await load(withIds(texts).join('\n') + forAgents);
      const person: Person = { ...question.principal, kind: 'user' };
      const agents = set.decide({ ...question, principal: { ...bot, actsFor: person } });
      if (agents.kind === 'permit') assert.equal(set.decide({ ...question, principal: person }).kind, 'permit');
    }),
    { numRuns: 60 },
  );
});
