/** The real `aws` program, with credentials in its environment and a HOME of its own. @module */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { setClock, start } from './fixture.ts';
import type { Keys } from './fixture.ts';

interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Aws = (keys: Keys | null, ...args: readonly string[]) => Promise<Run>;

/** Finds the program through a wrapper's back, so that an empty HOME cannot upset the wrapper. */
function findProgram(): string | null {
  try {
    const shown = execFileSync('sh', ['-c', 'pyenv which aws 2>/dev/null || command -v aws'], { encoding: 'utf8' });
    return shown.trim().split('\n').at(-1) ?? null;
  } catch {
    return null;
  }
}

const program = findProgram();
const SKIP = program === null ? 'the aws program is not installed' : false;

async function home(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'jit-aws-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

function runner(url: string, at: string): Aws {
  return (keys, ...args) =>
    new Promise((resolve) => {
      const credentials =
        keys === null
          ? {}
          : {
              AWS_ACCESS_KEY_ID: keys.accessKeyId,
              AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
              ...(keys.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: keys.sessionToken }),
            };
      const env = {
        PATH: '/usr/bin:/bin',
        HOME: at,
        AWS_DEFAULT_REGION: 'us-east-1',
        AWS_MAX_ATTEMPTS: '1',
        ...credentials,
      };
      const child = execFile(
        program ?? 'aws',
        ['--endpoint-url', url, ...args],
        { env, timeout: 60_000 },
        (_, stdout, stderr) => {
          resolve({ status: child.exitCode ?? -1, stdout, stderr });
        },
      );
    });
}

