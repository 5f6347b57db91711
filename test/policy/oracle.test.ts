import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import * as fc from 'fast-check';
import type { Question } from '../../src/policy/question.ts';
import { load } from './questions.ts';
import { policies, questions, withIds } from './rules.ts';

const schema = readFileSync(new URL('../../src/policy/schema.cedarschema', import.meta.url), 'utf8');

/** The engine's own answer, given every policy, with nothing indexed, cached or preparsed. */
function whole(texts: readonly string[], question: Question) {
  const { principal: person, target, permission, assessment, operation, seconds, hasTicket } = question;
  const principal = {
    type: person.kind === 'agent' ? 'Jit::Agent' : 'Jit::User',
    id: `${person.issuer}|${person.subject}`,
  };
  const resource = { type: 'Jit::Target', id: target.name };
  const { provider, environment, sandbox, tags = [] } = target;
  const answer = isAuthorized({
    principal,
    action: { type: 'Jit::Action', id: 'Request' },
    resource,
    context: {
      operation: permission.operation,
      permission: permission.actions[0] ?? '',
      resource: permission.resources[0] ?? '',
      ...assessment,
      ...operation,
      seconds,
      hasTicket,
    },
    schema,
    validateRequest: true,
    policies: { staticPolicies: Object.fromEntries(texts.map((text, index) => [`r${index}`, text])) },
    entities: [
      {
        uid: principal,
        attrs: { issuer: person.issuer, subject: person.subject },
        parents: person.groups.map((id) => ({ type: 'Jit::Group', id })),
      },
      { uid: resource, attrs: { provider, environment, sandbox, tags: [...tags] }, parents: [] },
    ],
  });
  assert.ok(answer.type === 'success', JSON.stringify(answer));
  const { decision, diagnostics } = answer.response;
  const failed = diagnostics.errors.map(({ policyId }) => policyId).toSorted();
  return { decision, failed, satisfied: diagnostics.reason.toSorted() };
}

test('with the index in front, the engine gives the answer that it gives over all policies, failures included', async () => {
  await fc.assert(
    fc.asyncProperty(policies, fc.array(questions, { minLength: 4, maxLength: 8 }), async (texts, asked) => {
      // Every permit may reach far enough, so that all the matching ones are named in the answer.
      const reaching = texts.map((text) => text.replace(/@max\("\w+"\)/, '@max("8h")'));
      const set = await load(withIds(reaching).join('\n'));
      for (const question of asked) {
        const verdict = set.decide(question);
        const expected = whole(reaching, question);
        if (expected.failed.length > 0) {
          assert.ok(verdict.kind === 'deny');
          assert.deepEqual(verdict.policyIds, expected.failed);
        } else if (expected.decision === 'deny') {
          assert.ok(verdict.kind === 'deny');
          assert.deepEqual([...verdict.policyIds].toSorted(), expected.satisfied);
        } else {
          assert.ok(verdict.kind === 'permit');
          assert.deepEqual([verdict.policyId, ...verdict.also].toSorted(), expected.satisfied);
        }
      }
    }),
    { numRuns: 150 },
  );
});

test('more policy sets than the engine keeps at once are each still answered by their own policies', async () => {
  const sets = await Promise.all(
    Array.from({ length: 300 }, (_, index) =>
      load(`@id("own-${index}") @tier("auto") permit (principal, action == Jit::Action::"Request", resource);`),
    ),
  );
  const [question] = fc.sample(
    questions.filter((each) => each.seconds < 3_600),
    1,
  );
  assert.ok(question !== undefined);
  for (const round of [0, 1]) {
    for (const [index, set] of sets.entries()) {
      const verdict = set.decide(question);
      assert.ok(verdict.kind === 'permit', `round ${round}`);
      assert.equal(verdict.policyId, `own-${index}`);
    }
  }
});
