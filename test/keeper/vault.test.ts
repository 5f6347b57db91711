/**
 * Secrets in the memory of a real keeper, spoken to over its real socket.
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Secret } from '../../src/core/secret.ts';
import type { SecretStore } from '../../src/identity/secrets/store.ts';
import { peekKeeper } from '../../src/keeper/connect.ts';
import { runKeeper } from '../../src/keeper/run.ts';
import { keeperSecrets, openVault } from '../../src/keeper/vault.ts';
import { type Clocks, readClocks } from '../../src/local/clock.ts';
import { type LocalPaths, localPaths } from '../../src/local/paths.ts';
import { eventually } from '../support/eventually.ts';
import { type Home, processesOf, tempHome } from '../support/home.ts';
import { JIT, startKeeper } from './world.ts';

const HOUR = 3_600_000;

interface Place {
  readonly home: Home;
  readonly paths: LocalPaths;
  store(until?: number): SecretStore;
}

function place(t: TestContext): Place {
  const home = tempHome(t);
  const paths = localPaths(home.env, process.platform, process.geteuid?.() ?? 0);
  return {
    home,
    paths,
    store: (until = Date.now() + HOUR) => keeperSecrets({ paths, launcher: JIT, env: home.env, until: () => until }),
  };
}

const plain = async (store: SecretStore, name: string): Promise<string | null> =>
  (await store.get(name))?.expose() ?? null;

test('a secret is kept, replaced, read over another connection and deleted; only storing starts a keeper', async (t) => {
  const { home, store } = place(t);
  assert.equal(await plain(store(), 'session'), null);
  await store().delete('session');
  assert.deepEqual(processesOf(home.path), []);
  await store().set('session', new Secret('first'));
  await store().set('session', new Secret('second ✓ "quoted"\n'));
  assert.equal(await plain(store(), 'session'), 'second ✓ "quoted"\n');
  assert.equal(await plain(store(), 'session2'), null);
  await store().delete('session');
  await store().delete('session');
  assert.equal(await plain(store(), 'session'), null);
});

test('a secret is gone at its end, and one whose end has passed is refused', async (t) => {
  const { home, paths, store } = place(t);
  await startKeeper(home, paths);
  await assert.rejects(store(Date.now() - 1).set('a', new Secret('x')), { code: 'ERR_KEYCHAIN', message: /is over/ });
  await assert.rejects(store(Date.now() + 31 * 24 * HOUR).set('a', new Secret('x')), { code: 'ERR_KEYCHAIN' });
  await store().set('lasting', new Secret('x'));
  await store(Date.now() + 1_500).set('short', new Secret('x'));
  await eventually(async () => (await plain(store(), 'short')) === null);
  assert.equal(await plain(store(), 'lasting'), 'x');
});

test('an earlier end of the same name does not take away what replaced it', async (t) => {
  const { home, paths, store } = place(t);
  await startKeeper(home, paths);
  await store(Date.now() + 1_500).set('a', new Secret('old'));
  await store(Date.now() + 1_500).set('end', new Secret('old'));
  await store().set('a', new Secret('new'));
  await eventually(async () => (await plain(store(), 'end')) === null);
  assert.equal(await plain(store(), 'a'), 'new');
});

test('64 KiB of any characters are kept whole; more, and a twenty-first secret, are refused', async (t) => {
  const { store } = place(t);
  const longest = `${'"\\\u0001é'.repeat(13_107)}a`;
  assert.equal(Buffer.byteLength(longest), 65_536);
  await store().set('s0', new Secret(longest));
  assert.equal(await plain(store(), 's0'), longest);
  await assert.rejects(store().set('s0', new Secret(`${longest}b`)), { code: 'ERR_KEYCHAIN', message: /64 KiB/ });
  await assert.rejects(store().set('s0', new Secret('x'.repeat(200_000))), {
    code: 'ERR_KEYCHAIN',
    message: /too long/,
  });
  for (let each = 1; each < 20; each += 1) await store().set(`s${each}`, new Secret('x'));
  await assert.rejects(store().set('s20', new Secret('x')), { code: 'ERR_KEYCHAIN', message: /20 secrets/ });
  await store().set('s3', new Secret('y'));
  await store().delete('s4');
  await store().set('s20', new Secret('x'));
});

test('the keeper stays while it holds a secret and ends when it holds none', async (t) => {
  const { home, paths, store } = place(t);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const ended = runKeeper({
    paths,
    brokerLauncher: '/nonexistent',
    env: home.env,
    userAgent: 'jit/0',
    read: readClocks,
    random: Math.random,
    authorizer: () => undefined,
    log: () => undefined,
    idleMs: 300,
    signal: stop.signal,
  });
  await eventually(() => peekKeeper(paths));
  await store().set('other', new Secret('x'));
  await store(Date.now() + 1_000).set('session', new Secret('x'));
  await store().delete('other');
  await eventually(async () => (await plain(store(), 'session')) === null);
  assert.equal(await ended, 'done');
});

test('a keeper that is killed leaves nothing behind', async (t) => {
  const { home, paths, store } = place(t);
  const child = await startKeeper(home, paths);
  await store().set('session', new Secret('x'));
  child.kill('SIGKILL');
  await eventually(() => processesOf(home.path).length === 0);
  assert.equal(await plain(store(), 'session'), null);
  await store().set('session', new Secret('y'));
  assert.equal(await plain(store(), 'session'), 'y');
});

test('the secret is in no file, no argument, no environment and no log', async (t) => {
  const { home, store } = place(t);
  const CANARY = 'CANARY-vault-7f3a';
  await store().set('session', new Secret(CANARY));
  await assert.rejects(store().set('session', new Secret(CANARY.repeat(10_000))), { code: 'ERR_KEYCHAIN' });
  const pids = processesOf(home.path);
  assert.equal(pids.length, 1);
  const places = pids.flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]);
  const files = readdirSync(home.path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(home.path, name))
    .filter((path) => statSync(path).isFile());
  for (const each of [...places, ...files]) {
    const text = readFileSync(each, 'latin1');
    assert.ok(
      !text.includes('CANARY') && !text.includes(Buffer.from('CANARY-v').toString('base64').slice(0, 10)),
      each,
    );
  }
});

test('setting the wall clock back does not lengthen the life of a secret', () => {
  let clocks: Clocks = { wallMs: 1_000_000_000, bootMs: 5_000, bootId: 'boot' };
  const vault = openVault(
    () => clocks,
    () => undefined,
  );
  vault.set('session', new Secret('x'), clocks.wallMs + HOUR);
  clocks = { ...clocks, wallMs: clocks.wallMs - 10 * HOUR, bootMs: clocks.bootMs + HOUR - 1 };
  assert.equal(vault.get('session')?.expose(), 'x');
  clocks = { ...clocks, bootMs: clocks.bootMs + 1 };
  assert.equal(vault.get('session'), null);
  vault.clear();
});
