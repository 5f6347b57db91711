/**
 * The session policy that jit writes, enforced by somebody else's server: MinIO's STS and S3, used by the real aws program and
 * the JavaScript SDK.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import type { Permission } from '../../src/core/request.ts';
import { awsProvider } from '../../src/providers/aws/provider.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/port.ts';
import { run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';

const MINIO = process.env['MINIO'] ?? 'minio';
const MODULE = 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c';
const skip =
  skipUnless(MINIO, 'aws') && `needs aws and minio: GOBIN=FOLDER go install ${MODULE}, then set MINIO to FOLDER/minio`;

const ROOT = { accessKeyId: 'jit-root', secretAccessKey: 'jit-root-secret' };
const ROLE = 'arn:aws:iam::123456789012:role/jit-web';
const SESSION_SECONDS = 900;
const READ = permission('s3:GetObject', 'arn:aws:s3:::reports/2026/*');

type Keys = typeof ROOT & { readonly sessionToken?: string };

const url = skip === false ? await startMinio() : '';

before(async () => {
  if (skip !== false) return;
  const root = s3(ROOT);
  for (const Bucket of ['reports', 'secrets']) {
    await root.send(new CreateBucketCommand({ Bucket }));
    for (const Key of ['2026/march', '2025/march', '20260']) {
      await root.send(new PutObjectCommand({ Bucket, Key, Body: `${Bucket} ${Key}` }));
    }
  }
});

async function startMinio(): Promise<string> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'jit-minio-'));
  const args = ['server', '--quiet', '--address', `127.0.0.1:${port}`, '--console-address', '127.0.0.1:0', folder];
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    MINIO_ROOT_USER: ROOT.accessKeyId,
    MINIO_ROOT_PASSWORD: ROOT.secretAccessKey,
  };
  const server = spawn(MINIO, args, { env, stdio: 'ignore' });
  const gone = once(server, 'exit');
  after(async () => {
    server.kill('SIGKILL');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  });
  const address = `http://127.0.0.1:${port}`;
  const ready = async (): Promise<boolean> => {
    const answer = await fetch(`${address}/minio/health/ready`);
    await answer.body?.cancel();
    return answer.ok;
  };
  await eventually(ready, { deadlineMs: 60_000 });
  return address;
}

function permission(action: string, ...resources: string[]): Permission {
  return { target: 'web', operation: action, actions: [action], resources };
}

function s3(credentials: Keys): S3Client {
  return new S3Client({ endpoint: url, region: 'us-east-1', credentials, forcePathStyle: true });
}

interface Statement {
  readonly Effect: string;
  readonly Action?: unknown;
  readonly NotAction?: unknown;
}

/**
 * MinIO's language lacks two things: a denial of all actions but some (`NotAction`), which goes without saying where no policy of
 * a bucket adds anything, and times in a statement about `*`, so that the end is of all actions of S3.
 */
function asMinioHasIt(policy: string): string {
  // The provider wrote it.
  const { Statement: statements, ...rest } = JSON.parse(policy) as { readonly Statement: readonly Statement[] };
  const kept = statements.filter(({ NotAction }) => NotAction === undefined);
  assert.equal(statements.length - kept.length, 1);
  return JSON.stringify({
    ...rest,
    Statement: kept.map((one) => (one.Action === '*' ? { ...one, Action: 's3:*' } : one)),
  });
}

/** A session of somebody who may do everything, narrowed by what jit plans for the permissions. */
async function session(permissions: readonly Permission[], seconds = 600): Promise<Keys & { readonly until: number }> {
  const provider = awsProvider({ now: Date.now, signer: null });
  const config = { provider: 'aws', role: ROLE, region: 'us-east-1', environment: 'test', credentials: 'ambient' };
  const plan = await provider.plan(provider.parseTarget('web', config), permissions, seconds);
  const sts = new STSClient({ endpoint: url, region: 'us-east-1', credentials: ROOT });
  const { Credentials } = await sts.send(
    new AssumeRoleCommand({
      RoleArn: ROLE,
      RoleSessionName: 'gr_peer',
      DurationSeconds: SESSION_SECONDS,
      Policy: asMinioHasIt(plan.permission),
    }),
  );
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
  assert(AccessKeyId && SecretAccessKey && SessionToken && Expiration !== undefined);
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    until: Expiration.getTime(),
  };
}

