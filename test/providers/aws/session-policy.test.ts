/**
 * The session policy, with an independent evaluator of IAM's language (@cloud-copilot/iam-simulate) as the judge.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSimulation } from '@cloud-copilot/iam-simulate';
import * as fc from 'fast-check';
import type { Permission } from '../../../src/core/request.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import { POLICY_LIMIT, wholeSecond } from '../../../src/providers/aws/session-policy.ts';
import { failure } from '../../support/failure.ts';
import { READ, SIGNER, config } from './support.ts';

const NOW = Date.UTC(2026, 10, 21, 12);
const ACCOUNT = '123456789012';
const SESSION = `arn:aws:sts::${ACCOUNT}:assumed-role/jit-web/gr_0`;
const provider = awsProvider({ now: () => NOW, signer: SIGNER });
const target = provider.parseTarget('web', config());

const policyOf = async (permissions: readonly Permission[], seconds = 60): Promise<string> =>
  (await provider.plan(target, permissions, seconds)).permission;

const permission = (actions: readonly string[], ...resources: string[]): Permission => ({
  target: 'web',
  operation: 'x',
  actions,
  resources,
});

test('golden: one operation on one resource', async () => {
  assert.equal(
    await policyOf([{ ...READ, actions: ['S3:getobject'] }]),
    '{"Version":"2012-10-17","Statement":[' +
      '{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::reports/*",' +
      '"Condition":{"DateLessThan":{"aws:CurrentTime":"2026-11-21T12:01:00Z"}}},' +
      '{"Effect":"Deny","Action":"s3:GetObject","NotResource":"arn:aws:s3:::reports/*"},' +
      '{"Effect":"Deny","NotAction":"s3:GetObject","Resource":"*"},' +
      '{"Effect":"Deny","Action":"*","Resource":"*",' +
      '"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2026-11-21T12:01:00Z"}}}]}',
  );
});

test('golden: several permissions, one action in two of them, one without resources', async () => {
  const policy: unknown = JSON.parse(
    await policyOf([
      permission(['s3:ListBucket', 's3:GetObject'], 'arn:aws:s3:::a', 'arn:aws:s3:::a/*'),
      permission(['s3:GetObject'], 'arn:aws:s3:::b/k'),
      permission(['s3:ListAllMyBuckets'], '*'),
    ]),
  );
  const until = { DateLessThan: { 'aws:CurrentTime': '2026-11-21T12:01:00Z' } };
  assert.deepEqual(policy, {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 's3:ListBucket', Resource: 'arn:aws:s3:::a', Condition: until },
      { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::a/*', Condition: until },
      { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/k', Condition: until },
      { Effect: 'Allow', Action: 's3:ListAllMyBuckets', Resource: '*', Condition: until },
      { Effect: 'Deny', Action: 's3:ListBucket', NotResource: 'arn:aws:s3:::a' },
      { Effect: 'Deny', Action: 's3:GetObject', NotResource: ['arn:aws:s3:::a/*', 'arn:aws:s3:::b/k'] },
      { Effect: 'Deny', NotAction: ['s3:GetObject', 's3:ListAllMyBuckets', 's3:ListBucket'], Resource: '*' },
      {
        Effect: 'Deny',
        Action: '*',
        Resource: '*',
        Condition: { DateGreaterThan: { 'aws:CurrentTime': '2026-11-21T12:01:00Z' } },
      },
    ],
  });
});

test('the end is a whole second, rounded down, in UTC', () => {
  assert.equal(wholeSecond(NOW + 999), '2026-11-21T12:00:00Z');
  assert.equal(wholeSecond(NOW + 1_000), '2026-11-21T12:00:01Z');
});

test('a key that looks like policy text stays a key', async () => {
  const hostile = [
    'arn:aws:s3:::b/"},{"Effect":"Allow","Action":"*","Resource":"*"},{"x":"',
    'arn:aws:s3:::b/\\"],"Action":"*"',
    "arn:aws:s3:::b/'--{}[]",
    'arn:aws:s3:::b/\\u0022',
  ];
  const plain = await policyOf([permission(['s3:GetObject'], 'arn:aws:s3:::b/KEY')]);
  for (const resource of hostile) {
    const policy = await policyOf([permission(['s3:GetObject'], resource)]);
    assert.equal(
      policy,
      plain.replaceAll('"arn:aws:s3:::b/KEY"', () => JSON.stringify(resource)),
    );
  }
});

test('what does not fit is refused, never widened or cut', async () => {
  const many = Array.from({ length: 20 }, (_, index) => `arn:aws:s3:::${'b'.repeat(40)}/${index}`);
  const error = await failure(policyOf([permission(['s3:GetObject'], ...many)]), 'ERR_PERMISSION_SIZE');
  assert.match(error.message, /1600 fit/);
  const one = (await policyOf([permission(['s3:GetObject'], 'arn:aws:s3:::b/x')])).length;
  const room = Math.floor((POLICY_LIMIT - one) / 2);
  const full = await policyOf([permission(['s3:GetObject'], `arn:aws:s3:::b/x${'y'.repeat(room)}`)]);
  assert(full.length <= POLICY_LIMIT && full.length >= POLICY_LIMIT - 1);
  await failure(
    policyOf([permission(['s3:GetObject'], `arn:aws:s3:::b/x${'y'.repeat(room + 1)}`)]),
    'ERR_PERMISSION_SIZE',
  );
});

test('the plan says in words what the policy says, and what revocation can promise', async () => {
  const plan = await provider.plan(target, [READ], 60);
  assert(plan.words.some((line) => /arn:aws:s3:::reports\/\*, with s3:GetObject \(read\)/.test(line)));
  assert.deepEqual(plan.revocation, { kind: 'within', seconds: 300 });
  assert.equal(plan.residualSeconds, 0);
  assert.equal(plan.floorSeconds, 900);
  const sandbox = provider.parseTarget('s', config({ sandbox: true, endpoint: 'http://127.0.0.1:1' }));
  assert.deepEqual((await provider.plan(sandbox, [READ], 60)).revocation, { kind: 'immediate' });
});

const OBJECT_ACTIONS = ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:PutObjectTagging'];
const BUCKET_ACTIONS = ['s3:ListBucket', 's3:GetBucketPolicy', 's3:PutBucketPolicy'];
const OBJECTS = ['a/*', 'a/k', 'a/logs/*', 'b/k?', 'b/*', 'c/x/y'].map((path) => `arn:aws:s3:::${path}`);
const BUCKETS = ['a', 'b', 'c'].map((name) => `arn:aws:s3:::${name}`);

const onObjects = fc
  .record({
    actions: fc.uniqueArray(fc.constantFrom(...OBJECT_ACTIONS), { minLength: 1, maxLength: 2 }),
    resources: fc.uniqueArray(fc.constantFrom(...OBJECTS), { minLength: 1, maxLength: 2 }),
  })
  .map(({ actions, resources }) => permission(actions, ...resources));
const onBuckets = fc
  .record({
    actions: fc.uniqueArray(fc.constantFrom(...BUCKET_ACTIONS), { minLength: 1, maxLength: 2 }),
    resources: fc.uniqueArray(fc.constantFrom(...BUCKETS), { minLength: 1, maxLength: 2 }),
  })
  .map(({ actions, resources }) => permission(actions, ...resources));
const permissions = fc.array(fc.oneof(onObjects, onBuckets), { minLength: 1, maxLength: 3 });
const asks = fc.oneof(
  fc.record({
    action: fc.constantFrom(...OBJECT_ACTIONS),
    resource: fc
      .constantFrom('a/k', 'a/logs/1', 'a/z', 'b/k1', 'b/k12', 'c/x/y', 'd/k')
      .map((key) => `arn:aws:s3:::${key}`),
  }),
  fc.record({ action: fc.constantFrom(...BUCKET_ACTIONS), resource: fc.constantFrom(...BUCKETS, 'arn:aws:s3:::d') }),
  fc.constantFrom(
    { action: 'sts:AssumeRole', resource: `arn:aws:iam::${ACCOUNT}:role/other` },
    { action: 'iam:PutRolePolicy', resource: `arn:aws:iam::${ACCOUNT}:role/jit-web` },
  ),
);

const glob = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${pattern
      .replaceAll(/[^a-z0-9*?]/gi, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(text);

const covers = (list: readonly Permission[], ask: { action: string; resource: string }): boolean =>
  list.some(
    ({ actions, resources }) => actions.includes(ask.action) && resources.some((one) => glob(one, ask.resource)),
  );

const ALLOW_ALL = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };

async function evaluate(
  ask: { readonly action: string; readonly resource: string; readonly at: number },
  policy: string,
  resourcePolicy: object | undefined,
): Promise<string> {
  const sessionPolicy: unknown = JSON.parse(policy);
  const response = await runSimulation(
    {
      request: {
        action: ask.action,
        principal: SESSION,
        resource: { resource: ask.resource, accountId: ACCOUNT },
        contextVariables: { 'aws:CurrentTime': wholeSecond(ask.at) },
      },
      sessionPolicy,
      identityPolicies: [{ name: 'role', policy: ALLOW_ALL }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy,
    },
    {},
  );
  assert(response.resultType === 'single', JSON.stringify(response));
  return response.overallResult;
}

test('an independent evaluator allows exactly the permissions, until their end', async () => {
  await fc.assert(
    fc.asyncProperty(permissions, asks, fc.integer({ min: -90, max: 90 }), async (list, ask, late) => {
      const policy = await policyOf(list, 60);
      const allowed = (await evaluate({ ...ask, at: NOW + (60 + late) * 1_000 }, policy, undefined)) === 'Allowed';
      assert.equal(allowed, covers(list, ask) && late < 0);
    }),
    { numRuns: 300 },
  );
});

test('a resource policy that names the session adds nothing to it, neither elsewhere nor afterwards', async () => {
  await fc.assert(
    fc.asyncProperty(permissions, asks, fc.boolean(), async (list, ask, over) => {
      fc.pre(ask.action.startsWith('s3:'));
      fc.pre(over || !covers(list, ask));
      const policy = await policyOf(list, 60);
      const bucket = /^arn:aws:s3:::[^/]+/.exec(ask.resource)?.[0] ?? '';
      const generous = {
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Principal: { AWS: SESSION }, Action: 's3:*', Resource: [bucket, `${bucket}/*`] },
        ],
      };
      const at = NOW + (over ? 61_000 : 1_000);
      assert.equal(await evaluate({ ...ask, at }, policy, generous), 'ExplicitlyDenied');
    }),
    { numRuns: 150 },
  );
});
