/**
 * Permissions that are too long for a session policy, through a managed policy that an operator has prepared: used only where it
 * says exactly that. The evaluator of IAM's language is an independent one; IAM is a small one in memory, and moto.
 * @module
 */
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { CreatePolicyCommand, IAMClient } from '@aws-sdk/client-iam';
import { runSimulation } from '@cloud-copilot/iam-simulate';
import type { Provider } from '../../../src/core/ports.ts';
import type { Permission } from '../../../src/core/request.ts';
import { saysTheSame } from '../../../src/providers/aws/prepared.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import type { AwsTarget } from '../../../src/providers/aws/provider.ts';
import { wholeSecond } from '../../../src/providers/aws/session-policy.ts';
import { startMoto } from '../../support/moto.ts';
import { skipUnless } from '../../support/tools.ts';
import { failure } from '../../support/failure.ts';
import { fakeAws } from './fake-aws.ts';
import type { FakeAws } from './fake-aws.ts';
import { SIGNER, config, never, orderOf } from './support.ts';

const START = Date.UTC(2026, 10, 21, 12);
const ACCOUNT = '123456789012';
const POLICY = `arn:aws:iam::${ACCOUNT}:policy/team/jit-deploy-web`;
const REVOKER = `arn:aws:iam::${ACCOUNT}:role/jit-revoker`;
const ACTIONS = ['s3:PutObject', 's3:DeleteObject', 's3:GetObject'];
const RESOURCES = Array.from({ length: 30 }, (_, index) => `arn:aws:s3:::web-${index}-${'x'.repeat(20)}/*`);
const LONG: Permission = { target: 'web', operation: 'deploy-web', actions: ACTIONS, resources: RESOURCES };
const MANAGED = { 'deploy-web': { policy: POLICY, actions: ACTIONS.toReversed(), resources: RESOURCES.toReversed() } };
const motoSkip = skipUnless('moto_server') && "needs moto_server (pip install 'moto[server]')";
const moto = motoSkip === false ? await startMoto({ after }) : '';

let clock = START;
let aws: FakeAws;
let provider: Provider<AwsTarget>;
let target: AwsTarget;
let notices: string[];

beforeEach(async () => {
  clock = START;
  notices = [];
  aws = await fakeAws(() => clock);
  provider = awsProvider({
    now: () => clock,
    signer: SIGNER,
    notice: (text) => notices.push(text),
    ambient: async () => await Promise.resolve({ accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 's' }),
  });
  target = targetOf();
});
afterEach(async () => {
  await aws.close();
});

function targetOf(changes: object = {}): AwsTarget {
  return provider.parseTarget('web', config({ endpoint: aws.url, revoker: REVOKER, managed: MANAGED, ...changes }));
}

const plan = async (...permissions: readonly Permission[]) => await provider.plan(target, permissions, 60);

/** The text that the broker's log asks for, taken from there as an operator would. */
async function askedFor(): Promise<string> {
  aws.policies.set(POLICY, '{"Version":"2012-10-17","Statement":[]}');
  await failure(plan(LONG), 'ERR_CLOUD');
  const [notice = ''] = notices.splice(0);
  const marker = ' has to say exactly: ';
  return notice.slice(notice.indexOf(marker) + marker.length);
}

test("the broker's log says what the policy has to say, and with that it is planned and issued", async () => {
  const text = await askedFor();
  aws.policies.set(POLICY, text);
  const planned = await plan(LONG);
  assert(planned.words.some((line) => line.includes(POLICY)));
  const order = orderOf({ endsAt: START + 60_000, permissions: [LONG] });
  const issued = await provider.issue(target, order, never());
  assert.equal(issued.granted, planned.permission);
  const [fields] = aws.assumed;
  assert.equal(fields?.get('PolicyArns.member.1.arn'), POLICY);
  assert.equal(fields?.has('PolicyArns.member.2.arn'), false);
  const inline = fields?.get('Policy') ?? '';
  assert(inline.length + POLICY.length <= 1_600);
  assert.deepEqual(JSON.parse(inline), {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Deny', NotAction: ACTIONS.toSorted(), Resource: '*' },
      {
        Effect: 'Deny',
        Action: '*',
        Resource: '*',
        Condition: { DateGreaterThanEquals: { 'aws:CurrentTime': '2026-11-21T12:01:00Z' } },
      },
    ],
  });
  const granted = JSON.parse(issued.granted) as { readonly Policy: unknown; readonly PolicyArns: unknown };
  assert.deepEqual(granted.Policy, JSON.parse(inline));
  assert.deepEqual(granted.PolicyArns, { [POLICY]: JSON.parse(text) as unknown });
});