async function read(keys: Keys, Bucket: string, Key: string): Promise<string> {
  const { Body } = await s3(keys).send(new GetObjectCommand({ Bucket, Key }));
  return (await Body?.transformToString()) ?? '';
}

const denied = async (call: Promise<unknown>): Promise<void> => await assert.rejects(call, { name: 'AccessDenied' });

async function aws(keys: Keys, ...args: string[]) {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_SESSION_TOKEN: keys.sessionToken ?? '',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  return await run('aws', ['--endpoint-url', url, ...args], { env });
}

test('the JavaScript SDK reads what the grant names at MinIO, and nothing beside it', { skip }, async () => {
  const keys = await session([READ]);
  assert.equal(await read(keys, 'reports', '2026/march'), 'reports 2026/march');
  for (const [bucket, key] of [
    ['reports', '2025/march'],
    ['reports', '20260'],
    ['secrets', '2026/march'],
  ] as const) {
    assert.equal(await read(ROOT, bucket, key), `${bucket} ${key}`);
    await denied(read(keys, bucket, key));
  }
});

test('the aws program reads what the grant names at MinIO, and nothing beside it', { skip }, async () => {
  const keys = await session([READ]);
  const good = await aws(keys, 's3', 'cp', 's3://reports/2026/march', '-');
  assert.deepEqual([good.status, good.stdout], [0, 'reports 2026/march']);
  const other = await aws(keys, 's3', 'cp', 's3://reports/2025/march', '-');
  assert.notEqual(other.status, 0);
  assert.match(other.stderr, /403|AccessDenied/);
});

test('who may read may neither write, delete nor list, and who may list may not read', { skip }, async () => {
  const reader = await session([READ]);
  const object = { Bucket: 'reports', Key: '2026/march' };
  await denied(s3(reader).send(new PutObjectCommand({ ...object, Body: 'x' })));
  await denied(s3(reader).send(new DeleteObjectCommand(object)));
  await denied(s3(reader).send(new ListObjectsV2Command({ Bucket: 'reports' })));
  assert.equal(await read(ROOT, 'reports', '2026/march'), 'reports 2026/march');
  const lister = await session([permission('s3:ListBucket', 'arn:aws:s3:::reports')]);
  assert.equal((await s3(lister).send(new ListObjectsV2Command({ Bucket: 'reports' }))).KeyCount, 3);
  await denied(s3(lister).send(new ListObjectsV2Command({ Bucket: 'secrets' })));
  await denied(read(lister, 'reports', '2026/march'));
});

test('several permissions in one session do not lend each other their resources', { skip }, async () => {
  const keys = await session([READ, permission('s3:PutObject', 'arn:aws:s3:::secrets/new')]);
  await s3(keys).send(new PutObjectCommand({ Bucket: 'secrets', Key: 'new', Body: 'x' }));
  await read(keys, 'reports', '2026/march');
  await denied(read(keys, 'secrets', 'new'));
  await denied(s3(keys).send(new PutObjectCommand({ Bucket: 'reports', Key: '2026/march', Body: 'x' })));
});

test('MinIO ends the access at the end of the grant, while the session itself lives on', { skip }, async () => {
  const seconds = 5;
  const keys = await session([READ], seconds);
  await read(keys, 'reports', '2026/march');
  const over = async (): Promise<boolean> => {
    await denied(read(keys, 'reports', '2026/march'));
    return true;
  };
  await eventually(over, { deadlineMs: 20_000 });
  assert(keys.until > Date.now() + (SESSION_SECONDS / 2) * 1_000, 'the session has ended too');
  await read(await session([READ]), 'reports', '2026/march');
});
