/**
 * `jit-broker init aws`: what it prints is judged by those who read it, as far as they run here: moto with the real aws
 * program, cfn-lint, terraform, two evaluators of IAM's language, and the provider itself.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { GetPolicyVersionCommand, IAMClient, ListRolePoliciesCommand } from '@aws-sdk/client-iam';
import { runSimulation } from '@cloud-copilot/iam-simulate';
import { parse } from 'yaml';
import { parseBrokerConfig } from '../../src/broker/config/config.ts';
import { webIdentityClaims } from '../../src/providers/aws/names.ts';
import { awsProvider } from '../../src/providers/aws/provider.ts';
import { parsePolicy } from '../../src/sandbox/evaluate/document.ts';
import { TRUST, trustOf } from '../../src/sandbox/evaluate/trust.ts';
import { isFault } from '../../src/sandbox/fault.ts';
import { makeIssuer, markOf, never, orderOf } from '../providers/aws/support.ts';
import { tempHome } from '../support/home.ts';
import { MOTO_KEYS, startMoto } from '../support/moto.ts';
import { run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import {
  ACCOUNT,
  ISSUER,
  POLICY,
  policyFile,
  print,
  property,
  REVOKER,
  ROLE,
  type Template,
  template,
} from './account.ts';
import { broker } from './program.ts';

test(
  'moto makes the stack of the template, and the provider issues and revokes with its roles (moto_server, aws)',
  { skip: skipUnless('moto_server', 'aws') },
  async (t) => {
    const home = tempHome(t);
    const url = await startMoto(t);
    writeFileSync(join(home.path, 'policy.json'), JSON.stringify(POLICY));
    writeFileSync(join(home.path, 'broker.yaml'), `issuer: ${ISSUER}\n`);
    const flags = ['--account', ACCOUNT, '--region', 'eu-west-1', '--environment', 'prod', '--role-name', 'jit-web'];
    const from = ['--config', 'broker.yaml', '--policy', 'policy.json', '--format', 'cloudformation'];
    const printed = await broker(home, 'init', 'aws', ...from, ...flags);
    assert.equal(printed.status, 0, printed.stderr);
    writeFileSync(join(home.path, 'jit.yaml'), printed.stdout);
    const env = { ...home.env, ...MOTO_KEYS, AWS_DEFAULT_REGION: 'eu-west-1' };
    const aws = async (...args: readonly string[]): Promise<string> => {
      const ended = await run('aws', ['--endpoint-url', url, '--output', 'json', ...args], { env, cwd: home.path });
      assert.equal(ended.status, 0, ended.stderr);
      return ended.stdout;
    };
    const stack = ['--stack-name', 'jit', '--template-body', 'file://jit.yaml'];
    await aws('cloudformation', 'create-stack', ...stack, '--capabilities', 'CAPABILITY_NAMED_IAM');
    const { Stacks } = JSON.parse(await aws('cloudformation', 'describe-stacks', '--stack-name', 'jit'));
    assert.equal(Stacks[0].StackStatus, 'CREATE_COMPLETE');
    const outputs: readonly { readonly OutputValue: string }[] = Stacks[0].Outputs;
    assert.deepEqual(new Set(outputs.map(({ OutputValue }) => OutputValue)), new Set([ROLE, REVOKER]));
    const { Role } = JSON.parse(await aws('iam', 'get-role', '--role-name', 'jit-web'));
    assert.equal(Role.PermissionsBoundary.PermissionsBoundaryArn, `arn:aws:iam::${ACCOUNT}:policy/jit-web-maximum`);
    assert.deepEqual(Role.AssumeRolePolicyDocument.Statement[0].Condition.StringEquals, {
      'jit.example.com/eu:aud': 'sts.amazonaws.com',
      'jit.example.com/eu:sub': `jit:${ROLE}`,
    });
    const credentials = { accessKeyId: MOTO_KEYS.AWS_ACCESS_KEY_ID, secretAccessKey: MOTO_KEYS.AWS_SECRET_ACCESS_KEY };
    const iam = new IAMClient({ endpoint: url, region: 'us-east-1', credentials });
    const version = { PolicyArn: `arn:aws:iam::${ACCOUNT}:policy/jit-web-maximum`, VersionId: 'v1' };
    const { PolicyVersion } = await iam.send(new GetPolicyVersionCommand(version));
    // AWS encodes it for a URL, moto does not.
    assert.deepEqual(JSON.parse(PolicyVersion?.Document ?? ''), POLICY);

    // The lines of the target, as an operator copies them from stderr.
    const lines = printed.stderr.slice(printed.stderr.indexOf('\ntargets:') + 1);
    const config = parseBrokerConfig(`issuer: ${ISSUER}\n${lines}`, 'broker.yaml').targets.get('jit-web')?.config;
    const { signer } = await makeIssuer(home.path, Date.now);
    const provider = awsProvider({ now: Date.now, signer });
    const target = provider.parseTarget('jit-web', { ...Object(config), endpoint: url });
    const order = orderOf({ endsAt: Date.now() + 600_000 });
    const { notAfter } = await provider.issue(target, order, never());
    const mark = markOf(provider, target, order, notAfter);
    await provider.revoke(mark, async () => await Promise.resolve([mark]), never());
    const { PolicyNames } = await iam.send(new ListRolePoliciesCommand({ RoleName: 'jit-web' }));
    assert.deepEqual(PolicyNames, ['JitRevoked'], 'the only inline policy, since IAM has little room for them');
  },
);

test('cfn-lint finds nothing wrong with a template of either kind', { skip: skipUnless('cfn-lint') }, async (t) => {
  const home = tempHome(t);
  const ambient = `arn:aws:iam::${ACCOUNT}:role/team/jit-broker`;
  const own = { policy: policyFile(t), format: 'cloudformation' };
  const files = [
    (await print({ ...own, issuer: ISSUER })).stdout,
    (await print({ ...own, ambient, policy: 'arn:aws:iam::aws:policy/ReadOnlyAccess' })).stdout,
  ].map((text, index) => {
    writeFileSync(join(home.path, `${index}.yaml`), text);
    return `${index}.yaml`;
  });
  const ended = await run('cfn-lint', files, { env: home.env, cwd: home.path });
  assert.deepEqual([ended.status, ended.stdout], [0, '']);
});

/** What terraform itself makes of every policy in the module, in order. */
async function evaluated(t: TestContext, hcl: string): Promise<readonly unknown[]> {
  const home = tempHome(t);
  const policies = [...hcl.matchAll(/ = (jsonencode\([^]*?\n {2}\}\))\n/g)].map((match) => match[1] ?? '');
  const outputs = policies.map((text, index) => `output "p${index}" {\n  value = ${text}\n}\n`);
  mkdirSync(join(home.path, 'module'));
  const cwd = join(home.path, 'module');
  writeFileSync(join(cwd, 'main.tf'), outputs.join(''));
  const env = { ...home.env, CHECKPOINT_DISABLE: '1' };
  const applied = await run('terraform', ['apply', '-auto-approve', '-no-color'], { env, cwd });
  assert.equal(applied.status, 0, applied.stderr);
  const values = JSON.parse((await run('terraform', ['output', '-json'], { env, cwd })).stdout);
  return policies.map((_, index): unknown => JSON.parse(values[`p${index}`].value));
}

