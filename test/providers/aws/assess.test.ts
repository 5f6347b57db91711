/**
 * Operations and resources, judged against AWS's own list of actions.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessLevel, Breadth } from '../../../src/core/access.ts';
import type { ErrorCode, JitError } from '../../../src/core/errors.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import { failure } from '../../support/failure.ts';
import { SIGNER, config } from './support.ts';

const provider = awsProvider({ now: () => Date.UTC(2026, 10, 21), signer: SIGNER });
const target = provider.parseTarget('web', config());
const ACCOUNT = '123456789012';

const assess = async (action: string | readonly string[], ...resources: string[]) =>
  (await provider.assess(target, { target: 'web', operation: 'x', actions: [action].flat(), resources })).assessment;

async function refused(code: ErrorCode, action: string | readonly string[], ...resources: string[]): Promise<JitError> {
  return await failure(assess(action, ...resources), code);
}

test('access levels are those of AWS, except that what hands out access is called so', async () => {
  const levels: readonly (readonly [AccessLevel, string, ...string[]])[] = [
    ['list', 's3:ListBucket', 'arn:aws:s3:::b'],
    ['read', 's3:GetObject', 'arn:aws:s3:::b/k'],
    ['tagging', 's3:PutObjectTagging', 'arn:aws:s3:::b/k'],
    ['write', 's3:PutObject', 'arn:aws:s3:::b/k'],
    ['permissions', 's3:PutBucketPolicy', 'arn:aws:s3:::b'],
    ['permissions', 'iam:PassRole', `arn:aws:iam::${ACCOUNT}:role/x`],
    ['permissions', 'iam:CreateAccessKey', `arn:aws:iam::${ACCOUNT}:user/x`],
  ];
  for (const [access, action, ...resources] of levels) {
    assert.equal((await assess(action, ...resources)).access, access, action);
  }
});

test('a permission of several actions is as strong as the strongest and as broad as the broadest', async () => {
  const both = await assess(['s3:ListBucket', 's3:PutObject'], 'arn:aws:s3:::b', 'arn:aws:s3:::b/*');
  assert.deepEqual(both, { access: 'write', breadth: 'within' });
});

test('a wildcard below a named resource is within; one that reaches unnamed resources is broad', async () => {
  const region = `eu-west-1:${ACCOUNT}`;
  const breadths: readonly (readonly [Breadth, string, string])[] = [
    ['exact', 's3:GetObject', 'arn:aws:s3:::bucket/a/b.txt'],
    ['within', 's3:GetObject', 'arn:aws:s3:::bucket/*'],
    ['within', 's3:GetObject', 'arn:aws:s3:::bucket/a?'],
    ['broad', 's3:GetObject', 'arn:aws:s3:::bucket*/x'],
    ['broad', 's3:GetObject', 'arn:aws:s3:::*/x'],
    ['broad', 's3:GetObject', 'arn:aws:s3:::*'],
    ['broad', 's3:GetObject', 'arn:aws:s3:::bucket*'],
    ['broad', 's3:ListBucket', 'arn:aws:s3:::bucke?'],
    ['exact', 'dynamodb:GetItem', `arn:aws:dynamodb:${region}:table/t`],
    ['broad', 'dynamodb:GetItem', `arn:aws:dynamodb:${region}:table/*`],
    ['broad', 'dynamodb:GetItem', `arn:aws:dynamodb:${region}:table/prod-*`],
    ['within', 'dynamodb:Query', `arn:aws:dynamodb:${region}:table/t/index/*`],
    ['within', 'ssm:GetParameter', `arn:aws:ssm:${region}:parameter/prod/*`],
    ['broad', 'ssm:GetParameter', `arn:aws:ssm:${region}:parameter/*`],
    ['broad', 'logs:FilterLogEvents', `arn:aws:logs:${region}:log-group:/aws/*`],
    ['within', 'logs:GetLogEvents', `arn:aws:logs:${region}:log-group:/aws/lambda/f:log-stream:*`],
    ['broad', 'sqs:SendMessage', `arn:aws:sqs:${region}:*`],
    ['exact', 'sqs:SendMessage', `arn:aws:sqs:${region}:queue`],
    ['broad', 'iam:GetRole', `arn:aws:iam::${ACCOUNT}:role/*`],
  ];
  for (const [breadth, action, resource] of breadths) {
    assert.equal((await assess(action, resource)).breadth, breadth, `${action} ${resource}`);
  }
});

