/**
 * What `jit policy check` claims about permits on BreakGlass.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { findingsIn } from '../../src/policy/lint/findings.ts';
import { emergencyPermits, emergencyPolicies, emergencyQuestions, rule } from './emergencies.ts';
import { load } from './questions.ts';
import { withIds } from './rules.ts';

const found = async (text: string): Promise<string[]> =>
  findingsIn((await load(text)).policies()).map(
    ({ rule: name, policyId, message }) => `${name} ${policyId}: ${message}`,
  );
const SOUND = 'context.incident.severity <= 2 && context.incident.responder';
const SEALED = '@sealed("2") @sealed_group("on-call")';

test('a permit that looks at severity and part in the incident has nothing doubtful', async () => {
  assert.deepEqual(await found(rule('ok', `when { ${SOUND} }`)), []);
  assert.deepEqual(await found(rule('ok', 'when { context.incident.onCallTier == 1 }')), []);
});

test('a permit that does not look at the incident is named: any open one would do', async () => {
  const doubt =
    'any-incident x: does not look at the incident: whoever it means may, in any that is open, however small';
  assert.deepEqual(await found(rule('x')), [doubt]);
  assert.deepEqual(await found(rule('x', 'when { context.incident.open && context.access == "read" }')), [doubt]);
});

test('a permit that asks for no part in the incident is named, but for pipelines and drills', async () => {
  const doubt =
    'any-person x: asks for no part in the incident: add context.incident.responder or context.incident.onCallTier == 1';
  const severe = 'when { context.incident.severity == 1 }';
  assert.deepEqual(await found(rule('x', severe)), [doubt]);
  assert.deepEqual(await found(rule('x', severe, '', 'principal is Jit::Workload')), []);
  assert.deepEqual(await found(rule('x', 'when { context.incident.drill && resource.sandbox }')), []);
  assert.deepEqual(await found(rule('x', 'when { context.incident.drill || context.incident.severity == 1 }')), [
    doubt,
  ]);
});

test('tiers with an upper limit alone are named, for 0 is nobody', async () => {
  const nobody = 'not-on-call x: context.incident.onCallTier is 0 for who is not on call, and that is less: add > 0';
  const both = (body: string): Promise<string[]> => found(rule('x', `when { ${body} }`));
  assert.deepEqual(await both('context.incident.onCallTier <= 2'), [nobody]);
  assert.deepEqual(await both('context.incident.responder || 2 > context.incident.onCallTier'), [nobody]);
  assert.deepEqual(await both('context.incident.onCallTier <= 2 && context.incident.onCallTier > 0'), []);
  assert.deepEqual(await both('context.incident.onCallTier == 1'), []);
});

test('a sealed path on a permit that can never match without its source is named', async () => {
  const useless =
    'sealed-useless x: its sealed path is never used: without its source no severity, service or role is known, ' +
    'so write a permit for !context.incident.verified';
  for (const body of [
    SOUND,
    'context.incident.responder || context.incident.onCallTier == 1',
    'context.incident.responder && context.incident.services.contains("payments")',
    'context.incident.verified && context.incident.responder',
  ]) {
    assert.deepEqual(await found(rule('x', `when { ${body} }`, SEALED)), [useless], body);
  }
  assert.deepEqual(await found(rule('x', 'when { !context.incident.verified }', SEALED)), []);
  assert.deepEqual(
    await found(rule('x', 'when { context.incident.responder || !context.incident.verified }', SEALED)),
    [],
  );
});

test('a permit for when the source is silent, without a sealed path, is out of reach', async () => {
  assert.deepEqual(await found(rule('x', 'when { !context.incident.verified }')), [
    'unreachable x: nothing can reach it: it is for when the source of the incident cannot be reached, and has no @sealed',
  ]);
});

test('a permit behind one that gives more and matches whenever it does is shadowed; one with a sealed path of its own is not', async () => {
  const wide = (annotations: string): string => rule('wide', `when { ${SOUND} }`, `@max("2h") ${annotations}`);
  const narrow = (annotations: string): string =>
    rule('narrow', `when { ${SOUND} && context.access == "read" }`, `@max("1h") ${annotations}`);
  const shadowed = 'shadowed narrow: never decides: wide matches whenever it does and gives more';
  assert.deepEqual(await found(wide('') + narrow('')), [shadowed]);
  assert.deepEqual(await found(wide('@needs("ticket")') + narrow('')), []);
  const sealed = await found(wide('') + narrow(SEALED));
  assert.deepEqual(
    sealed.filter((each) => each.startsWith('shadowed')),
    [],
  );
});

test('severities that there are not, limits and forbids put a permit out of reach', async () => {
  const why = async (text: string): Promise<string> =>
    (await found(text)).filter((each) => each.startsWith('unreachable')).join('\n');
  const responder = (more: string): string => rule('x', `when { context.incident.responder && ${more} }`);
  assert.match(await why(responder('context.incident.severity < 1')), /no context.incident.severity is from 1 to 0/);
  assert.match(await why(responder('context.incident.severity == 0')), /severity is from 1 to 0/);
  assert.match(
    await why(responder('context.incident.onCallTier == 1 && context.incident.onCallTier > 1')),
    /onCallTier/,
  );
  assert.match(await why(responder('context.seconds > 3600')), /no context.seconds is from 3601 to 3600/);
  const forbid =
    '@id("never") forbid (principal, action == Jit::Action::"BreakGlass", resource) when { context.access == "write" };';
  assert.match(await why(responder('context.access == "write"') + forbid), /never forbids all of it/);
  assert.equal(await why(responder('context.access == "read"') + forbid), '');
});

test('what is called shadowed or out of reach never decides in an emergency, and a useless sealed path is never used', async () => {
  const claims = { shadowed: 0, unreachable: 0, sealed: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(emergencyPermits, { minLength: 3, maxLength: 7 }),
      emergencyPolicies,
      fc.array(emergencyQuestions, { minLength: 10, maxLength: 20 }),
      async (some, more, asked) => {
        const set = await load(withIds([...some, ...more]).join('\n'));
        const named = findingsIn(set.policies());
        const ids = (name: string): Set<string> =>
          new Set(named.filter(({ rule: each }) => each === name).map(({ policyId }) => policyId));
        const [shadowed, unreachable, useless] = [ids('shadowed'), ids('unreachable'), ids('sealed-useless')];
        claims.shadowed += shadowed.size;
        claims.unreachable += unreachable.size;
        claims.sealed += useless.size;
        for (const question of asked) {
          const verdict = set.emergency(question);
          if (verdict.kind === 'deny') continue;
          const { policyId } = verdict;
          assert.ok(!shadowed.has(policyId) && !unreachable.has(policyId), `${policyId}: ${JSON.stringify(named)}`);
          if (!question.incident.verified) assert.ok(!useless.has(policyId), policyId);
        }
      },
    ),
    { numRuns: 80 },
  );
  assert.ok(claims.shadowed > 5 && claims.unreachable > 0 && claims.sealed > 5, JSON.stringify(claims));
});
