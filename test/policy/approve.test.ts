/**
 * Who may approve: rules on action Approve, asked for each pair of a request, about the voter and about the requester.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Principal } from '../../src/core/principal.ts';
import type { Question } from '../../src/policy/question.ts';
import { ask, JANE, load, PROD, SANDBOX } from './questions.ts';

const APPROVE = 'action == Jit::Action::"Approve"';
const MAX = { ...JANE, subject: 'max', name: 'Max', groups: ['leads'] } as const;
const bot: Principal = { kind: 'agent', issuer: 'https://ci.example', subject: 'bot', name: 'bot', groups: ['bots'] };

const anybody = `@id("any") permit (principal, ${APPROVE}, resource);\n`;
const when = (condition: string): string => `permit (principal, ${APPROVE}, resource) when { ${condition} };\n`;
const may = async (text: string, voter: Principal, question: Question = ask()): Promise<boolean> =>
  (await load(text)).approves(voter, question);

test('without a permit on Approve nobody may approve, whatever they may request', async () => {
  assert.equal(await may('', MAX), false);
  const requests = '@tier("auto") permit (principal, action == Jit::Action::"Request", resource);';
  assert.equal(await may(requests, MAX), false);
  assert.equal(await may(anybody, MAX), true);
  assert.equal((await load(anybody)).decide(ask()).kind, 'deny');
});

test('only a person in their own name approves, whatever the rules', async () => {
  assert.equal(await may(anybody, { ...MAX, kind: 'workload' }), false);
  assert.equal(await may(anybody, { ...MAX, kind: 'agent' }), false);
  assert.equal(await may(anybody, { ...MAX, actsFor: JANE }), false);
  assert.equal(await may(anybody, { ...bot, actsFor: MAX }), false);
});

test('the requester, another spelling of them, and the person of their agent do not approve', async () => {
  assert.equal(await may(anybody, JANE), false);
  assert.equal(await may(anybody, { ...JANE, subject: 'JANE' }), false);
  assert.equal(
    await may(anybody, { ...MAX, personKey: 'p1' }, ask({ principal: { ...JANE, personKey: 'p1' } })),
    false,
  );
  assert.equal(await may(anybody, JANE, ask({ principal: { ...bot, actsFor: JANE } })), false);
  assert.equal(await may(anybody, MAX, ask({ principal: { ...bot, actsFor: JANE } })), true);
});

test('rules see the same of the request as when it is decided', async () => {
  const rule = when('resource.environment == "prod" && context.access == "read" && context.seconds <= 900');
  assert.equal(await may(rule, MAX), true);
  assert.equal(await may(rule, MAX, ask({ seconds: 901 })), false);
  assert.equal(await may(rule, MAX, ask({ target: SANDBOX })), false);
  assert.equal(await may(rule, MAX, ask({ assessment: { access: 'write', breadth: 'exact' } })), false);
});

test('rules see who asks: kind, identity, groups, and the groups of the person behind an agent', async () => {
  const asked = (principal: Principal): Question => ask({ principal });
  assert.equal(await may(when('context.requesterKind == "user"'), MAX), true);
  assert.equal(await may(when('context.requesterKind == "user"'), MAX, asked(bot)), false);
  assert.equal(await may(when('context.requesterIssuer == "https://ci.example"'), MAX, asked(bot)), true);
  assert.equal(await may(when('context.requesterSubject == "jane"'), MAX), true);
  const ownTeam = when('principal in Jit::Group::"leads" && context.requesterPersonGroups.contains(Jit::Group::"sre")');
  assert.equal(await may(ownTeam, MAX), true);
  assert.equal(await may(ownTeam, { ...MAX, groups: ['sre'] }), false);
  assert.equal(await may(ownTeam, MAX, asked({ ...JANE, groups: ['web'] })), false);
  assert.equal(await may(ownTeam, MAX, asked({ ...bot, actsFor: JANE })), true);
  assert.equal(await may(ownTeam, MAX, asked({ ...bot, groups: ['sre'] })), false);
  const own = when('context.requesterGroups.contains(Jit::Group::"bots")');
  assert.equal(await may(own, MAX, asked({ ...bot, actsFor: JANE })), true);
  assert.equal(await may(own, MAX), false);
});

test('every pair of permission and resource has to be approvable', async () => {
  const rule = when('context.permission == "s3:GetObject" && context.resource like "arn:aws:s3:::reports/*"');
  const permission = (actions: string[], resources: string[]): Question =>
    ask({ permission: { target: PROD.name, operation: 'x', actions, resources } });
  const [reports, salaries] = ['arn:aws:s3:::reports/a', 'arn:aws:s3:::salaries/a'];
  assert.equal(await may(rule, MAX, permission(['s3:GetObject'], [reports])), true);
  assert.equal(await may(rule, MAX, permission(['s3:GetObject'], [reports, salaries])), false);
  assert.equal(await may(rule, MAX, permission(['s3:GetObject', 's3:PutObject'], [reports])), false);
  assert.equal(await may(rule, MAX, permission([], [reports])), false);
});

test('a permit that fails is no, and so is a forbid that fails beside a permit', async () => {
  const fails = 'context.seconds * 9223372036854775807 > 0';
  assert.equal(await may(anybody + when(fails), MAX), false);
  assert.equal(await may(`${anybody}forbid (principal, ${APPROVE}, resource) when { ${fails} };`, MAX), false);
});

test('names that a policy cannot tell apart are no', async () => {
  assert.equal(await may(anybody, { ...MAX, issuer: 'https://idp.example.com|x' }), false);
  assert.equal(await may(anybody, { ...MAX, subject: 'm\ud800' }), false);
  assert.equal(await may(anybody, MAX, ask({ seconds: 0 })), false);
});

test('a permit for workloads or on a kind of requester that there is not is refused when it is loaded', async () => {
  await assert.rejects(load(`permit (principal is Jit::Workload, ${APPROVE}, resource);`), /p0\.cedar:1/);
  await assert.rejects(load(when('context.requesterKind == "robot"')), /requesterKind is never "robot"/);
  await assert.rejects(load(when('context.requesterReason == "x"')), /requesterReason/);
});

const condition = fc.constantFrom(
  'resource.sandbox',
  'resource.environment == "prod"',
  'context.access == "read"',
  'context.requesterKind == "user"',
  'principal in Jit::Group::"leads"',
  'context.requesterGroups.contains(Jit::Group::"sre")',
  '!context.requesterPersonGroups.contains(Jit::Group::"leads")',
  'context.seconds * 9223372036854775807 > 0 && resource.sandbox',
);
const scope = fc.constantFrom('principal', 'principal is Jit::User', 'principal in Jit::Group::"leads"');
const rule = fc
  .tuple(fc.constantFrom('permit', 'forbid'), scope, fc.constantFrom('when', 'unless'), condition)
  .map(([effect, who, clause, body]) => `${effect} (${who}, ${APPROVE}, resource) ${clause} { ${body} };\n`);

test('a forbid can only take away and a permit only give, and what fails is no', async () => {
  const groups = fc.subarray(['sre', 'leads']);
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { maxLength: 5 }),
      rule,
      groups,
      groups,
      fc.constantFrom(PROD, SANDBOX),
      async (texts, more, voters, requesters, target) => {
        const question = ask({ target, principal: { ...JANE, groups: requesters } });
        const voter = { ...MAX, groups: voters };
        const before = await may(texts.join(''), voter, question);
        const after = await may(texts.join('') + more, voter, question);
        if (more.startsWith('forbid')) assert.ok(before || !after);
        else if (!more.includes('9223372036854775807')) assert.ok(after || !before);
        // One that always matches settles it.
        const closed = `${texts.join('')}${more}forbid (principal, ${APPROVE}, resource);`;
        assert.equal(await may(closed, voter, question), false);
        const failing = when('context.seconds * 9223372036854775807 > 0');
        assert.equal(await may(texts.join('') + failing, voter, question), false);
      },
    ),
    { numRuns: 100 },
  );
});
