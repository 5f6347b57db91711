/**
 * Picking policies, held to the real engine over all of them: for requests and for approvals, agents and their people included.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import * as fc from 'fast-check';
import type { Principal } from '../../src/core/principal.ts';
import { approveCall, requestCall, type TypedCall } from '../../src/policy/call.ts';
import { loadEngine } from '../../src/policy/engine.ts';
import { matches } from '../../src/policy/known.ts';
import { makeMatcher, type Match } from '../../src/policy/match.ts';
import type { Policy } from '../../src/policy/read.ts';
import { ask, JANE, load, PROD } from './questions.ts';
import { policies, questions, withIds } from './rules.ts';

const schema = readFileSync(new URL('../../src/policy/schema.cedarschema', import.meta.url), 'utf8');

function whole(all: readonly Policy[], call: TypedCall): { kind: Match['kind']; ids: readonly string[] } {
  const answer = isAuthorized({
    ...call,
    schema,
    validateRequest: true,
    policies: { staticPolicies: Object.fromEntries(all.map(({ id, text }) => [id, text])) },
  });
  assert.ok(answer.type === 'success', JSON.stringify(answer));
  const { decision, diagnostics } = answer.response;
  if (diagnostics.errors.length > 0) {
    return { kind: 'broken', ids: diagnostics.errors.map(({ policyId }) => policyId).toSorted() };
  }
  if (diagnostics.reason.length === 0) return { kind: 'none', ids: [] };
  return { kind: decision === 'allow' ? 'permitted' : 'forbidden', ids: diagnostics.reason.toSorted() };
}

function told(match: Match): { kind: Match['kind']; ids: readonly string[] } {
  if (match.kind === 'none') return { kind: 'none', ids: [] };
  if (match.kind === 'broken') return { kind: 'broken', ids: match.policyIds };
  return { kind: match.kind, ids: match.by.map(({ id }) => id).toSorted() };
}

const person: fc.Arbitrary<Principal & { readonly kind: 'user' }> = fc
  .record({ groups: fc.subarray(['sre', 'leads', 'other']), subject: fc.constantFrom('max', 'jane') })
  .map(({ groups, subject }) => ({ ...JANE, groups, subject }));

// What can only be asked about an approval.
const aboutRequester = fc
  .constantFrom(
    'context.requesterGroups.contains(Jit::Group::"sre")',
    'context.requesterGroups.containsAny([Jit::Group::"leads", Jit::Group::"other"])',
    '!context.requesterPersonGroups.containsAll([Jit::Group::"sre", Jit::Group::"leads"])',
    'context.requesterKind != "agent" && context.requesterIssuer like "https://*"',
    'context.requesterSubject == principal.subject',
  )
  .map((body) => `permit (principal, action == Jit::Action::"Approve", resource) when { ${body} };`);

test('the policies that are picked give the answer of all, for requests and approvals, with people behind agents', async () => {
  const { cedar } = await loadEngine();
  await fc.assert(
    fc.asyncProperty(
      fc.array(aboutRequester, { maxLength: 4 }),
      policies,
      fc.array(fc.tuple(questions, fc.option(person), person), { minLength: 3, maxLength: 6 }),
      async (approvals, texts, asked) => {
        const asPermit = (text: string): string =>
          text.replace(/@tier\("[^"]*"\) @max\("[^"]*"\) /, '').replace('"Request"', '"Approve"');
        // The same conditions again as rules on approvals, where the scope allows any kind of principal.
        const again = texts.map(asPermit).filter((text) => !/principal is|principal has/.test(text));
        const set = await load(withIds([...texts, ...again, ...approvals]).join('\n'));
        for (const [question, behind, voter] of asked) {
          const agent = question.principal.kind === 'agent' && behind !== null;
          const principal = agent ? { ...question.principal, actsFor: behind } : question.principal;
          const [permission = '', resource = ''] = [question.permission.actions[0], question.permission.resources[0]];
          const pair = { permission, resource };
          for (const action of ['Request', 'Approve'] as const) {
            const matcher = makeMatcher(cedar, set.version, set.policies(), action);
            const asking = { ...question, principal };
            const call =
              action === 'Request'
                ? requestCall(asking, matcher.groups, pair)
                : approveCall(voter, asking, matcher.groups, pair);
            const own = set.policies().filter(({ actions }) => actions?.includes(action));
            assert.deepEqual(told(matcher.match(call, question.now, ([first]) => first)), whole(own, call));
          }
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('a pattern is found by words that it has whole, and never by one that a wildcard cuts', async () => {
  const like = (id: string, pattern: string): string =>
    `@id("${id}") @tier("auto") permit (principal, action == Jit::Action::"Request", resource) when { context.resource like "${pattern}" };`;
  // Many share the whole words, so that the cut ones would be the rarest.
  const patterns = ['arn:aws:s3:::rep*', '*ports/q1-*', 'arn:*:reports/q1-2026-a.c*', '*orts*', 'arn:aws:s3:::other/*'];
  const set = await load(patterns.map((pattern, index) => like(`p${index}`, pattern)).join('\n'));
  const verdict = set.decide(
    ask({
      permission: {
        target: 'prod',
        operation: 's3:GetObject',
        actions: ['s3:GetObject'],
        resources: ['arn:aws:s3:::reports/q1-2026-a.csv'],
      },
    }),
  );
  assert.ok(verdict.kind === 'permit');
  assert.deepEqual([verdict.policyId, ...verdict.also].toSorted(), ['p0', 'p1', 'p2', 'p3']);
});

test('names and patterns are anchored and exact: no prefix, no other case or form, and a list of nothing selects nothing', async () => {
  const permits = async (body: string, changes: Parameters<typeof ask>[0]): Promise<boolean> =>
    (await load(`@tier("auto") permit (principal, action == Jit::Action::"Request", resource) ${body};`)).decide(
      ask(changes),
    ).kind === 'permit';
  const named = (name: string): Parameters<typeof ask>[0] => ({
    target: { ...PROD, name },
    permission: { ...ask().permission, target: name },
  });
  const exact = 'when { resource == Jit::Target::"prod" }';
  assert.equal(await permits(exact, named('prod')), true);
  for (const name of ['production', 'production-secrets', 'Prod', 'xprod', 'ｐrod', 'prod ']) {
    assert.equal(await permits(exact, named(name)), false, name);
  }
  const at = (resource: string): Parameters<typeof ask>[0] => ({
    permission: { ...ask().permission, resources: [resource] },
  });
  const below = 'when { context.resource like "arn:aws:s3:::prod/*" }';
  assert.equal(await permits(below, at('arn:aws:s3:::prod/a')), true);
  for (const bucket of ['production-secrets/a', 'Prod/a', 'prod', 'x/arn:aws:s3:::prod/a', 'prod\u2215a']) {
    assert.equal(await permits(below, at(`arn:aws:s3:::${bucket}`)), false, bucket);
  }
  assert.equal(await permits('when { context.resource like "" }', {}), false);
  const untagged = { target: { ...PROD, tags: [] } };
  assert.equal(await permits('when { resource.tags.containsAny(["sensitive"]) }', untagged), false);
});

test('patterns match here as they do in the engine', () => {
  const piece = fc.constantFrom('*', 'a', 'b', 'ab', '-', '\\*', '😀');
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 6 }),
      fc.array(fc.constantFrom('a', 'b', '-', '*', '😀'), { maxLength: 8 }),
      (pattern, letters) => {
        const value = letters.join('');
        const answer = isAuthorized({
          principal: { type: 'U', id: 'u' },
          action: { type: 'Action', id: 'a' },
          resource: { type: 'R', id: 'r' },
          context: { value },
          entities: [],
          policies: {
            staticPolicies: `permit (principal, action, resource) when { context.value like "${pattern.join('')}" };`,
          },
        });
        assert.ok(answer.type === 'success');
        const texts = [''];
        for (const each of pattern) {
          if (each === '*') texts.push('');
          else texts.push(`${texts.pop() ?? ''}${each === '\\*' ? '*' : each}`);
        }
        assert.equal(matches(value, texts), answer.response.decision === 'allow');
      },
    ),
    { numRuns: 500 },
  );
});