test(
  'terraform finds the module well laid out, and reads the same policies from it as CloudFormation (real terraform)',
  { skip: skipUnless('terraform') },
  async (t) => {
    const home = tempHome(t);
    for (const trust of [{ issuer: ISSUER }, { ambient: `arn:aws:iam::${ACCOUNT}:role/team/jit-broker` }]) {
      const flags = { ...trust, policy: policyFile(t) };
      const hcl = (await print({ ...flags, format: 'terraform' })).stdout;
      writeFileSync(join(home.path, 'main.tf'), hcl);
      const fmt = await run('terraform', ['fmt', '-check', '-diff'], { env: home.env, cwd: home.path });
      assert.deepEqual([fmt.status, fmt.stdout], [0, ''], fmt.stderr);
      const { Resources } = await template(flags);
      const policies = Object.values(Resources).flatMap(({ Properties }) => [
        ...[Properties['PolicyDocument'], Properties['AssumeRolePolicyDocument']].filter((each) => each !== undefined),
        // Safe: of these templates only the revoker has inline policies, and it has one.
        ...((Properties['Policies'] ?? []) as readonly { readonly PolicyDocument: unknown }[]).map(
          ({ PolicyDocument }) => PolicyDocument,
        ),
      ]);
      assert.deepEqual(await evaluated(t, hcl), policies);
      assert.deepEqual(policies[0], POLICY);
    }
  },
);