test('an action that AWS cannot narrow takes no resource or *, and is broad', async () => {
  for (const resources of [[], ['*']]) {
    assert.deepEqual(await assess('s3:ListAllMyBuckets', ...resources), { access: 'list', breadth: 'broad' });
  }
  const error = await refused('ERR_RESOURCE', 's3:ListAllMyBuckets', 'arn:aws:s3:::b');
  assert.match(error.hint ?? '', /leave the resource out/);
});

test('a typing mistake gets the name that was meant', async () => {
  const cases = [
    ['s3:GetObjct', /s3:GetObject\b/],
    ['S3:getobjectt', /s3:GetObject\b/],
    ['s4:GetObject', /s3:GetObject\b/],
    ['dynamodbb:GetItem', /dynamodb:GetItem/],
    ['ec2:DescribeInstancs', /ec2:DescribeInstances/],
  ] as const;
  for (const [typed, meant] of cases) {
    const error = await refused('ERR_OPERATION', typed);
    assert.match(error.hint ?? '', meant, typed);
  }
});

test('wildcards in operations are refused with a way out', async () => {
  const get = await refused('ERR_OPERATION', 's3:Get*', 'arn:aws:s3:::b/k');
  assert.match(get.hint ?? '', /name exactly one, for example s3:Get/);
  for (const typed of ['s3:*', '*', '*:*', 's?:GetObject', 's3:GetObjec?', `s3:${'*a'.repeat(40)}`]) {
    await refused('ERR_OPERATION', typed, 'arn:aws:s3:::b/k');
  }
});

test('names that exist on every JavaScript object, and paths, are no operations', async () => {
  for (const typed of [
    's3:constructor',
    's3:__proto__',
    's3:toString',
    'constructor:x',
    '__proto__:x',
    '../s3:GetObject',
    's3/../ec2:RunInstances',
    's3:',
    ':GetObject',
    '',
    's3',
    's3:GetObject:x',
    's3:GetObject\n',
    `s3:${'A'.repeat(500)}`,
  ]) {
    await refused('ERR_OPERATION', typed, 'arn:aws:s3:::b/k');
  }
  await refused('ERR_OPERATION', []);
});

test('what would outlive the grant is not handed out', async () => {
  const error = await refused('ERR_OPERATION', 'sts:AssumeRole', `arn:aws:iam::${ACCOUNT}:role/x`);
  assert.match(error.hint ?? '', /target of its own/);
  for (const action of ['sts:GetFederationToken', 'STS:GETSESSIONTOKEN', 'sts:AssumeRoot']) {
    await refused('ERR_OPERATION', action);
  }
});

test('a resource of the wrong type gets an example of the right one', async () => {
  const object = await refused('ERR_RESOURCE', 's3:ListBucket', 'arn:aws:s3:::b/*');
  assert.match(object.hint ?? '', /s3:ListBucket acts on a bucket: arn:aws:s3:::bucket$/);
  const bucket = await refused('ERR_RESOURCE', 's3:GetObject', 'arn:aws:s3:::b');
  assert.match(bucket.hint ?? '', /s3:GetObject acts on an object: arn:aws:s3:::bucket\/object$/);
  await refused('ERR_RESOURCE', 's3:GetObject', `arn:aws:dynamodb:eu-west-1:${ACCOUNT}:table/t`);
});