const NARROW = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::sandbox-reports/*' },
    { Effect: 'Deny', NotAction: 's3:GetObject', Resource: '*' },
  ],
});

suite('the real aws program', { skip: SKIP }, () => {
  before(() => assert.ok(program));

  test('lists, reads, writes and deletes', async (t) => {
    const { sandbox, assume } = await start(t);
    const at = await home(t);
    const aws = runner(sandbox.url, at);
    const keys = await assume();
    assert.match((await aws(keys, 's3', 'ls')).stdout, /sandbox-reports\n.*sandbox-secrets\n/);
    assert.match((await aws(keys, 's3', 'ls', 's3://sandbox-reports')).stdout, /PRE 2026\/\n[^]*hello\.txt/);
    assert.match(
      (await aws(keys, 's3', 'cp', 's3://sandbox-reports/hello.txt', '-')).stdout,
      /^Hello! .* not AWS\.\n$/,
    );
    const file = join(at, 'ü file.bin');
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * 31) % 256));
    await writeFile(file, content);
    const up = await aws(keys, 's3', 'cp', file, 's3://sandbox-reports/up/ü file+%.bin');
    assert.equal(up.status, 0, up.stderr);
    assert.equal((await aws(keys, 's3', 'sync', 's3://sandbox-reports/up', join(at, 'down'))).status, 0);
    assert.ok((await readFile(join(at, 'down', 'ü file+%.bin'))).equals(content));
    assert.equal((await aws(keys, 's3', 'rm', '--recursive', 's3://sandbox-reports/up')).status, 0);
    assert.equal((await aws(keys, 's3', 'ls', 's3://sandbox-reports/up/')).stdout, '');
  });

  test('is denied what the session policy does not allow, and says why', async (t) => {
    const { sandbox, assume } = await start(t);
    const at = await home(t);
    const aws = runner(sandbox.url, at);
    const keys = await assume({ Policy: NARROW, RoleSessionName: 'gr_1' });
    const identity = await aws(keys, 'sts', 'get-caller-identity');
    assert.match(identity.stdout, /"arn:aws:sts::000000000000:assumed-role\/jit-sandbox\/gr_1"/);
    assert.equal((await aws(keys, 's3', 'cp', 's3://sandbox-reports/hello.txt', '-')).status, 0);
    const file = join(at, 'x');
    await writeFile(file, 'x');
    const role = ['--role-arn', 'arn:aws:iam::000000000000:role/jit-sandbox', '--role-session-name', 'again'];
    const denied = [
      ['s3', 'ls'],
      ['s3', 'ls', 's3://sandbox-reports'],
      ['s3', 'cp', file, 's3://sandbox-reports/x'],
      ['s3api', 'get-object', '--bucket', 'sandbox-reports', '--key', 'missing', join(at, 'y')],
      ['sts', 'assume-role', ...role],
      ['iam', 'get-role', '--role-name', 'jit-sandbox'],
    ];
    for (const args of denied) {
      const run = await aws(keys, ...args);
      assert.notEqual(run.status, 0, args.join(' '));
      assert.match(
        run.stderr,
        /AccessDenied.*explicit deny in a session policy.*\(jit sandbox, not AWS\)/s,
        args.join(' '),
      );
    }
    const secret = await aws(
      keys,
      's3api',
      'get-object',
      '--bucket',
      'sandbox-secrets',
      '--key',
      'launch-codes.txt',
      join(at, 'z'),
    );
    assert.match(secret.stderr, /AccessDenied.*no session policy allows the s3:GetObject action/s);
  });

  test('is refused once the session is revoked or has ended', async (t) => {
    const fixture = await start(t);
    const aws = runner(fixture.sandbox.url, await home(t));
    const cat = ['s3api', 'head-object', '--bucket', 'sandbox-reports', '--key', 'hello.txt'];
    const list = ['s3', 'ls', 's3://sandbox-reports'];
    const keys = await fixture.assume({ Tags: [{ Key: 'jit-grant', Value: 'gr_1' }], DurationSeconds: 900 });
    assert.equal((await aws(keys, ...cat)).status, 0);
    const PolicyDocument = JSON.stringify({
      Version: '2012-10-17',
      Statement: {
        Effect: 'Deny',
        Action: '*',
        Resource: '*',
        Condition: { StringEquals: { 'aws:PrincipalTag/jit-grant': ['gr_1'] } },
      },
    });
    const put = new PutRolePolicyCommand({ RoleName: 'jit-sandbox', PolicyName: 'JitRevoked', PolicyDocument });
    await fixture.iam(await fixture.revoker()).send(put);
    assert.match((await aws(keys, ...list)).stderr, /AccessDenied.*with an explicit deny in an identity-based policy/s);
    // Issued fourteen minutes ago by the sandbox's clock, so that it ends within the program's own clock skew.
    setClock(t, -14 * 60_000);
    const short = await fixture.assume({ DurationSeconds: 900 });
    setClock(t, 61_000);
    assert.match((await aws(short, ...list)).stderr, /ExpiredToken/);
    assert.match((await aws(short, 'sts', 'get-caller-identity')).stderr, /ExpiredToken/);
  });

  test('presigns a URL that works without credentials, until it is changed', async (t) => {
    const { sandbox, assume } = await start(t);
    const at = await home(t);
    const aws = runner(sandbox.url, at);
    const keys = await assume();
    await aws(null, 'configure', 'set', 'default.s3.signature_version', 's3v4');
    const url = (
      await aws(keys, 's3', 'presign', 's3://sandbox-reports/hello.txt', '--expires-in', '60')
    ).stdout.trim();
    const got = await fetch(url);
    assert.equal(got.status, 200);
    assert.match(await got.text(), /^Hello!/);
    assert.equal((await fetch(url, { method: 'DELETE' })).status, 403);
    assert.equal((await fetch(url.replace('hello.txt', '2026/q1.csv'))).status, 403);
    assert.equal((await fetch(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=600'))).status, 403);
    setClock(t, 61_000);
    assert.match(await (await fetch(url)).text(), /Request has expired/);
  });

  test('is told where the sandbox ends: large files need what it does not have', async (t) => {
    const { sandbox, assume } = await start(t);
    const at = await home(t);
    const file = join(at, 'large');
    await writeFile(file, Buffer.alloc(9 * 1024 * 1024));
    const run = await runner(sandbox.url, at)(await assume(), 's3', 'cp', file, 's3://sandbox-reports/large');
    assert.match(run.stderr, /NotImplemented.*multipart/s);
  });
});
