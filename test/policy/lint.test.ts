/**
 * What `jit policy check` claims about policies that load: each claim is certain, and the usual mistakes are found.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { findingsIn } from '../../src/policy/lint/findings.ts';
import { strangersIn } from '../../src/policy/lint/strangers.ts';
import { load, REQUEST } from './questions.ts';
import { permits, policies, questions, withIds } from './rules.ts';

const APPROVE = 'action == Jit::Action::"Approve"';
const found = async (text: string): Promise<string[]> =>
  findingsIn((await load(text)).policies()).map(({ rule, policyId, message }) => `${rule} ${policyId}: ${message}`);
const permit = (id: string, annotations: string, body: string): string =>
  `@id("${id}") ${annotations} permit (principal, ${REQUEST}, resource) ${body};\n`;
const anyApproval = `@id("approve") permit (principal, ${APPROVE}, resource);\n`;

test('a permit behind one that asks for less and matches whenever it does is shadowed', async () => {
  const easy = permit('easy', '@tier("auto") @max("2h")', 'when { ["list", "read"].contains(context.access) }');
  const hard = permit(
    'hard',
    '@tier("self-serve")',
    'when { context.access == "read" && resource.environment == "prod" }',
  );
  assert.deepEqual(await found(easy + hard), [
    'shadowed hard: never decides: easy matches whenever it does and asks for less',
  ]);
  // It reaches further, so it decides on what is longer.
  assert.deepEqual(await found(easy + hard.replace('@tier("self-serve")', '@tier("self-serve") @max("8h")')), []);
  assert.deepEqual(await found(easy.replace('@tier("auto")', '@tier("auto") @needs("ticket")') + hard), []);
  assert.deepEqual(await found(easy.replace('@tier("auto")', '@tier("auto") @hours("08:00-18:00 UTC")') + hard), []);
  const patterns =
    permit('wide', '@tier("auto")', 'when { context.resource like "arn:aws:s3:::reports/*" }') +
    permit(
      'deep',
      '@tier("self-serve")',
      'when { context.resource like "arn:aws:s3:::reports/2026/*" && context.seconds < 600 }',
    );
  assert.deepEqual(await found(patterns), [
    'shadowed deep: never decides: wide matches whenever it does and asks for less',
  ]);
});

test('a permit beside one with another pattern is not shadowed', async () => {
  const pair = (one: string, other: string): string =>
    permit('one', '@tier("auto")', `when { context.resource like "${one}" }`) +
    permit('other', '@tier("self-serve")', `when { context.resource like "${other}" }`);
  assert.deepEqual(await found(pair('arn:aws:s3:::reports/*', 'arn:aws:s3:::rep*')), []);
  assert.deepEqual(await found(pair('*/private', 'arn:aws:s3:::reports/*')), []);
  assert.deepEqual(await found(pair('ab*bc', 'a*c')), []);
  assert.deepEqual(await found(pair('*a*b*', 'xa*by')), []);
  assert.equal((await found(pair('a*c', 'ab*bc'))).length, 1);
});

test('a permit that contradicts itself, its limits or a forbid is out of reach', async () => {
  const unreachable = async (text: string): Promise<string> => (await found(text)).join('\n');
  const auto = '@tier("auto")';
  assert.match(
    await unreachable(
      permit('x', auto, 'when { context.access == "read" } unless { ["list", "read"].contains(context.access) }'),
    ),
    /unreachable x: nothing can reach it: no value of context.access is left/,
  );
  assert.match(
    await unreachable(permit('x', auto, 'when { context.seconds > 3600 }')),
    /no context.seconds is from 3601 to 3600/,
  );
  assert.match(
    await unreachable(permit('x', `${auto} @needs("ticket")`, 'unless { context.hasTicket }')),
    /no value of context.hasTicket is left/,
  );
  const forbid = `@id("no-writes") forbid (principal, action, resource == Jit::Target::"prod");\n`;
  const prod = permit('x', auto, 'when { resource == Jit::Target::"prod" && context.access == "write" }');
  assert.match(await unreachable(prod + forbid), /no-writes forbids all of it/);
  assert.equal(await unreachable(prod + `@during("Sat 00:00-24:00 UTC") ${forbid}`), '');
});

test('a manual permit on which nobody may vote is named', async () => {
  const manual = permit('m', '@tier("manual")', 'when { resource.environment == "prod" && context.access == "write" }');
  const nobody = 'nobody-approves m: asks for approval, and no permit on action Approve can match it';
  assert.deepEqual(await found(manual), [nobody]);
  assert.deepEqual(await found(manual + anyApproval), []);
  assert.deepEqual(await found(manual + anyApproval.replace(';', ' when { resource.environment == "dev" };')), [
    nobody,
  ]);
  assert.deepEqual(
    await found(
      `${manual}${anyApproval}@id("f") forbid (principal, action, resource) when { resource.environment == "prod" };`,
    ),
    ['unreachable m: nothing can reach it: f forbids all of it', nobody],
  );
});

test('rules that the requester can steer are named', async () => {
  assert.match((await found(permit('t', '@tier("auto")', 'when { context.hasTicket }'))).join('\n'), /any text passes/);
  const forbid = (body: string): string => `@id("f") forbid (principal, ${REQUEST}, resource) ${body};`;
  const naive = forbid('when { context.resource like "arn:aws:s3:::reports/salaries/*" }');
  assert.match((await found(naive)).join('\n'), /requester-chooses f: excludes by context.resource/);
  const careful = forbid(
    'when { context.breadth != "exact" || context.resource like "arn:aws:s3:::reports/salaries/*" }',
  );
  assert.deepEqual(await found(careful), []);
  const carved = permit('c', '@tier("auto")', 'unless { context.resource like "arn:aws:s3:::reports/salaries/*" }');
  assert.match((await found(carved)).join('\n'), /requester-chooses c/);
  assert.deepEqual(
    await found(permit('p', '@tier("auto")', 'when { context.resource like "arn:aws:s3:::reports/*" }')),
    [],
  );
});

test('what the configuration does not have is named', async () => {
  const configured = {
    targets: new Map([['prod-web', { provider: 'aws', environment: 'prod', sandbox: false, tags: ['public'] }]]),
    operations: new Map([['deploy-web', {}]]),
  };
  const strange = async (body: string): Promise<string[]> =>
    strangersIn((await load(permit('x', '@tier("auto")', body))).policies(), configured).map(({ message }) => message);
  assert.deepEqual(await strange('when { resource == Jit::Target::"prod-wep" }'), [
    'the configuration has no target prod-wep, did you mean prod-web?',
  ]);
  assert.deepEqual(await strange('when { ["deploy-wbe", "deploy-web", "s3:GetObject"].contains(context.operation) }'), [
    'the configuration has no operation deploy-wbe, did you mean deploy-web?',
  ]);
  assert.deepEqual(await strange('when { resource.environment == "staging" }'), [
    'no target of the configuration is meant by it',
  ]);
  assert.deepEqual(await strange('when { resource.tags.contains("pci") }'), [
    'no target of the configuration is meant by it',
  ]);
  assert.deepEqual(await strange('when { resource.environment == "prod" && resource.tags.contains("public") }'), []);
});

test('what is called shadowed never decides, and what is called out of reach never permits', async () => {
  let claims = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(permits, { minLength: 2, maxLength: 6 }),
      policies,
      fc.array(questions, { minLength: 15, maxLength: 30 }),
      async (some, more, asked) => {
        const set = await load(withIds([...some, ...more]).join('\n'));
        const named = findingsIn(set.policies()).filter(({ rule }) => rule === 'shadowed' || rule === 'unreachable');
        const ids = new Set(named.map(({ policyId }) => policyId));
        claims += ids.size;
        for (const question of asked) {
          const verdict = set.decide(question);
          if (verdict.kind === 'permit')
            assert.ok(!ids.has(verdict.policyId), `${verdict.policyId}: ${JSON.stringify(named)}`);
        }
      },
    ),
    { numRuns: 150 },
  );
  assert.ok(claims > 20, 'the random policies hold enough of what is claimed');
});