test('every resource must serve an action and every action must have a resource', async () => {
  await refused('ERR_RESOURCE', 's3:GetObject');
  await refused('ERR_RESOURCE', 's3:GetObject', '*');
  await refused('ERR_RESOURCE', 's3:GetObject', 'arn:aws:s3:::b/k', '*');
  await refused('ERR_RESOURCE', 's3:GetObject', 'arn:aws:s3:::b/k', 'arn:aws:s3:::b');
  await refused('ERR_RESOURCE', ['s3:GetObject', 's3:ListBucket'], 'arn:aws:s3:::b/k');
});

test('resources elsewhere than the target are refused', async () => {
  const cases = [
    ['arn:aws:dynamodb:eu-west-1:999999999999:table/t', /account 123456789012/],
    [`arn:aws:dynamodb:us-east-1:${ACCOUNT}:table/t`, /eu-west-1/],
    [`arn:aws-cn:dynamodb:eu-west-1:${ACCOUNT}:table/t`, /partition aws/],
    [`arn:aws:dynamodb:*:${ACCOUNT}:table/t`, /wildcards/],
    ['arn:aws:dynamodb:eu-west-1:*:table/t', /wildcards/],
    [`arn:*:dynamodb:eu-west-1:${ACCOUNT}:table/t`, /wildcards/],
    [`arn:aws:dynamodb::${ACCOUNT}:table/t`, /not a resource/],
  ] as const;
  for (const [resource, message] of cases) {
    const error = await refused('ERR_RESOURCE', 'dynamodb:GetItem', resource);
    assert.match(error.message, message, resource);
  }
});

test('policy variables, spaces, controls and fragments are no resources', async () => {
  for (const resource of [
    'arn:aws:s3:::b/${aws:username}',
    'arn:aws:s3:::${aws:PrincipalTag/x}/k',
    'arn:aws:s3:::b/k l',
    'arn:aws:s3:::b/k\n',
    'arn:aws:s3:::b/\u202e',
    'arn:aws:s3:::',
    'arn:aws:s3::b/k',
    's3://b/k',
    'b/k',
    '',
  ]) {
    await refused('ERR_RESOURCE', 's3:GetObject', resource);
  }
});

test('nobody is given a change of the roles that jit itself works with', async () => {
  for (const resource of ['team/jit-web', 'team/*', '*', 'team/jit-w?b', 'team/j*b']) {
    const error = await refused('ERR_RESOURCE', 'iam:DeleteRolePolicy', `arn:aws:iam::${ACCOUNT}:role/${resource}`);
    assert.match(error.message, /undo revocations/, resource);
  }
  for (const resource of ['team/jit-web2', 'team/jit-we', 'jit-web', 'team/j*c']) {
    await assess('iam:DeleteRolePolicy', `arn:aws:iam::${ACCOUNT}:role/${resource}`);
  }
  await assess('iam:GetRole', `arn:aws:iam::${ACCOUNT}:role/team/jit-web`);
});

test('hostile resources of full length are judged quickly', async () => {
  const slow = [
    `arn:aws:s3:::${'*a'.repeat(1_000)}`,
    `arn:aws:s3:::${'/'.repeat(2_000)}`,
    `arn:aws:s3:::${'?'.repeat(2_000)}`,
  ];
  const apiGateway = `arn:aws:execute-api:eu-west-1:${ACCOUNT}:${'a/'.repeat(950)}`;
  for (const resource of slow) await assess('s3:GetObject', resource).catch(() => null);
  await assess('execute-api:Invoke', apiGateway).catch(() => null);
  await assess('execute-api:Invoke', `${apiGateway}*`).catch(() => null);
});

test("whatever way an action is typed, rules, records and the policy see AWS's own spelling", async () => {
  const typed = {
    target: 'web',
    operation: 's3:getobject',
    actions: ['s3:getobject'],
    resources: ['arn:aws:s3:::b/k'],
  };
  const { permission } = await provider.assess(target, typed);
  assert.deepEqual(permission, { ...typed, operation: 's3:GetObject', actions: ['s3:GetObject'] });
  const named = await provider.assess(target, { ...typed, operation: 'read-it' });
  assert.deepEqual(named.permission, { ...typed, operation: 'read-it', actions: ['s3:GetObject'] });
});