/** What both policies allow together: STS adds them up, and any denial of either binds. */
async function verdict(inline: string, managed: string, ask: { action: string; resource: string; at: number }) {
  const statements = [inline, managed].flatMap(
    (text) => (JSON.parse(text) as { readonly Statement: readonly object[] }).Statement,
  );
  const session = `arn:aws:sts::${ACCOUNT}:assumed-role/jit-web/gr_0`;
  const bucket = /^arn:aws:s3:::[^/]+/.exec(ask.resource)?.[0] ?? '';
  const response = await runSimulation(
    {
      request: {
        action: ask.action,
        principal: session,
        resource: { resource: ask.resource, accountId: ACCOUNT },
        contextVariables: { 'aws:CurrentTime': wholeSecond(ask.at) },
      },
      sessionPolicy: { Version: '2012-10-17', Statement: statements },
      identityPolicies: [
        {
          name: 'role',
          policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] },
        },
      ],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      // The owner of the bucket lets this very session do everything.
      resourcePolicy: {
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Principal: { AWS: session }, Action: 's3:*', Resource: [bucket, `${bucket}/*`] },
        ],
      },
    },
    {},
  );
  assert(response.resultType === 'single', JSON.stringify(response));
  return response.overallResult;
}

test("both policies together allow exactly the permission, until its end, whatever a bucket's own policy adds", async () => {
  const managed = await askedFor();
  aws.policies.set(POLICY, managed);
  await provider.issue(target, orderOf({ endsAt: START + 60_000, permissions: [LONG] }), never());
  const inline = aws.assumed[0]?.get('Policy') ?? '';
  const key = (resource: string): string => resource.replace('*', 'key');
  for (const resource of RESOURCES) {
    for (const action of ACTIONS) {
      const ask = { action, resource: key(resource) };
      assert.equal(await verdict(inline, managed, { ...ask, at: START + 59_000 }), 'Allowed');
      assert.equal(await verdict(inline, managed, { ...ask, at: START + 60_000 }), 'ExplicitlyDenied');
    }
    const elsewhere = { action: 's3:GetObject', resource: key(resource).replace('/key', '-other/key') };
    assert.equal(await verdict(inline, managed, { ...elsewhere, at: START }), 'ExplicitlyDenied');
    const other = { action: 's3:PutObjectAcl', resource: key(resource) };
    assert.equal(await verdict(inline, managed, { ...other, at: START }), 'ExplicitlyDenied');
  }
});

test("a policy that is widened after it was issued stays bound by the session's own: its actions, and its end", async () => {
  const managed = await askedFor();
  aws.policies.set(POLICY, managed);
  await provider.issue(target, orderOf({ endsAt: START + 60_000, permissions: [LONG] }), never());
  const inline = aws.assumed[0]?.get('Policy') ?? '';
  const wide = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] });
  const resource = 'arn:aws:s3:::web-0/key';
  const at = START;
  assert.equal(await verdict(inline, wide, { action: 's3:PutObjectAcl', resource, at }), 'ExplicitlyDenied');
  assert.equal(
    await verdict(inline, wide, { action: 's3:GetObject', resource, at: START + 60_000 }),
    'ExplicitlyDenied',
  );
});

