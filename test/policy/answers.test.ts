/**
 * Answers of the engine that are kept: the same as if it were asked each time.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import * as fc from 'fast-check';
import { type Asked, makeAnswers } from '../../src/policy/answers.ts';
import { approveCall, requestCall } from '../../src/policy/call.ts';
import { type Call, evaluate, loadEngine, type Outcome } from '../../src/policy/engine.ts';
import { ask, JANE } from './questions.ts';
import { policies, questions, withIds } from './rules.ts';

const schema = readFileSync(new URL('../../src/policy/schema.cedarschema', import.meta.url), 'utf8');
const GROUPS = new Set(['sre', 'leads', 'other']);

const textsOf = (texts: readonly string[]): Record<string, string> =>
  Object.fromEntries(withIds(texts).map((text, index) => [`r${index}`, text]));

/** The engine with nothing kept: neither answers nor policies nor the schema. */
function anew(texts: readonly string[], call: Call): Outcome {
  const answer = isAuthorized({ ...call, schema, validateRequest: true, policies: { staticPolicies: textsOf(texts) } });
  if (answer.type === 'failure') return { kind: 'broken', policyIds: [] };
  const { decision, diagnostics } = answer.response;
  if (diagnostics.errors.length > 0) {
    return { kind: 'broken', policyIds: diagnostics.errors.map(({ policyId }) => policyId).toSorted() };
  }
  return { kind: 'answer', allowed: decision === 'allow', satisfied: diagnostics.reason.toSorted() };
}

const calls: fc.Arbitrary<Call> = fc
  .tuple(questions, fc.constantFrom('Request', 'Approve'), fc.constantFrom('max', 'jane'))
  .map(([question, action, subject]) => {
    const pair = { permission: 's3:GetObject', resource: question.permission.resources[0] ?? '' };
    if (action === 'Request') return requestCall(question, GROUPS, pair);
    return approveCall({ ...JANE, subject }, question, GROUPS, pair);
  });

test('asked over and over in any order, by any of several policy sets, the engine answers as if asked anew', async () => {
  const { cedar } = await loadEngine();
  const sequence = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 10, maxLength: 30 });
  fc.assert(
    fc.property(
      fc.array(policies, { minLength: 2, maxLength: 3 }),
      fc.array(calls, { minLength: 2, maxLength: 4 }),
      sequence,
      (sets, asked, order) => {
        for (const [a, b] of order) {
          const texts = sets[a % sets.length] ?? [];
          const call = asked[b % asked.length];
          assert.ok(call !== undefined);
          const given = evaluate(cedar, JSON.stringify(texts), () => textsOf(texts), structuredClone(call));
          assert.deepEqual(given, anew(texts, call));
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('calls that differ anywhere are told apart, also where their parts read the same in a row', async () => {
  const { cedar } = await loadEngine();
  const all = { r0: 'permit (principal, action, resource) when { context.resource == "a" };' };
  const call = (operation: string, resource: string): Call =>
    requestCall(
      ask({ permission: { target: 'prod', operation, actions: ['x'], resources: [resource] } }),
      new Set<string>(),
      { permission: 'x', resource },
    );
  const allowed = (key: string, one: Call): boolean => {
    const outcome = evaluate(cedar, key, () => all, one);
    return outcome.kind === 'answer' && outcome.allowed;
  };
  for (const key of ['quoted', 'quoted "']) {
    assert.equal(allowed(key, call('o', 'a')), true);
    assert.equal(allowed(key, call('o', 'b')), false);
    assert.equal(allowed(key, call('o","resource":"a', 'b')), false);
    assert.equal(allowed(key, call('o', 'a')), true);
  }
});

const asking = (text: string): Asked => ({ hint: text, text: () => text });

test('what is asked for the first time costs no text and is not kept; questions that share a hint are told apart by their texts', () => {
  const answers = makeAnswers<{ readonly answer: string }>(4);
  const texts: string[] = [];
  const next = (hint: string, text: string): string =>
    answers.of(
      { hint, text: () => (texts.push(text), text) },
      () => ({ answer: `${text} ${texts.length}` }),
      () => true,
    ).answer;
  assert.deepEqual([next('one', 'a'), next('two', 'b'), texts], ['a 0', 'b 0', []]);
  assert.deepEqual(
    [next('one', 'a'), next('one', 'b'), next('one', 'a'), next('one', 'b')],
    ['a 1', 'b 2', 'a 1', 'b 2'],
  );
});

test('hints are forgotten in time, so that what they take is bounded', () => {
  const answers = makeAnswers<object>(4);
  let texts = 0;
  const next = (hint: string): object =>
    answers.of(
      { hint, text: () => `${hint}${(texts += 1)}` },
      () => ({}),
      () => true,
    );
  next('early');
  for (let index = 0; index < 5_000; index += 1) next(`later ${index}`);
  next('early');
  assert.equal(texts, 0);
  next('later 4999');
  assert.equal(texts, 1);
});

test('an answer is kept until too many others have been asked for since', () => {
  const most = 4;
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', ''), { maxLength: 60 }), (texts) => {
      const answers = makeAnswers<{ readonly text: string }>(most);
      for (const text of texts)
        answers.of(
          asking(text),
          () => ({ text }),
          () => false,
        );
      for (const [at, text] of texts.entries()) {
        let asked = 0;
        const answer = answers.of(
          asking(text),
          () => {
            asked += 1;
            return { text };
          },
          () => true,
        );
        assert.equal(answer.text, text);
        const last = texts.lastIndexOf(text, at - 1);
        const since = at === 0 || last < 0 ? most : new Set(texts.slice(last + 1, at)).size;
        assert.equal(asked, since < most ? 0 : 1, `${text} at ${at} of ${texts.join()}`);
      }
    }),
  );
});

test('neither what is not final is kept nor what takes much room', () => {
  const answers = makeAnswers<{ readonly at: number }>(4);
  let at = 0;
  const next = (text: string, final: boolean): number =>
    answers.of(
      asking(text),
      () => ({ at: ++at }),
      () => final,
    ).at;
  const long = 'x'.repeat(5_000);
  assert.deepEqual([next('a', true), next(long, true)], [1, 2]);
  assert.deepEqual([next('a', false), next('a', false), next('a', true), next('a', false)], [3, 4, 5, 5]);
  assert.deepEqual([next(long, true), next(long, true), next('a', true)], [6, 7, 5]);
});
