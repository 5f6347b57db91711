/**
 * Issue, use and revoke in the sandbox, which enforces policies and signatures; the user is the real aws program.
 * @module
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { GetRolePolicyCommand, IAMClient } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Credential } from '../../../src/core/credential.ts';
import type { Mark, Order, Provider } from '../../../src/core/ports.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import type { AwsTarget } from '../../../src/providers/aws/provider.ts';
import { startSandbox } from '../../../src/sandbox/start.ts';
import type { Sandbox } from '../../../src/sandbox/start.ts';
import {
  OPERATOR_USER_ARN,
  REPORTS_BUCKET,
  REVOKER_ROLE_ARN,
  SANDBOX_ROLE_ARN,
  SECRETS_BUCKET,
} from '../../../src/sandbox/world.ts';
import { failure } from '../../support/failure.ts';
import { makeIssuer, markOf, never, onPath, orderOf, tempFolder } from './support.ts';

const READ = {
  target: 's',
  operation: 's3:GetObject',
  actions: ['s3:GetObject'],
  resources: [`arn:aws:s3:::${REPORTS_BUCKET}/*`],
};
const skip = onPath('aws') ? false : 'the aws program is not on the PATH';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let sandbox: Sandbox;
let provider: Provider<AwsTarget>;
let target: AwsTarget;

before(async () => {
  folder = await tempFolder();
  const issuer = await makeIssuer(folder.path, Date.now);
  sandbox = await startSandbox({
    port: 0,
    state: null,
    issuers: [{ issuer: issuer.signer.issuer, audience: 'sts.amazonaws.com', jwks: issuer.jwks() }],
    now: Date.now,
  });
  const operator = sandbox.operator.expose();
  provider = awsProvider({
    now: Date.now,
    signer: issuer.signer,
    ambient: async () => await Promise.resolve(operator),
  });
  target = targetWith({ credentials: 'web-identity' });
});
after(async () => {
  await sandbox.close();
  await folder.remove();
});

const targetWith = (changes: object): AwsTarget =>
  provider.parseTarget('sandbox', {
    provider: 'aws',
    role: SANDBOX_ROLE_ARN,
    revoker: REVOKER_ROLE_ARN,
    region: 'us-east-1',
    environment: 'sandbox',
    endpoint: sandbox.url,
    sandbox: true,
    ...changes,
  });

interface Held {
  readonly order: Order;
  readonly mark: Mark;
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string };
}

function keysOf(credential: Credential): Held['keys'] {
  assert(credential.kind === 'aws');
  return credential.secret.expose();
}

async function issue(parts: Partial<Order> = {}, at: AwsTarget = target): Promise<Held> {
  const order = orderOf({ endsAt: Date.now() + 120_000, permissions: [READ], ...parts });
  const issued = await provider.issue(at, order, never());
  return { order, mark: markOf(provider, at, order, issued.notAfter), keys: keysOf(issued.credential) };
}

const place = () => ({ endpoint: sandbox.url, region: 'us-east-1' });
const s3 = (keys: Held['keys']): S3Client =>
  new S3Client({ ...place(), credentials: keys, forcePathStyle: true, maxAttempts: 1 });
const read = async (keys: Held['keys'], bucket = REPORTS_BUCKET): Promise<string> => {
  const { Body } = await s3(keys).send(new GetObjectCommand({ Bucket: bucket, Key: 'hello.txt' }));
  return (await Body?.transformToString()) ?? '';
};
const denied = async (promise: Promise<unknown>): Promise<void> => {
  await assert.rejects(promise, { name: 'AccessDenied' });
};

async function aws(keys: Held['keys'], ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const home = join(folder.path, 'home');
  await mkdir(home, { recursive: true });
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_SESSION_TOKEN: keys.sessionToken,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  return await new Promise((resolve) => {
    execFile('aws', ['--endpoint-url', sandbox.url, ...args], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** The deny policy as the role has it, read with the operator's own rights; null where there is none. */
async function denyPolicy(): Promise<string | null> {
  const sts = new STSClient({ ...place(), credentials: sandbox.operator.expose() });
  const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn: REVOKER_ROLE_ARN, RoleSessionName: 'test' }));
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = Credentials ?? {};
  const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  const iam = new IAMClient({ ...place(), credentials });
  try {
    const name = { RoleName: 'jit-sandbox', PolicyName: 'JitRevoked' };
    const { PolicyDocument = '' } = await iam.send(new GetRolePolicyCommand(name));
    return decodeURIComponent(PolicyDocument);
  } catch (thrown) {
    assert.match(String(thrown), /NoSuchEntity|cannot be found/);
    return null;
  }
}