test('the trust policies let in the tokens that the provider makes for that role, and no other', async (t) => {
  const made = await template({ issuer: ISSUER, policy: policyFile(t) });
  const admits = (resource: string, action: string, claims: object, provider = 'jit.example.com/eu'): boolean => {
    const policy = parsePolicy(JSON.stringify(property(made, resource, 'AssumeRolePolicyDocument')), TRUST);
    assert.ok(!isFault(policy));
    const { aud, sub }: Record<string, unknown> = { ...claims };
    assert.ok(typeof aud === 'string' && typeof sub === 'string');
    const context = new Map([
      [`${provider}:aud`, aud],
      [`${provider}:sub`, sub],
    ]);
    const own = [`arn:aws:iam::${ACCOUNT}:oidc-provider/${provider}`];
    return trustOf(policy, { kind: 'Federated', own, account: null }, action, context) === 'named';
  };
  const assume = 'sts:AssumeRoleWithWebIdentity';
  const claims = webIdentityClaims(ROLE, { tag: 'gr_0', sourceIdentity: 'ann' });
  for (const action of [assume, 'sts:TagSession', 'sts:SetSourceIdentity']) {
    assert.ok(admits('JitRole', action, claims), action);
  }
  assert.ok(admits('JitRevoker', assume, webIdentityClaims(REVOKER, null)));
  assert.ok(!admits('JitRevoker', 'sts:TagSession', webIdentityClaims(REVOKER, null)));
  assert.ok(!admits('JitRevoker', assume, claims), 'a token for the role is none for the revoker');
  assert.ok(!admits('JitRole', assume, webIdentityClaims(REVOKER, null)));
  assert.ok(!admits('JitRole', assume, webIdentityClaims(`${ROLE}2`, null)));
  assert.ok(!admits('JitRole', assume, { ...claims, aud: 'https://jit.example.com/eu' }));
  assert.ok(!admits('JitRole', assume, claims, 'jit.example.com'));
});

test('the guard keeps a role that may do everything from changing what bounds it (independent evaluator)', async (t) => {
  const all = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
  const made = await template({ issuer: ISSUER, policy: policyFile(t, all) });
  const ask = async (action: string, resource: string): Promise<string> => {
    const response = await runSimulation(
      {
        request: {
          action,
          principal: `arn:aws:sts::${ACCOUNT}:assumed-role/jit-web/gr_0`,
          resource: { resource, accountId: ACCOUNT },
          contextVariables: {},
        },
        identityPolicies: ['JitMaximum', 'JitGuard'].map((name) => ({
          name,
          policy: property(made, name, 'PolicyDocument'),
        })),
        permissionBoundaryPolicies: [{ name: 'boundary', policy: property(made, 'JitMaximum', 'PolicyDocument') }],
        serviceControlPolicies: [],
        resourceControlPolicies: [],
      },
      {},
    );
    assert(response.resultType === 'single', JSON.stringify(response));
    return response.overallResult;
  };
  const base = `arn:aws:iam::${ACCOUNT}`;
  const bounded: readonly (readonly [action: string, resource: string])[] = [
    ['iam:PutRolePolicy', ROLE],
    ['iam:DeleteRolePolicy', ROLE],
    ['iam:DetachRolePolicy', ROLE],
    ['iam:UpdateAssumeRolePolicy', REVOKER],
    ['iam:PassRole', REVOKER],
    ['sts:AssumeRole', REVOKER],
    ['iam:CreatePolicyVersion', `${base}:policy/jit-web-maximum`],
    ['iam:DeletePolicy', `${base}:policy/jit-web-guard`],
    ['iam:AddClientIDToOpenIDConnectProvider', `${base}:oidc-provider/jit.example.com/eu`],
  ];
  for (const [action, resource] of bounded) assert.equal(await ask(action, resource), 'ExplicitlyDenied', action);
  assert.equal(await ask('iam:GetRole', ROLE), 'Allowed');
  assert.equal(await ask('iam:PutRolePolicy', `${base}:role/other`), 'Allowed');
});

test('the revoker may write and delete inline policies of the one role, end shells where there may be some, and no more', async (t) => {
  const policyOf = async (maximum: string): Promise<readonly unknown[]> => {
    const made = await template({ issuer: ISSUER, policy: maximum });
    assert.equal(property(made, 'JitRevoker', 'ManagedPolicyArns'), undefined);
    // Safe: anything else fails the comparison below.
    const [only] = property(made, 'JitRevoker', 'Policies') as readonly {
      readonly PolicyDocument: { readonly Statement: readonly unknown[] };
    }[];
    return only?.PolicyDocument.Statement ?? [];
  };
  const revoke = {
    Sid: 'JitRevoke',
    Effect: 'Allow',
    Action: ['iam:PutRolePolicy', 'iam:DeleteRolePolicy'],
    Resource: ROLE,
  };
  assert.deepEqual(await policyOf(policyFile(t)), [revoke]);
  const withAction = (changes: object): string =>
    policyFile(t, { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Resource: '*', ...changes }] });
  const shells = [
    { Action: 'SSM:Start*' },
    { Action: ['s3:*', 'ssm:?tartSession'] },
    { Action: '*' },
    { NotAction: 'iam:*' },
  ].map(withAction);
  for (const maximum of [...shells, 'arn:aws:iam::aws:policy/PowerUserAccess']) {
    assert.deepEqual(await policyOf(maximum), [
      revoke,
      { Sid: 'JitFindShells', Effect: 'Allow', Action: 'ssm:DescribeSessions', Resource: '*' },
      {
        Sid: 'JitEndShells',
        Effect: 'Allow',
        Action: 'ssm:TerminateSession',
        Resource: `arn:aws:ssm:eu-west-1:${ACCOUNT}:session/gr_*`,
      },
    ]);
  }
  for (const none of [
    { Effect: 'Deny', Action: '*' },
    { Action: 'ssm:StartSessions' },
    { Action: 'ssm.startsession' },
  ]) {
    assert.deepEqual(await policyOf(withAction(none)), [revoke], JSON.stringify(none));
  }
});

