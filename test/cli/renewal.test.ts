/**
 * More time for a live grant, and an end for one that nobody uses: launcher, keeper, embedded broker, sandbox and the aws
 * program are the real ones. For idleness the broker's wall clock is set; nothing else is.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { GrantView } from '../../src/wire/views.ts';
import { eventually } from '../support/eventually.ts';
import { type Home, tempHome } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { succeeded } from './shared.ts';

const JIT = resolve('bin/jit');
const JIT_BROKER = resolve('bin/jit-broker');
const READ = ['s3:GetObject', 'arn:aws:s3:::sandbox-reports/*', '--reason', 'look at it'];

const POLICY = `
@id("often") @tier("auto") @max("10m") @renewals("2") @idle("2m")
permit(principal, action == Jit::Action::"Request", resource) when { context.operation == "s3:GetObject" };
@id("once-only") @tier("auto") @max("10m")
permit(principal, action == Jit::Action::"Request", resource) when { context.operation == "s3:ListBucket" };
`;

function ownBroker(t: TestContext): Home {
  const home = tempHome(t);
  const folder = join(home.path, '.config', 'jit');
  mkdirSync(join(folder, 'rules'), { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'broker.yaml'), 'policies: ./rules\n', { mode: 0o600 });
  writeFileSync(join(folder, 'rules', 'own.cedar'), POLICY, { mode: 0o600 });
  return home;
}

const jit = async ({ env }: Home, ...args: readonly string[]): Promise<Ended> =>
  run(process.execPath, [JIT, ...args], { env });

interface Granted {
  readonly grant: GrantView;
  readonly profile: { readonly name: string };
}

async function request(home: Home, ...args: readonly string[]): Promise<Granted> {
  return JSON.parse(succeeded(await jit(home, 'request', ...args, '--json')).stdout);
}

async function renewed(home: Home, id: string, ...args: readonly string[]): Promise<GrantView> {
  const document: { grant: GrantView } = JSON.parse(succeeded(await jit(home, 'renew', id, ...args, '--json')).stdout);
  return document.grant;
}

interface Keys {
  readonly endpoint: string;
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly SessionToken: string;
}

const endOf = ({ expiresAt }: GrantView): number => Date.parse(expiresAt ?? '');
const past = (moment: number): Promise<boolean> => eventually(() => Date.now() > moment, { deadlineMs: 30_000 });

const config = (home: Home): string => {
  const path = join(home.path, '.aws', 'config');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
};

const hello = async ({ env }: Home, profile: string): Promise<Ended> =>
  run('aws', ['--profile', profile, 's3', 'cp', 's3://sandbox-reports/hello.txt', '-'], { env });

test(
  'twice renewed, the grant works past its old ends, keys in a file too; a third time is refused with status 5',
  { skip: skipUnless('aws') },
  async (t) => {
    const home = ownBroker(t);
    const { grant, profile } = await request(home, ...READ, '--for', '15s', '--write-credentials');
    succeeded(await hello(home, profile.name));
    const once = await renewed(home, grant.id, '--for', '16s');
    assert.deepEqual([once.renewals, once.idleSeconds], [1, 120]);
    assert.ok(endOf(once) > endOf(grant));
    const twice = await jit(home, 'renew', grant.id, '--for', '28s');
    assert.match(succeeded(twice).stdout, /^renewed +2 times$/m);
    assert.match(twice.stdout, /^ends +\S+ \S+ \(in 2[78]s\), or when idle for 2m$/m);
    const third = await jit(home, 'renew', grant.id);
    assert.equal(third.status, 5);
    assert.match(
      third.stderr,
      /^jit: denied: renewed 2 times already, and policy often allows 2 times; the grant goes/m,
    );
    assert.match(third.stderr, /^hint: ask anew with: jit request$/m);
    await past(endOf(grant) + 1_000);
    assert.match(config(home), new RegExp(`^\\[profile ${profile.name}\\]`, 'm'));
    const works = await hello(home, profile.name);
    assert.equal(works.status, 0, works.stderr);
    const status = succeeded(await jit(home, 'status')).stdout;
    assert.match(status, /in \d+s \([\d:]+\), or when idle for 2m/);
    const story = succeeded(await jit(home, 'show', grant.id)).stdout;
    assert.match(story, /^renewed +2 times$/m);
    assert.match(story, /^idle +ends when idle for 2m$/m);
    assert.match(story, /grant\.renewed .*renewals=2/);
    await eventually(() => config(home) === '', { deadlineMs: 30_000 });
    assert.equal((await jit(home, 'renew', grant.id)).status, 7);
  },
);

test(
  'revoked after a renewal, the credentials of before it and of after it are dead at the cloud',
  { skip: skipUnless('aws') },
  async (t) => {
    const home = ownBroker(t);
    const { grant } = await request(home, ...READ, '--for', '5m');
    const keys = async (): Promise<Keys> =>
      JSON.parse(succeeded(await jit(home, 'credential', grant.id, '--format', 'json')).stdout).aws;
    const before = await keys();
    await renewed(home, grant.id, '--for', '10m');
    const later = await eventually(async () => {
      const now = await keys();
      return now.AccessKeyId === before.AccessKeyId ? null : now;
    });
    const read = async ({ endpoint, ...each }: Keys): Promise<Ended> =>
      run('aws', ['--endpoint-url', endpoint, 's3', 'cp', 's3://sandbox-reports/hello.txt', '-'], {
        env: {
          ...home.env,
          AWS_REGION: 'us-east-1',
          AWS_ACCESS_KEY_ID: each.AccessKeyId,
          AWS_SECRET_ACCESS_KEY: each.SecretAccessKey,
          AWS_SESSION_TOKEN: each.SessionToken,
        },
      });
    for (const each of [before, later]) succeeded(await read(each));
    succeeded(await jit(home, 'revoke', grant.id));
    for (const each of [before, later]) {
      const refused = await read(each);
      assert.match(refused.stderr, /AccessDenied|403|Forbidden/);
    }
  },
);

test('a rule that names no number allows no renewal; a longer one than its @max names the flag; --plan says both', async (t) => {
  const home = ownBroker(t);
  const list = ['s3:ListBucket', 'arn:aws:s3:::sandbox-reports', '--for', '5m', '--reason', 'x'];
  const plan = succeeded(await jit(home, 'request', ...list, '--plan')).stdout;
  assert.match(plan, /^renewal +none$/m);
  assert.match(plan, /^idle +may rest until its end$/m);
  const other = succeeded(await jit(home, 'request', ...READ, '--for', '5m', '--plan')).stdout;
  assert.match(other, /^renewal +up to 2 times$/m);
  assert.match(other, /^idle +ends when idle for 2m$/m);
  const { grant } = await request(home, ...list);
  const refused = await jit(home, 'renew', grant.id);
  assert.equal(refused.status, 5);
  assert.match(refused.stderr, /policy once-only allows no renewal; the grant goes on as it is/);
  const often = await request(home, ...READ, '--for', '5m');
  const long = await jit(home, 'renew', often.grant.id, '--for', '1h');
  assert.equal(long.status, 5);
  assert.match(long.stderr, new RegExp(`^hint: renew it with: jit renew ${often.grant.id} --for 10m$`, 'm'));
  const again = await renewed(home, often.grant.id, '--for', '10s');
  assert.deepEqual([again.expiresAt, again.renewals], [often.grant.expiresAt, 0], 'no end comes earlier');
});

test('a running command goes on past the old end of its grant, and is ended at the new one', async (t) => {
  const home = ownBroker(t);
  const script = 'while :; do sleep 0.2; date +%s%3N > alive; done';
  const argv = ['exec', ...READ, '--for', '8s', '--', 'sh', '-c', script];
  const running = run(process.execPath, [JIT, ...argv], { env: home.env, cwd: home.path });
  const held = await eventually(async () => {
    const { stdout } = await jit(home, 'status', '--json');
    const grants: { grant: string; expiresAt: string }[] = JSON.parse(stdout === '' ? '{"grants":[]}' : stdout).grants;
    return grants[0];
  });
  const { expiresAt } = await renewed(home, held.grant, '--for', '14s');
  const ended = await running;
  assert.equal(ended.status, 107, ended.stderr);
  const alive = Number(readFileSync(join(home.path, 'alive'), 'utf8'));
  assert.ok(alive > Date.parse(held.expiresAt) + 1_000, 'it was ended at the old end');
  assert.ok(alive < Date.parse(expiresAt ?? '') + 3_000, 'it went on after the new end');
});

const FAKETIME = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((triple) => `/usr/lib/${triple}/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

/** The embedded broker under a wall clock that follows what `set` says. */
async function onSetClock(t: TestContext, home: Home): Promise<(offset: string) => void> {
  const file = join(home.path, 'faketime');
  writeFileSync(file, '+0');
  const env = {
    ...home.env,
    LD_PRELOAD: FAKETIME ?? '',
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  const child = spawn(process.execPath, [JIT_BROKER, 'serve', '--embedded'], { env, stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  await eventually(() => existsSync(join(home.env['XDG_RUNTIME_DIR'] ?? '', 'jit', 'broker.sock')));
  return (offset) => writeFileSync(file, offset);
}

test(
  'a grant in use goes on past its idle limit; one that nobody uses any more ends, and its profile goes',
  { skip: FAKETIME === undefined ? 'needs libfaketime' : false },
  async (t) => {
    const home = ownBroker(t);
    const set = await onSetClock(t, home);
    const { grant } = await request(home, ...READ, '--for', '10m');
    const ask = async (): Promise<{ Expiration: string }> =>
      JSON.parse(succeeded(await jit(home, 'credential', grant.id, '--format', 'aws')).stdout);
    assert.ok(Date.parse((await ask()).Expiration) <= Date.now() + 60_000, 'tools come back within half the limit');
    set('+100');
    await ask();
    const reported = async (): Promise<boolean> => {
      const { stdout } = await jit(home, 'show', grant.id, '--json');
      const { timeline }: { timeline: { type: string; at: string }[] } = JSON.parse(stdout);
      return timeline.some(({ type, at }) => type === 'credential.used' && Date.parse(at) > Date.now() + 90_000);
    };
    await eventually(reported, { deadlineMs: 30_000 });
    set('+180');
    await ask();
    assert.notEqual(config(home), '');
    set('+400');
    await eventually(() => config(home) === '', { deadlineMs: 40_000 });
    const shown = JSON.parse((await jit(home, 'show', grant.id, '--json')).stdout);
    assert.equal(shown.grant.reason, 'idle');
    assert.equal((await jit(home, 'credential', grant.id)).status, 7);
  },
);
