/**
 * Picking policies on emergencies, held to the real engine over all of them: conditions on the incident are looked up, too.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import * as fc from 'fast-check';
import { emergencyCall, sceneOf } from '../../src/policy/call.ts';
import { loadEngine } from '../../src/policy/engine.ts';
import { indexOf, needsOf } from '../../src/policy/facts.ts';
import { makeMatcher } from '../../src/policy/match.ts';
import { emergency, emergencyPolicies, emergencyQuestions, rule } from './emergencies.ts';
import { load } from './questions.ts';
import { withIds } from './rules.ts';

const schema = readFileSync(new URL('../../src/policy/schema.cedarschema', import.meta.url), 'utf8');

test('the policies that are picked for an emergency give the answer of all, failures included', async () => {
  const { cedar } = await loadEngine();
  const kinds = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      emergencyPolicies,
      fc.array(emergencyQuestions, { minLength: 3, maxLength: 6 }),
      async (texts, asked) => {
        const set = await load(withIds(texts).join('\n'));
        const matcher = makeMatcher(cedar, set.version, set.policies(), 'BreakGlass');
        for (const question of asked) {
          const pair = { permission: 's3:GetObject', resource: question.permission.resources[0] ?? '' };
          const call = emergencyCall(question, matcher.groups, pair);
          const answer = isAuthorized({
            ...call,
            schema,
            validateRequest: true,
            policies: { staticPolicies: Object.fromEntries(set.policies().map(({ id, text }) => [id, text])) },
          });
          assert.ok(answer.type === 'success', JSON.stringify(answer));
          const { decision, diagnostics } = answer.response;
          const failed = diagnostics.errors.map(({ policyId }) => policyId).toSorted();
          const satisfied = diagnostics.reason.toSorted();
          const match = matcher.match(call, question.now, ([first]) => first);
          kinds.add(match.kind);
          if (failed.length > 0) assert.deepEqual(match, { kind: 'broken', policyIds: failed });
          else if (satisfied.length === 0) assert.equal(match.kind, 'none');
          else {
            assert.equal(match.kind, decision === 'allow' ? 'permitted' : 'forbidden');
            assert.ok(match.kind === 'permitted' || match.kind === 'forbidden');
            assert.deepEqual(match.by.map(({ id }) => id).toSorted(), satisfied);
          }
        }
      },
    ),
    { numRuns: 80 },
  );
  assert.deepEqual([...kinds].toSorted(), ['broken', 'forbidden', 'none', 'permitted']);
});

test('of rules that each want another service only the one for it is looked at', async () => {
  const names = Array.from({ length: 50 }, (_, index) => `service-${index}`);
  const set = await load(
    names.map((name) => rule(name, `when { context.incident.services.contains("${name}") }`)).join(''),
  );
  const candidates = indexOf(set.policies().map(({ json }) => needsOf(json)));
  const call = emergencyCall(emergency({ services: ['service-7', 'web'] }), new Set(), {
    permission: 'p',
    resource: 'r',
  });
  assert.deepEqual(candidates(sceneOf(call)), [7]);
});
