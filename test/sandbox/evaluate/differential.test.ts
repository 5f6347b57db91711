/**
 * The evaluator against an independent simulator of AWS's own evaluation.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSimulation } from '@cloud-copilot/iam-simulate';
import * as fc from 'fast-check';
import { PERMISSIONS, parsePolicy } from '../../../src/sandbox/evaluate/document.ts';
import type { Policy } from '../../../src/sandbox/evaluate/document.ts';
import { decide } from '../../../src/sandbox/evaluate/evaluate.ts';

const ACCOUNT = '000000000000';
const ROLE = `arn:aws:iam::${ACCOUNT}:role/jit-sandbox`;
const SESSION = `arn:aws:sts::${ACCOUNT}:assumed-role/jit-sandbox/gr_1`;

const REQUESTS = [
  ['s3:GetObject', 'arn:aws:s3:::sandbox-reports/hello.txt'],
  ['s3:GetObject', 'arn:aws:s3:::sandbox-secrets/launch-codes.txt'],
  ['s3:PutObject', 'arn:aws:s3:::sandbox-reports/2026/q1.csv'],
  ['s3:DeleteObject', 'arn:aws:s3:::sandbox-reports/a:b/c'],
  ['s3:ListBucket', 'arn:aws:s3:::sandbox-reports'],
  ['s3:GetBucketLocation', 'arn:aws:s3:::sandbox-secrets'],
  ['s3:ListAllMyBuckets', '*'],
  ['sts:DecodeAuthorizationMessage', '*'],
  ['iam:GetRole', ROLE],
  ['iam:PutRolePolicy', ROLE],
] as const;

const action = fc.constantFrom(
  '*',
  's3:*',
  's3:Get*',
  's3:getobject',
  's3:GetObject',
  's3:?etObject',
  's3:PutObject',
  's3:*Object',
  's3:List*',
  's3:ListBucket',
  's3:ListAllMyBuckets',
  'sts:*',
  'sts:DecodeAuthorizationMessage',
  'iam:GetRole',
  'iam:*RolePolicy',
);

const resource = fc.constantFrom(
  '*',
  'arn:aws:s3:::*',
  'arn:aws:s3:::sandbox-reports',
  'arn:aws:s3:::sandbox-reports/*',
  'arn:aws:s3:::sandbox-reports/hello.txt',
  'arn:aws:s3:::sandbox-reports/h?llo.*',
  'arn:aws:s3:::sandbox-reports/*/q1.csv',
  'arn:aws:s3:::sandbox-reports/a:b/*',
  'arn:aws:s3:::sandbox-*',
  'arn:aws:s3:::sandbox-secrets',
  'arn:aws:s3:::sandbox-secrets/*',
  'arn:aws:s3:*:*:sandbox-reports/*',
  `arn:aws:iam::${ACCOUNT}:role/*`,
  ROLE,
  `arn:aws:iam::*:role/jit-*`,
);

const text = fc.constantFrom('gr_1', 'gr_2', 'alice', 'AROAX:gr_1', '2026/', 'GR_1', 'true', '');
const pattern = fc.oneof(text, fc.constantFrom('gr_*', '*', 'gr_?', '2026*', '*:gr_1', 'ali?e', '??', 'a.*'));
const instant = fc.constantFrom(
  '2026-11-21T00:00:00Z',
  '2026-11-22T00:00:00Z',
  '2026-11-22T01:00:00+02:00',
  '2026-11-23T12:30:00.500Z',
);
const truth = fc.constantFrom('true', 'false', 'True');
const textKey = fc.constantFrom(
  'aws:PrincipalTag/jit-grant',
  'aws:principaltag/Jit-Grant',
  'aws:PrincipalTag/other',
  'aws:userid',
  'aws:SourceIdentity',
  's3:prefix',
);
const dateKey = fc.constantFrom('aws:CurrentTime', 'aws:TokenIssueTime');

function oneOrMany<T>(item: fc.Arbitrary<T>): fc.Arbitrary<T | T[]> {
  return fc.oneof(item, fc.array(item, { minLength: 1, maxLength: 3 }));
}

function operators(names: readonly string[], key: fc.Arbitrary<string>, value: fc.Arbitrary<string>) {
  const suffixed = names.flatMap((name) => [name, `${name}IfExists`]);
  return fc.tuple(fc.constantFrom(...suffixed), fc.dictionary(key, oneOrMany(value), { minKeys: 1, maxKeys: 2 }));
}