test('a policy that says more, less or something else is not used', async () => {
  const text = await askedFor();
  const policy = JSON.parse(text) as { Version: string; Statement: Record<string, unknown>[] };
  const [allow, ...denials] = policy.Statement;
  const different: readonly unknown[] = [
    { ...policy, Statement: [...policy.Statement, { Effect: 'Allow', Action: 's3:ListBucket', Resource: '*' }] },
    { ...policy, Statement: [{ ...allow, Resource: '*' }, ...denials] },
    { ...policy, Statement: [{ ...allow, Action: ['s3:*'] }, ...denials] },
    { ...policy, Statement: [{ ...allow, Resource: [...RESOURCES, 'arn:aws:s3:::more/*'] }, ...denials] },
    { ...policy, Statement: [{ ...allow, Resource: RESOURCES.slice(1) }, ...denials] },
    { ...policy, Statement: [allow] },
    { ...policy, Statement: [allow, ...denials.slice(1)] },
    {
      ...policy,
      Statement: policy.Statement.map((one) => ({ ...one, Condition: { Bool: { 'aws:ViaAWSService': 'false' } } })),
    },
    { ...policy, Version: '2008-10-17' },
    { ...policy, Statement: allow },
    [],
    null,
    'x',
  ];
  for (const one of different) {
    aws.policies.set(POLICY, JSON.stringify(one));
    const { message, hint } = await failure(plan(LONG), 'ERR_CLOUD');
    assert.match(message, /does not say what managed\.deploy-web of target web says/);
    assert.match(hint ?? '', /broker's log/);
    await failure(
      provider.issue(target, orderOf({ endsAt: START + 60_000, permissions: [LONG] }), never()),
      'ERR_CLOUD',
    );
  }
  for (const garbage of ['', '{', text.slice(0, -1)]) {
    aws.policies.set(POLICY, garbage);
    await failure(plan(LONG), 'ERR_CLOUD');
  }
  assert.equal(aws.assumed.length, 0);
  assert(notices.length <= 1, 'the log is told more than once');
});

test('white space, the order of statements and of lists, and names of statements make no difference', () => {
  const one =
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["a:B","a:C"],"Resource":"r 1"},{"Effect":"Deny","NotAction":"a:B","Resource":"*"}]}';
  const other =
    '{ "Statement": [\n {"Sid":"x","Resource":["*"],"Effect":"Deny","NotAction":["a:B"]},\n' +
    '{"Effect":"Allow","Action":["a:C","a:B"],"Resource":["r 1"]}],\t"Version":"2012-10-17"}';
  assert.equal(saysTheSame(other, one), true);
  assert.equal(saysTheSame(other.replace('r 1', 'r1'), one), false);
});

test('a policy with a key twice, which two readers could read differently, is never the same', () => {
  const expected = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}';
  const twice = expected.replace('"Action":"*"', '"Action":"s3:GetObject","Action":"*"');
  assert.deepEqual(JSON.parse(twice), JSON.parse(expected));
  assert.equal(saysTheSame(twice, expected), false);
  assert.equal(saysTheSame(expected, expected), true);
});

test('what changes between the plan and the issue is seen at the issue', async () => {
  const text = await askedFor();
  aws.policies.set(POLICY, text);
  await plan(LONG);
  aws.policies.set(POLICY, text.replace('"Deny","NotAction"', '"Allow","NotAction"'));
  await failure(provider.issue(target, orderOf({ endsAt: START + 60_000, permissions: [LONG] }), never()), 'ERR_CLOUD');
  assert.equal(aws.assumed.length, 0);
});

test('without the right to read the policy it is refused, with a hint for the operator', async () => {
  aws.policies.set(POLICY, null);
  const { message, hint } = await failure(plan(LONG), 'ERR_CLOUD');
  assert.match(message, /aws refused to read arn:aws:iam::123456789012:policy\/team\/jit-deploy-web/);
  assert.match(hint ?? '', /jit-revoker needs iam:GetPolicy and iam:GetPolicyVersion on it/);
  aws.policies.delete(POLICY);
  await failure(plan(LONG), 'ERR_CLOUD');
  assert.deepEqual(
    [...aws.revokerPolicies].map((text): unknown => JSON.parse(text)),
    [
      {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: ['iam:GetPolicy', 'iam:GetPolicyVersion'], Resource: POLICY }],
      },
    ],
  );
});