test('with ambient credentials the one role of the broker is trusted, and gets what it needs where it is', async (t) => {
  const policy = policyFile(t);
  const here = `arn:aws:iam::${ACCOUNT}:role/team/jit-broker`;
  const made = await template({ ambient: here, policy });
  assert.deepEqual(property(made, 'JitRole', 'AssumeRolePolicyDocument'), {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: here },
        Action: ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'],
      },
    ],
  });
  assert.equal(made.Resources['JitProvider'], undefined);
  assert.deepEqual(property(made, 'JitBroker', 'Roles'), ['jit-broker']);
  const elsewhere = { ambient: 'arn:aws:iam::210987654321:role/jit-broker', policy, format: 'cloudformation' };
  const { stdout, stderr } = await print(elsewhere);
  assert.equal((parse(stdout) as Template).Resources['JitBroker'], undefined);
  const needs = stdout.slice(stdout.indexOf('What it needs there:'), stdout.indexOf('AWSTemplateFormatVersion'));
  const document: unknown = JSON.parse(needs.replace(/^.*\n/, '').replaceAll(/^#/gm, ''));
  const assume = { Effect: 'Allow', Action: 'sts:AssumeRole' };
  assert.deepEqual(document, {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'JitIssue',
        Effect: 'Allow',
        Resource: ROLE,
        Action: ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'],
      },
      { ...assume, Sid: 'JitRevoke', Resource: REVOKER },
    ],
  });
  assert.match(stderr, /credentials: ambient/);
});

test('an account that has the provider already gets no second one, and the same trust', async (t) => {
  const policy = policyFile(t);
  const [made, again] = [
    await template({ issuer: ISSUER, policy }),
    await template({ issuer: ISSUER, policy, existingProvider: true }),
  ];
  assert.deepEqual(made.Resources['JitProvider'], {
    Type: 'AWS::IAM::OIDCProvider',
    Properties: { Url: ISSUER, ClientIdList: ['sts.amazonaws.com'] },
  });
  assert.equal(again.Resources['JitProvider'], undefined);
  assert.deepEqual(
    property(again, 'JitRole', 'AssumeRolePolicyDocument'),
    property(made, 'JitRole', 'AssumeRolePolicyDocument'),
  );
});

test('every partition has its own ARNs, in China and in GovCloud as elsewhere', async (t) => {
  const policy = policyFile(t);
  const partitions: readonly (readonly [region: string, partition: string])[] = [
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
    ['ap-southeast-2', 'aws'],
  ];
  for (const [region, partition] of partitions) {
    const { stdout } = await print({ issuer: ISSUER, policy, region, format: 'terraform' });
    const found = new Set([...stdout.matchAll(/"(?:jit:)?arn:([a-z-]+):iam/g)].map((match) => match[1]));
    assert.deepEqual([...found], [partition], region);
  }
});

test('the program: missing flags are named, a missing file too, and with --json there is one document', async (t) => {
  const home = tempHome(t);
  const before = readdirSync(home.path);
  const missing = await broker(home, 'init', 'aws', '--account', ACCOUNT);
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /--format, --issuer, --region, --environment, --policy are missing/);
  assert.equal(missing.stdout, '');
  const rest = ['--account', ACCOUNT, '--region', 'eu-west-1', '--environment', 'prod', '--format', 'terraform'];
  const absent = await broker(home, 'init', 'aws', ...rest, '--issuer', ISSUER, '--policy', 'nothing.json');
  assert.deepEqual([absent.status, absent.stdout], [2, '']);
  assert.match(absent.stderr, /nothing\.json: there is no such file/);
  assert.deepEqual(readdirSync(home.path), before, 'it writes nothing');
  const policy = ['--policy', 'arn:aws:iam::aws:policy/ReadOnlyAccess', '--json'];
  const json = await broker(home, 'init', 'aws', ...rest, '--issuer', ISSUER, ...policy);
  assert.deepEqual([json.status, json.stderr], [0, '']);
  const { schema, format, template: text, target, next } = JSON.parse(json.stdout);
  assert.deepEqual([schema, format], ['jit.broker-init-aws/v1', 'terraform']);
  assert.match(text, /permissions_boundary = "arn:aws:iam::aws:policy\/ReadOnlyAccess"/);
  assert.equal(target[0], 'targets:');
  assert.equal(next.length, 2);
});
