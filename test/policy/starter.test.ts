import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadPolicies } from '../../src/policy/load.ts';
import { starterPolicy } from '../../src/policy/starter.ts';
import type { Verdict } from '../../src/policy/verdict.ts';
import { emergency } from './emergencies.ts';
import { ask, JANE, PROD, SANDBOX } from './questions.ts';

const starter = await loadPolicies({ sources: [await starterPolicy()] });

function words(verdict: Verdict): string {
  return verdict.kind === 'permit' ? `${verdict.tier} up to ${verdict.maxSeconds}` : verdict.why;
}

const rows: readonly (readonly [
  access: 'list' | 'read' | 'tagging' | 'write' | 'permissions',
  own: string,
  sandbox: string,
])[] = [
  ['list', 'auto up to 3600', 'auto up to 3600'],
  ['read', 'auto up to 3600', 'auto up to 3600'],
  ['tagging', 'self-serve up to 3600', 'auto up to 3600'],
  ['write', 'self-serve up to 3600', 'auto up to 3600'],
  ['permissions', 'changing permissions is only possible in the sandbox', 'auto up to 3600'],
];

for (const [access, own, sandbox] of rows) {
  test(`the starter policy on ${access}: '${own}' on an own target, '${sandbox}' in the sandbox`, () => {
    for (const breadth of ['exact', 'within'] as const) {
      assert.equal(words(starter.decide(ask({ target: PROD, assessment: { access, breadth } }))), own);
      assert.equal(words(starter.decide(ask({ target: SANDBOX, assessment: { access, breadth } }))), sandbox);
    }
  });
}

test('the starter policy never permits a broad wildcard, and nothing for more than an hour', () => {
  for (const target of [PROD, SANDBOX]) {
    for (const [access] of rows) {
      assert.equal(starter.decide(ask({ target, assessment: { access, breadth: 'broad' } })).kind, 'deny');
    }
    const long = starter.decide(ask({ target, seconds: 3_601 }));
    assert.ok(long.kind === 'deny');
    assert.deepEqual([long.why, long.hint], ['at most 1h here', '--for 1h']);
  }
});

test('the starter policy lets people rehearse break-glass in the sandbox, and nothing else in an emergency', () => {
  const drill = { drill: true, severity: 9, responder: false, onCallTier: 0 };
  const given = starter.emergency(emergency(drill, { target: SANDBOX }));
  assert.ok(given.kind === 'permit');
  assert.deepEqual([given.policyId, given.maxSeconds, given.warnSeconds], ['sandbox-drill', 900, 0]);
  assert.equal(starter.emergency(emergency({}, { target: SANDBOX })).kind, 'deny');
  assert.equal(starter.emergency(emergency(drill, { target: PROD })).kind, 'deny');
  assert.equal(starter.emergency(emergency({ ...drill, verified: false }, { target: SANDBOX })).kind, 'deny');
  const pipeline = { ...JANE, kind: 'workload' } as const;
  assert.equal(starter.emergency(emergency(drill, { target: SANDBOX, principal: pipeline })).kind, 'deny');
});

test('the starter policy can be read in a minute', async () => {
  const { text } = await starterPolicy();
  assert.ok(text.split('\n').length <= 45);
  assert.ok(text.split(/\s+/).length <= 250);
});