const condition = fc
  .array(
    fc.oneof(
      operators(['StringEquals', 'StringNotEquals'], textKey, text),
      operators(['StringLike'], textKey, pattern),
      operators(['DateLessThan', 'DateGreaterThan'], dateKey, instant),
      operators(['Bool'], textKey, truth),
      fc.tuple(
        fc.constant('Null'),
        fc.dictionary(
          textKey,
          truth.map((one) => one.toLowerCase()),
          { minKeys: 1, maxKeys: 1 },
        ),
      ),
    ),
    { maxLength: 2 },
  )
  // Two spellings of one key would be one key to IAM and two to JSON.
  .map((list) => Object.fromEntries(list.map(([name, keys]) => [name, withoutTwins(keys)])));

function withoutTwins<T>(keys: Readonly<Record<string, T>>): Record<string, T> {
  const distinct = new Map(Object.entries(keys).map(([key, value]) => [key.toLowerCase(), [key, value] as const]));
  return Object.fromEntries(distinct.values());
}

const statement = fc
  .record({
    effect: fc.constantFrom('Allow', 'Allow', 'Deny'),
    actionName: fc.constantFrom('Action', 'Action', 'NotAction'),
    actions: oneOrMany(action),
    resourceName: fc.constantFrom('Resource', 'Resource', 'NotResource'),
    resources: oneOrMany(resource),
    condition,
  })
  .map(({ effect, actionName, actions, resourceName, resources, condition: conditions }) => ({
    Effect: effect,
    [actionName]: actions,
    [resourceName]: resources,
    ...(Object.keys(conditions).length === 0 ? {} : { Condition: conditions }),
  }));

const policy = fc
  .array(statement, { minLength: 1, maxLength: 3 })
  .map((statements) => ({ Version: '2012-10-17', Statement: statements.length === 1 ? statements[0] : statements }));

// An even chance that the role is wide open, or most pairs would be denied for a dull reason.
const wide = fc.constant({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } });

const context = fc.record(
  {
    'aws:CurrentTime': fc.constantFrom('2026-11-21T12:00:00Z', '2026-11-22T00:00:00Z', '2026-11-24T00:00:00.000Z'),
    'aws:TokenIssueTime': fc.constantFrom('2026-11-20T00:00:00Z', '2026-11-22T00:00:01Z'),
    'aws:PrincipalTag/jit-grant': text,
    'aws:userid': fc.constantFrom('AROAX:gr_1', 'AROAX:gr_2'),
    'aws:SourceIdentity': fc.constantFrom('alice', 'bob'),
    's3:prefix': fc.constantFrom('', '2026/', 'gr_1'),
  },
  { requiredKeys: [] },
);

function read(document: unknown): Policy {
  const outcome = parsePolicy(JSON.stringify(document), PERMISSIONS);
  assert.ok('statements' in outcome, JSON.stringify(outcome));
  return outcome;
}

test('decides like the simulator for random role policies, inline policies, session policies and requests', async () => {
  const counts = { allowed: 0, denied: 0 };
  const property = fc.asyncProperty(
    fc.oneof(wide, policy),
    fc.option(policy, { nil: undefined }),
    fc.option(policy, { nil: undefined }),
    fc.constantFrom(...REQUESTS),
    context,
    async (base, inline, session, [asked, on], facts) => {
      // Only a listing has a prefix; the simulator drops it elsewhere, and so does S3.
      const { 's3:prefix': prefix, ...general } = facts;
      const variables = {
        ...general,
        ...(asked === 's3:ListBucket' && prefix !== undefined ? { 's3:prefix': prefix } : {}),
      };
      const identity = [base, ...(inline === undefined ? [] : [inline])];
      const ours = decide(
        { identity: identity.map(read), session: session === undefined ? null : read(session) },
        {
          action: asked,
          resource: on,
          context: new Map(Object.entries(variables).map(([key, value]) => [key.toLowerCase(), value])),
        },
      );
      const theirs = await runSimulation(
        {
          request: {
            principal: SESSION,
            action: asked,
            resource: { resource: on, accountId: ACCOUNT },
            contextVariables: variables,
          },
          sessionPolicy: session,
          identityPolicies: identity.map((one, index) => ({ name: `policy${index}`, policy: one })),
          serviceControlPolicies: [],
          resourceControlPolicies: [],
        },
        { simulationMode: 'Strict' },
      );
      assert.notEqual(theirs.resultType, 'error', JSON.stringify(theirs));
      const result = theirs.resultType === 'error' ? 'error' : theirs.overallResult;
      counts[ours.allowed ? 'allowed' : 'denied'] += 1;
      assert.equal(ours.allowed, result === 'Allowed', `simulator: ${result}, sandbox: ${JSON.stringify(ours)}`);
      if (!ours.allowed)
        assert.equal(
          ours.reason.endsWith('explicit'),
          result === 'ExplicitlyDenied',
          `simulator: ${result}, sandbox: ${JSON.stringify(ours)}`,
        );
    },
  );
  await fc.assert(property, { numRuns: 4_000 });
  assert.ok(counts.allowed > 200 && counts.denied > 200, JSON.stringify(counts));
});
