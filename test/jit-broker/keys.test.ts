/**
 * `jit-broker keys` and `keys rotate` with the real program, beside brokers that run and brokers that do not.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openKeyFile } from '../../src/broker/issuer/rotate.ts';
import { localPaths } from '../../src/local/paths.ts';
import { eventually } from '../support/eventually.ts';
import { type Home, tempHome } from '../support/home.ts';
import { freePort } from '../support/port.ts';
import { broker, get, serve } from './program.ts';

const ISSUER = 'https://jit.example.com';
const ARGS = ['--config', 'jit/broker.yaml', '--state', 'jit/state'];
const DAY = 86_400_000;

async function made(t: TestContext): Promise<{ readonly home: Home; readonly port: number; readonly file: string }> {
  const home = tempHome(t);
  const port = await freePort();
  const idp = ['--idp-issuer', 'https://idp.example.com', '--client-id', 'jit'];
  const ended = await broker(home, 'init', 'jit', '--issuer', ISSUER, ...idp, '--behind-proxy', '--port', String(port));
  assert.equal(ended.status, 0, ended.stderr);
  return { home, port, file: join(home.path, 'jit', 'state', 'issuer.json') };
}

async function withKey(t: TestContext): Promise<{ readonly home: Home; readonly file: string }> {
  const { home, file } = await made(t);
  mkdirSync(join(home.path, 'jit', 'state'), { mode: 0o700 });
  await openKeyFile(file, Date.now);
  return { home, file };
}

test('a broker that runs publishes a rotated key within a moment, and after a compromise that key alone', async (t) => {
  const { home, port } = await made(t);
  await serve(t, home, ARGS);
  const published = async (): Promise<string[]> => {
    const { keys } = JSON.parse((await get(port, '/.well-known/jwks.json', 'jit.example.com')).body);
    return Array.from(keys, (key: { kid: string }) => key.kid);
  };
  const [old = ''] = await published();

  const rotated = await broker(home, 'keys', 'rotate', ...ARGS);
  assert.equal(rotated.status, 0, rotated.stderr);
  assert.match(rotated.stdout, new RegExp(`^${old}  ES256  signing until \\S+Z \\(in (?:1d|23h59m\\d+s)\\)$`, 'm'));
  assert.match(rotated.stdout, /^[\w-]{43} {2}ES256 {2}next, signs from /m);
  assert.match(rotated.stdout, /wherever the key set is fetched .*: nothing$/m);
  assert.match(rotated.stdout, /--jwk-json-path/);
  await eventually(async () => (await published()).length === 2);
  assert.equal((await published())[0], old);

  const again = await broker(home, 'keys', 'rotate', ...ARGS);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /a rotation is under way: the next key signs in (?:1d|23h59m)/);

  const now = await broker(home, 'keys', 'rotate', ...ARGS, '--now', '--yes', '--json');
  const { schema, keys, clouds } = JSON.parse(now.stdout);
  assert.equal(schema, 'jit.broker-keys-rotated/v1');
  assert.equal(keys.length, 1);
  assert.match(JSON.stringify(clouds), /take this issuer out of the trust/);
  await eventually(async () => (await published()).join() === keys[0].kid);
});

test('keys are listed with their states and where they are published, for people and for programs', async (t) => {
  const { home } = await withKey(t);
  const listed = JSON.parse((await broker(home, 'keys', ...ARGS, '--json')).stdout);
  assert.equal(listed.schema, 'jit.broker-keys/v1');
  assert.equal(listed.issuer, ISSUER);
  assert.equal(listed.jwksUri, `${ISSUER}/.well-known/jwks.json`);
  const [{ kid, thumbprint, state, signsUntil, publishedUntil }] = listed.keys;
  assert.match(kid, /^[\w-]{43}$/);
  assert.deepEqual([thumbprint, state, signsUntil, publishedUntil], [kid, 'signing', null, null]);

  await broker(home, 'keys', 'rotate', ...ARGS, '--overlap', '7d');
  const both = JSON.parse((await broker(home, 'keys', ...ARGS, '--json')).stdout).keys;
  const names = Array.from(both, (key: { state: string }) => key.state);
  assert.deepEqual(names, ['signing', 'next']);
  assert.equal(both[0].signsUntil, both[1].signsFrom);
  assert.equal(Date.parse(both[1].signsFrom) - Date.parse(both[1].createdAt), 7 * DAY);
  assert.equal(Date.parse(both[0].publishedUntil) - Date.parse(both[0].signsUntil), 65 * 60_000);
  const shown = (await broker(home, 'keys', ...ARGS)).stdout;
  assert.match(shown, /^jwks {4}https:\/\/jit\.example\.com\/\.well-known\/jwks\.json$/m);
});

test('--algorithm RS256 is for clouds that take nothing else; another name is refused and changes nothing', async (t) => {
  const { home } = await withKey(t);
  const wrong = await broker(home, 'keys', 'rotate', ...ARGS, '--algorithm', 'HS256');
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /--algorithm: HS256 is none that jit signs with\nhint: one of: ES256, RS256/);
  const rotated = await broker(home, 'keys', 'rotate', ...ARGS, '--algorithm', 'RS256', '--json');
  const { keys } = JSON.parse(rotated.stdout);
  assert.deepEqual(
    Array.from(keys, (key: { algorithm: string; state: string }) => [key.algorithm, key.state]),
    [
      ['ES256', 'signing'],
      ['RS256', 'next'],
    ],
  );
});

test('no output holds a private key', async (t) => {
  const { home, file } = await withKey(t);
  const outputs: string[] = [];
  for (const args of [[], ['--json'], ['rotate'], ['rotate', '--now', '--yes'], ['rotate', '--json']]) {
    const privates = [...readFileSync(file, 'utf8').matchAll(/"d":"([\w-]+)"/g)].map(([, d]) => d ?? '-');
    // The name of a subcommand comes before the flags.
    const ended = await broker(home, 'keys', ...args, ...ARGS);
    assert.equal(ended.status, 0, ended.stderr);
    outputs.push(ended.stdout + ended.stderr);
    assert.ok(privates.every((d) => !outputs.join('').includes(d)));
  }
});

test('after a compromise nothing happens without a yes', async (t) => {
  const { home, file } = await withKey(t);
  const before = readFileSync(file, 'utf8');
  const asked = await broker(home, 'keys', 'rotate', ...ARGS, '--now');
  assert.equal(asked.status, 2);
  assert.match(asked.stderr, /--now drops the key at once.*\nhint: confirm it with: --yes/);
  const both = await broker(home, 'keys', 'rotate', ...ARGS, '--now', '--overlap', '1h', '--yes');
  assert.equal(both.status, 2);
  const nonsense = await broker(home, 'keys', 'rotate', ...ARGS, '--overlap', 'soon');
  assert.equal(nonsense.status, 2);
  assert.equal(readFileSync(file, 'utf8'), before);
});

test('what is missing, damaged or unknown is told by name, with the exit status that it has everywhere', async (t) => {
  const { home, file } = await withKey(t);
  const half = await broker(home, 'keys', '--state', 'jit/state');
  assert.deepEqual([half.status, /--config is missing/.test(half.stderr)], [2, true]);
  const absent = await broker(home, 'keys', '--config', 'nowhere.yaml', '--state', 'jit/state');
  assert.deepEqual([absent.status, /cannot read nowhere\.yaml/.test(absent.stderr)], [2, true]);
  writeFileSync(file, 'x');
  const damaged = await broker(home, 'keys', 'rotate', ...ARGS);
  assert.deepEqual([damaged.status, /not a key file of jit/.test(damaged.stderr)], [11, true]);
  assert.equal(readFileSync(file, 'utf8'), 'x');
  rmSync(file);
  for (const args of [[], ['rotate']]) {
    const none = await broker(home, 'keys', ...args, ...ARGS);
    assert.deepEqual([none.status, /has no signing key yet/.test(none.stderr)], [9, true]);
    assert.ok(!existsSync(file));
  }
  const nowhere = await broker(home, 'keys', '--config', 'jit/broker.yaml', '--state', 'nowhere');
  assert.equal(nowhere.status, 9);
  assert.ok(!existsSync(join(home.path, 'nowhere')));
  const flag = await broker(home, 'keys', 'rotate', '--overlop', '1h', '--json');
  assert.deepEqual([flag.status, JSON.parse(flag.stdout).code, flag.stderr], [2, 'ERR_USAGE', '']);
});

test(
  "another user's broker is left alone, with how to become that user",
  {
    skip: process.geteuid?.() !== 0 && 'needs root',
  },
  async (t) => {
    const { home, file } = await withKey(t);
    const { chownSync } = await import('node:fs');
    chownSync(file, 12_345, 12_345);
    chownSync(join(file, '..'), 12_345, 12_345);
    const before = readFileSync(file, 'utf8');
    const ended = await broker(home, 'keys', 'rotate', ...ARGS);
    assert.equal(ended.status, 11);
    assert.match(ended.stderr, /sudo -u '#12345' jit-broker keys/);
    assert.equal(readFileSync(file, 'utf8'), before);
  },
);

test('the keys of the embedded broker are shown, and rotated only while it does not run', async (t) => {
  const home = tempHome(t);
  const { brokerState } = localPaths(home.env, process.platform, process.geteuid?.() ?? 0);
  assert.equal((await broker(home, 'keys')).status, 9);
  const { child } = await serve(t, home, ['--embedded', '--idle', '1h']);
  const shown = await broker(home, 'keys');
  assert.equal(shown.status, 0, shown.stderr);
  assert.match(shown.stdout, /only the sandbox knows this broker/);
  const busy = await broker(home, 'keys', 'rotate');
  assert.deepEqual([busy.status, /the embedded broker is running/.test(busy.stderr)], [1, true]);
  child.kill('SIGTERM');
  await eventually(() => child.exitCode !== null);
  assert.equal((await broker(home, 'keys', 'rotate')).status, 0);
  assert.equal(JSON.parse(readFileSync(join(brokerState, 'issuer.json'), 'utf8')).keys.length, 2);
});