test('the real aws program reads what was granted and nothing else, until the grant is revoked', { skip }, async () => {
  const { order, mark, keys } = await issue();
  const hello = `s3://${REPORTS_BUCKET}/hello.txt`;
  const copied = await aws(keys, 's3', 'cp', hello, '-');
  assert.equal(copied.code, 0, copied.stderr);
  assert.notEqual(copied.stdout, '');
  const who = await aws(keys, 'sts', 'get-caller-identity', '--query', 'Arn', '--output', 'text');
  assert.equal(who.stdout.trim(), `arn:aws:sts::000000000000:assumed-role/jit-sandbox/${order.grant}`);
  const forbidden = [
    ['s3', 'ls', `s3://${REPORTS_BUCKET}`],
    ['s3api', 'get-object', '--bucket', SECRETS_BUCKET, '--key', 'x', '/dev/null'],
    ['s3api', 'put-object', '--bucket', REPORTS_BUCKET, '--key', 'x'],
    ['sts', 'assume-role', '--role-arn', SANDBOX_ROLE_ARN, '--role-session-name', 'escape'],
  ];
  for (const [index, refused] of (
    await Promise.all(forbidden.map(async (args) => await aws(keys, ...args)))
  ).entries()) {
    assert.notEqual(refused.code, 0, forbidden[index]?.join(' '));
    assert.match(refused.stderr, /AccessDenied/, forbidden[index]?.join(' '));
  }
  assert.equal((await provider.revoke(mark, async () => await Promise.resolve([mark]), never())).kind, 'gone');
  const dead = await aws(keys, 's3', 'cp', hello, '-');
  assert.notEqual(dead.code, 0);
  assert.match(dead.stderr, /403|AccessDenied/);
});

test('a revocation meets its own grant only, is verified, and is tidied away', async () => {
  const [one, two] = [await issue(), await issue()];
  assert.equal(await read(one.keys), await read(two.keys));
  const result = await provider.revoke(one.mark, async () => await Promise.resolve([one.mark]), never());
  assert.equal(result.kind, 'gone');
  await denied(read(one.keys));
  await read(two.keys);
  assert.match((await denyPolicy()) ?? '', new RegExp(one.order.grant));
  await provider.tidy(one.mark, async () => await Promise.resolve([]), never());
  assert.equal(await denyPolicy(), null);
  await provider.tidy(one.mark, async () => await Promise.resolve([]), never());
});

test('credentials issued again under a revoked grant are born dead', async () => {
  const { order, mark } = await issue();
  await provider.revoke(mark, async () => await Promise.resolve([mark]), never());
  const again = await issue(order);
  await denied(read(again.keys));
  await provider.tidy(mark, async () => await Promise.resolve([]), never());
});

test('access ends with the grant although the session lives on, and nothing had to be called', async () => {
  const { keys, mark, order } = await issue({ endsAt: Date.now() + 4_000 });
  await read(keys);
  await setTimeout(order.endsAt - Date.now());
  await denied(read(keys));
  assert(mark.notAfter > Date.now() + 600_000, 'the session itself still lives');
  const sts = new STSClient({ ...place(), credentials: keys });
  assert.match((await sts.send(new GetCallerIdentityCommand({}))).Arn ?? '', /jit-sandbox/);
  assert.deepEqual(await provider.revoke(mark, async () => await Promise.resolve([]), never()), {
    kind: 'gone',
    tidyAt: null,
    proof: 'past the end in the session policy',
  });
});

test('with ambient credentials the same role is issued, narrowed and revoked', async () => {
  assert.match(OPERATOR_USER_ARN, /operator$/);
  const ambient = targetWith({ credentials: 'ambient' });
  const { mark, keys } = await issue({}, ambient);
  await read(keys);
  await denied(s3(keys).send(new PutObjectCommand({ Bucket: REPORTS_BUCKET, Key: 'x', Body: 'y' })));
  assert.equal((await provider.revoke(mark, async () => await Promise.resolve([mark]), never())).kind, 'gone');
  await denied(read(keys));
  await provider.tidy(mark, async () => await Promise.resolve([]), never());
});

test('a key that holds policy text gives access to that key only', async () => {
  const hostile = `arn:aws:s3:::${REPORTS_BUCKET}/"},{"Effect":"Allow","Action":"*","Resource":"*"},{"x":"`;
  const { keys } = await issue({ permissions: [{ ...READ, resources: [hostile] }] });
  await denied(read(keys));
  await denied(read(keys, SECRETS_BUCKET));
});

test('a token for the role is worth nothing at another role', async () => {
  const other = targetWith({ credentials: 'web-identity', role: SANDBOX_ROLE_ARN.replace('jit-sandbox', 'nobody') });
  const error = await failure(
    provider.issue(other, orderOf({ endsAt: Date.now() + 60_000, permissions: [READ] }), never()),
    'ERR_CLOUD',
  );
  assert.match(error.message, /nobody/);
});
