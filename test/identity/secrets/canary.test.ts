/**
 * Where a secret may not be, while it is stored, read and deleted for real: files, arguments, environments, output.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Home, tempHome } from '../../support/home.ts';
import { type Ended, run } from '../../support/run.ts';
import { desktop, keyring, skip } from './keyring.ts';

const CANARY = 'CANARY-b81f-secret';
const FORMS = [CANARY, Buffer.from(CANARY).toString('base64').slice(0, 20), Buffer.from(CANARY).toString('hex')];

const holds = (bytes: string): boolean => FORMS.some((form) => bytes.includes(form));

/** Files below a home that hold the canary. */
function tainted(home: Home): readonly string[] {
  return readdirSync(home.path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(home.path, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .filter((path) => holds(readFileSync(path, 'latin1')));
}

/** Looks at the arguments and the environment of every process there is, over and over while `work` goes on. */
async function watched<T>(
  work: Promise<T>,
): Promise<{ readonly result: T; readonly seen: ReadonlySet<string>; readonly looks: number }> {
  const seen = new Set<string>();
  let looks = 0;
  let result: { readonly value: T } | null = null;
  const ended = work.then((value) => (result = { value }));
  for (; result === null; looks += 1) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      for (const name of ['cmdline', 'environ']) {
        try {
          if (holds(readFileSync(`/proc/${pid}/${name}`, 'latin1'))) seen.add(`${pid}/${name}`);
        } catch {
          // It has ended, or belongs to somebody else.
        }
      }
    }
    await sleep(1);
  }
  return { result: (await ended).value, seen, looks };
}

async function allOf(env: Readonly<Record<string, string>>, home: Home): Promise<void> {
  const command = (args: readonly string[], input = ''): Promise<Ended> =>
    run(process.execPath, ['test/identity/secrets/process.ts', ...args], { env, input });
  const stored = await watched(command(['set', 'session'], CANARY));
  const read = await watched(command(['get', 'session']));
  assert.equal(read.result.stdout, JSON.stringify(CANARY), read.result.stderr);
  const failed = await watched(command(['set', 'naïve'], CANARY));
  assert.equal(failed.result.status, 1);
  for (const { result, seen, looks } of [stored, read, failed]) {
    assert.ok(!holds(result.stderr), result.stderr);
    assert.deepEqual([...seen], []);
    assert.ok(looks > 3, 'it was watched');
  }
  assert.ok(!holds(stored.result.stdout + failed.result.stdout));
  assert.deepEqual(tainted(home), []);
  const { seen } = await watched(command(['delete', 'session']));
  assert.deepEqual([...seen], []);
  assert.deepEqual(tainted(home), []);
}

test('a secret in the keychain is nowhere in plain, not even in the file of the keyring', { skip }, async (t) => {
  const desk = await desktop(t);
  await keyring(t, desk, 'open sesame');
  await allOf(desk.env, desk.home);
});

test('a secret that the keychain refuses is nowhere', { skip }, async (t) => {
  const desk = await desktop(t);
  const args = ['test/identity/secrets/process.ts', 'set', 'session'];
  const { result, seen } = await watched(run(process.execPath, args, { env: desk.env, input: CANARY }));
  assert.equal(result.status, 11);
  assert.ok(!holds(result.stdout + result.stderr));
  assert.deepEqual([[...seen], tainted(desk.home)], [[], []]);
});

test('a secret in the encrypted file is nowhere in plain, and neither is its passphrase', async (t) => {
  const home = tempHome(t);
  const passphrase = join(home.path, 'passphrase');
  writeFileSync(passphrase, 'a passphrase of 31 characters ✓\n', { mode: 0o600 });
  const env = { ...home.env, JIT_SECRET_STORE: 'file', JIT_SECRET_PASSPHRASE_FILE: passphrase };
  await allOf(env, home);
  const others = readdirSync(home.path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(home.path, name))
    .filter((path) => path !== passphrase && statSync(path).isFile());
  assert.ok(others.length > 0);
  for (const path of others) assert.ok(!readFileSync(path, 'utf8').includes('a passphrase of'), path);
});

test('without a keychain and without a setting nothing is written at all', async (t) => {
  const home = tempHome(t);

  const { status, stderr } = await run(process.execPath, ['test/identity/secrets/process.ts', 'set', 'session'], {
    env: home.env,
    input: CANARY,
  });
  assert.equal(status, 11);
  assert.match(stderr, /JIT_SECRET_STORE=file/);
  assert.deepEqual(readdirSync(home.path), ['run']);
});