test('it stands in only for exactly its own permission, and never for one that fits by itself', async () => {
  const text = await askedFor();
  aws.policies.set(POLICY, text);
  const short: Permission = { ...LONG, actions: ['s3:GetObject'], resources: RESOURCES.slice(0, 2) };
  const calls = aws.calls.get('GetPolicy');
  assert(!(await plan(short)).words.some((line) => line.includes(POLICY)));
  assert.equal(aws.calls.get('GetPolicy'), calls);
  const others: readonly (readonly Permission[])[] = [
    [{ ...LONG, resources: RESOURCES.slice(1) }],
    [{ ...LONG, resources: [...RESOURCES, 'arn:aws:s3:::more/*'] }],
    [{ ...LONG, actions: ACTIONS.slice(1) }],
    [{ ...LONG, actions: [...ACTIONS, 's3:PutObjectTagging'] }],
    // Its denials would bind the other one too.
    [LONG, short],
  ];
  for (const permissions of others) await failure(plan(...permissions), 'ERR_PERMISSION_SIZE');
  await failure(provider.plan(targetOf({ managed: {} }), [LONG], 60), 'ERR_PERMISSION_SIZE');
});

test('more than a managed policy holds is refused as before', async () => {
  const resources = Array.from({ length: 60 }, (_, index) => `arn:aws:s3:::web-${index}-${'x'.repeat(45)}/*`);
  const huge = { policy: POLICY, actions: ACTIONS, resources };
  const there = targetOf({ managed: { huge } });
  await failure(provider.plan(there, [{ ...LONG, resources }], 60), 'ERR_PERMISSION_SIZE');
  assert.equal(aws.calls.get('GetPolicy'), undefined);
});

test('nobody is given a change of a prepared policy', async () => {
  for (const action of ['iam:CreatePolicyVersion', 'iam:SetDefaultPolicyVersion', 'iam:DeletePolicy']) {
    for (const resource of [POLICY, `arn:aws:iam::${ACCOUNT}:policy/*`]) {
      const asked = { ...LONG, operation: action, actions: [action], resources: [resource] };
      const { message } = await failure(provider.assess(target, asked), 'ERR_RESOURCE');
      assert.match(message, /could undo revocations or bounds of target web/);
    }
  }
  const asked = { ...LONG, operation: 'iam:GetPolicy', actions: ['iam:GetPolicy'], resources: [POLICY] };
  assert.equal((await provider.assess(target, asked)).assessment.access, 'read');
});

test('a configuration that cannot mean a policy of the account is refused, and one that makes no sense is told as such', async () => {
  const entry = MANAGED['deploy-web'];
  for (const policy of [
    'arn:aws:iam::aws:policy/ReadOnlyAccess',
    'arn:aws:iam::210987654321:policy/x',
    `arn:aws-cn:iam::${ACCOUNT}:policy/x`,
    `arn:aws:iam::${ACCOUNT}:role/x`,
    `${POLICY}*`,
  ]) {
    assert.throws(() => targetOf({ managed: { x: { ...entry, policy } } }), {
      code: 'ERR_CONFIG',
      message: /managed\.x\.policy/,
    });
  }
  assert.throws(() => targetOf({ managed: { x: { ...entry, arn: POLICY } } }), { code: 'ERR_CONFIG' });
  target = targetOf({ managed: { x: { ...entry, actions: ['s3:GetObjekt'] } } });
  const { message } = await failure(plan(LONG), 'ERR_CONFIG');
  assert.match(message, /target web: managed\.x: s3:GetObjekt: s3 has no such operation/);
});

test("moto's IAM gives the policy back as it was created", { skip: motoSkip }, async () => {
  const text = await askedFor();
  const place = { endpoint: moto, region: 'us-east-1' };
  const iam = new IAMClient({
    ...place,
    credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'test' },
  });
  const pretty = JSON.stringify(JSON.parse(text), null, 2);
  await iam.send(new CreatePolicyCommand({ PolicyName: 'jit-deploy-web', Path: '/team/', PolicyDocument: pretty }));
  clock = Date.now();
  const there = targetOf({ endpoint: moto });
  assert((await provider.plan(there, [LONG], 60)).permission.includes(POLICY));
  const order = orderOf({ endsAt: clock + 600_000, permissions: [LONG] });
  assert.equal((await provider.issue(there, order, never())).credential.kind, 'aws');
});
