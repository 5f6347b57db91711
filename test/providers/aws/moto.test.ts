/**
 * The provider against moto, an STS and IAM written by others, with the real aws program as the user.
 * @module
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { CreateRoleCommand, GetRolePolicyCommand, IAMClient } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import type { Order, Provider } from '../../../src/core/ports.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import type { AwsTarget } from '../../../src/providers/aws/provider.ts';
import { startMoto } from '../../support/moto.ts';
import { skipUnless } from '../../support/tools.ts';
import { config, makeIssuer, markOf, never, orderOf, tempFolder } from './support.ts';

const KEYS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'test' };
const REVOKER = 'arn:aws:iam::123456789012:role/jit-revoker';
const skip = skipUnless('moto_server', 'aws') && "needs moto_server and aws (pip install 'moto[server]' awscli)";
const url = skip === false ? await startMoto({ after }) : '';
let folder: Awaited<ReturnType<typeof tempFolder>>;
let provider: Provider<AwsTarget>;

const iam = (): IAMClient => new IAMClient({ endpoint: url, region: 'us-east-1', credentials: KEYS });

before(async () => {
  folder = await tempFolder();
  if (skip !== false) return;
  const trust = JSON.stringify({ Version: '2012-10-17', Statement: [] });
  for (const RoleName of ['jit-web', 'jit-revoker']) {
    await iam().send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust }));
  }
  const { signer } = await makeIssuer(folder.path, Date.now);
  provider = awsProvider({ now: Date.now, signer, ambient: async () => await Promise.resolve(KEYS) });
});
after(() => folder.remove());

async function whoAmI(order: Order, target: AwsTarget): Promise<string> {
  const { credential } = await provider.issue(target, order, never());
  assert(credential.kind === 'aws');
  const keys = credential.secret.expose();
  const env = {
    PATH: process.env['PATH'],
    HOME: folder.path,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_SESSION_TOKEN: keys.sessionToken,
    AWS_DEFAULT_REGION: 'eu-west-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const args = ['--endpoint-url', url, 'sts', 'get-caller-identity', '--query', 'Arn', '--output', 'text'];
  return await new Promise((resolve, reject) => {
    execFile('aws', args, { env, timeout: 60_000 }, (error, stdout) => {
      if (error === null) resolve(stdout.trim());
      else reject(error);
    });
  });
}

for (const credentials of ['ambient', 'web-identity'] as const) {
  test(`${credentials}: the real aws program is the grant, by its session name`, { skip }, async () => {
    const role = 'arn:aws:iam::123456789012:role/jit-web';
    const target = provider.parseTarget('web', config({ role, credentials, revoker: REVOKER, endpoint: url }));
    const order = orderOf({ endsAt: Date.now() + 600_000 });
    assert.equal(await whoAmI(order, target), `arn:aws:sts::123456789012:assumed-role/jit-web/${order.grant}`);
  });
}

test('a revocation puts the deny entry on the role, and claims nothing that moto cannot show', { skip }, async () => {
  const role = 'arn:aws:iam::123456789012:role/jit-web';
  const target = provider.parseTarget('web', config({ role, endpoint: url, revoker: REVOKER }));
  const order = orderOf({ endsAt: Date.now() + 600_000 });
  const { notAfter } = await provider.issue(target, order, never());
  const mark = markOf(provider, target, order, notAfter);
  assert.equal((await provider.revoke(mark, async () => await Promise.resolve([mark]), never())).kind, 'pending');
  const name = { RoleName: 'jit-web', PolicyName: 'JitRevoked' };
  const { PolicyDocument = '' } = await iam().send(new GetRolePolicyCommand(name));
  assert.deepEqual(JSON.parse(decodeURIComponent(PolicyDocument)), {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'JitRevokedGrants',
        Effect: 'Deny',
        Action: '*',
        Resource: '*',
        Condition: { StringEquals: { 'aws:PrincipalTag/jit-grant': [order.grant] } },
      },
    ],
  });
  await provider.tidy(mark, async () => await Promise.resolve([]), never());
  await assert.rejects(iam().send(new GetRolePolicyCommand(name)), /NoSuchEntity|not found/);
});

/** An administrator of another of moto's accounts. */
async function administratorOf(account: string): Promise<IAMClient> {
  const sts = new STSClient({ endpoint: url, region: 'us-east-1', credentials: KEYS });
  const role = { RoleArn: `arn:aws:iam::${account}:role/administrator`, RoleSessionName: 'test' };
  const {
    AccessKeyId = '',
    SecretAccessKey = '',
    SessionToken = '',
  } = (await sts.send(new AssumeRoleCommand(role))).Credentials ?? {};
  const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  return new IAMClient({ endpoint: url, region: 'us-east-1', credentials });
}

test(
  'one grant over two accounts is one name and one end in both, and is denied in each by its own role',
  { skip },
  async () => {
    const accounts = ['111122223333', '444455556666'];
    const order = orderOf({ endsAt: Date.now() + 600_000 });
    const ends = new Set<string | undefined>();
    for (const account of accounts) {
      const administrator = await administratorOf(account);
      const trust = JSON.stringify({ Version: '2012-10-17', Statement: [] });
      for (const RoleName of ['jit-web', 'jit-revoker']) {
        await administrator.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust }));
      }
      const [role, revoker] = ['jit-web', 'jit-revoker'].map((name) => `arn:aws:iam::${account}:role/${name}`);
      const target = provider.parseTarget(account, config({ role, revoker, endpoint: url }));
      assert.equal(await whoAmI(order, target), `arn:aws:sts::${account}:assumed-role/jit-web/${order.grant}`);
      const { granted, notAfter } = await provider.issue(target, order, never());
      for (const [end] of granted.matchAll(/\d{4}-\d\d-\d\dT[\d:]+Z/g)) ends.add(end);
      const mark = markOf(provider, target, order, notAfter);
      await provider.revoke(mark, async () => await Promise.resolve([mark]), never());
      const command = new GetRolePolicyCommand({ RoleName: 'jit-web', PolicyName: 'JitRevoked' });
      assert((await administrator.send(command)).PolicyDocument?.includes(order.grant));
    }
    assert.deepEqual([...ends], [`${new Date(order.endsAt).toISOString().slice(0, 19)}Z`]);
    const command = new GetRolePolicyCommand({ RoleName: 'jit-web', PolicyName: 'JitRevoked' });
    await assert.rejects(iam().send(command), /NoSuchEntity|not found/);
  },
);
