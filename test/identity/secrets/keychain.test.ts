/**
 * The keychain of a Linux desktop: the real gnome-keyring on a real session bus, keytar and jit's own reading of it.
 * @module
 */
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Secret } from '../../../src/core/secret.ts';
import { openKeychain } from '../../../src/identity/secrets/keychain.ts';
import { callKeytar } from '../../../src/identity/secrets/keytar.ts';
import { openSecretStore, proveStore } from '../../../src/identity/secrets/open.ts';
import type { SecretStore } from '../../../src/identity/secrets/store.ts';
import { eventually } from '../../support/eventually.ts';
import { processesOf } from '../../support/home.ts';
import { type Ended, run } from '../../support/run.ts';
import { skipUnless } from '../../support/tools.ts';
import { type Desktop, desktop, end, keyring, skip, strangeBus } from './keyring.ts';

const PASSWORD = 'open sesame';

function command({ env }: Pick<Desktop, 'env'>, args: readonly string[], input = ''): Promise<Ended> {
  return run(process.execPath, ['test/identity/secrets/process.ts', ...args], { env, input, deadlineMs: 30_000 });
}

const plain = async (store: SecretStore, name: string): Promise<string | null> =>
  (await store.get(name))?.expose() ?? null;

/** Every operation fails with these words. */
async function refuses(store: SecretStore, message: RegExp, hint: RegExp, code = 'ERR_KEYCHAIN'): Promise<void> {
  const expected = { code, message, hint };
  const calls = [store.get('a'), store.set('a', new Secret('x')), store.delete('a')];
  await Promise.all(calls.map((call) => assert.rejects(call, expected)));
}

test('stored by one process, read by another, also after the keyring was restarted', { skip }, async (t) => {
  const desk = await desktop(t);
  const first = await keyring(t, desk, PASSWORD);
  const stored = await command(desk, ['set', 'session/https://jit.example.com'], 'of this session');
  assert.deepEqual([stored.status, stored.stderr], [0, '']);
  const read = await command(desk, ['get', 'session/https://jit.example.com']);
  assert.deepEqual([read.stdout, read.stderr], ['"of this session"', '']);
  await end(first);
  await keyring(t, desk, PASSWORD);
  assert.equal((await command(desk, ['get', 'session/https://jit.example.com'])).stdout, '"of this session"');
  assert.equal((await command(desk, ['get', 'session/https://jit.example.org'])).stdout, 'null');
});

test('secrets are replaced and deleted one by one, whatever is in them', { skip }, async (t) => {
  const desk = await desktop(t);
  await keyring(t, desk, PASSWORD);
  const store = desk.store();
  await store.delete('nothing');
  const long = `${'"\\\n\u0001é🔑'.repeat(6_000)}.`;
  await store.set('a', new Secret('first'));
  await store.set('a', new Secret(long));
  await store.set('b ~!"#', new Secret(' spaces '));
  assert.equal(await plain(store, 'a'), long);
  assert.equal(await plain(store, 'b ~!"#'), ' spaces ');
  await store.delete('a');
  assert.equal(await plain(store, 'a'), null);
  assert.equal(await plain(store, 'b ~!"#'), ' spaces ');
  await proveStore(store);
  await assert.rejects(store.get(''), RangeError);
  await assert.rejects(store.get('naïve'), RangeError);
  await assert.rejects(store.set('a', new Secret('')), RangeError);
  await assert.rejects(store.set('a', new Secret('a\0b')), RangeError);
});

test(
  'what jit reads by itself is what keytar and secret-tool read',
  { skip: skip || skipUnless('secret-tool') },
  async (t) => {
    const desk = await desktop(t);
    await keyring(t, desk, PASSWORD);
    // The agreed key begins with a zero in one of 256 conversations, so once is not enough.
    await desk.store().set('a', new Secret('same for all'));
    for (let time = 0; time < 300; time += 1) assert.equal(await plain(desk.store(), 'a'), 'same for all');
    const call = {
      task: { op: 'get' },
      service: 'jit',
      account: 'a',
      longest: null,
      env: desk.env,
      limitMs: 2_000,
      late: 'kill',
    } as const;
    const outcome = await callKeytar(call);
    assert.ok(outcome.kind === 'done' && outcome.value?.expose() === 'same for all');
    const tool = await run('secret-tool', ['lookup', 'service', 'jit', 'account', 'a'], { env: desk.env });
    assert.equal(tool.stdout, 'same for all');
    await run('secret-tool', ['store', '--label=x', 'service', 'jit', 'account', 'b'], {
      env: desk.env,
      input: 'by another',
    });
    assert.equal(await plain(desk.store(), 'b'), 'by another');
  },
);

test('a locked keyring is told apart from an empty one, and nothing is changed in it', { skip }, async (t) => {
  const desk = await desktop(t);
  const open = await keyring(t, desk, PASSWORD);
  await desk.store().set('a', new Secret('kept'));
  await end(open);
  const closed = await keyring(t, desk, null);
  await refuses(desk.store(), /^the keychain is locked$/, /gnome-keyring-daemon --replace --unlock/);
  // Of a name that was never stored nothing is certain either.
  await assert.rejects(desk.store().get('never stored'), { message: 'the keychain is locked' });
  const ended = await command(desk, ['get', 'a']);
  assert.deepEqual([ended.status, ended.stdout], [11, '']);
  assert.match(ended.stderr, /^ERR_KEYCHAIN: the keychain is locked\n/);
  await end(closed);
  await keyring(t, desk, PASSWORD);
  assert.equal(await plain(desk.store(), 'a'), 'kept');
});

test('the hint about a locked keyring does unlock it', { skip }, async (t) => {
  const desk = await desktop(t);
  const open = await keyring(t, desk, PASSWORD);
  await desk.store().set('a', new Secret('kept'));
  await end(open);
  await keyring(t, desk, null);
  const { stderr } = await command(desk, ['get', 'a']);
  const [line = ''] = /gnome-keyring-daemon [-a-z= ]+/.exec(stderr) ?? [];
  const [program = '', ...args] = line.trim().split(' ');
  await run(program, args, { env: desk.env, input: PASSWORD });
  assert.equal(await eventually(() => plain(desk.store(), 'a')), 'kept');
});

test('a desktop without any keyring holds nothing and says how to make one', { skip }, async (t) => {
  const desk = await desktop(t);
  await keyring(t, desk, null);
  assert.equal(await desk.store().get('a'), null);
  await desk.store().delete('a');
  await assert.rejects(desk.store().set('a', new Secret('x')), {
    code: 'ERR_KEYCHAIN',
    message: 'the keychain has no default keyring',
    hint: /gnome-keyring-daemon --replace --unlock/,
  });
});

test('no keychain: each reason has its words, and every hint names the setting', { skip }, async (t) => {
  const setting = /JIT_SECRET_STORE=file/;
  const desk = await desktop(t);
  await refuses(desk.store(), /no Secret Service runs on the session bus/, setting, 'ERR_NO_KEYCHAIN');
  const { DBUS_SESSION_BUS_ADDRESS: _, XDG_RUNTIME_DIR: __, ...none } = desk.env;
  for (const [env, reason] of [
    [none, /neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set/],
    [{ ...none, DBUS_SESSION_BUS_ADDRESS: 'tcp:host=127.0.0.1,port=1' }, /names no unix socket/],
  ] as const) {
    assert.throws(() => openKeychain({ env, platform: 'linux' }), {
      code: 'ERR_NO_KEYCHAIN',
      message: reason,
      hint: setting,
    });
    const paths = { state: desk.home.path, locks: desk.home.path };
    const place = { env, paths, platform: 'linux', note: () => undefined, ask: null } as const;
    await assert.rejects(openSecretStore({ choice: 'keychain', ...place }), { message: reason, hint: setting });
  }
  const gone = { ...none, XDG_RUNTIME_DIR: desk.home.path };
  await refuses(
    openKeychain({ env: gone, platform: 'linux' }),
    /cannot be reached \(ENOENT\)/,
    setting,
    'ERR_NO_KEYCHAIN',
  );
});

test('a keyring that was killed is none, or a locked one where the desktop starts the next', { skip }, async (t) => {
  for (const [started, expected] of [
    ['by the test', { code: 'ERR_NO_KEYCHAIN', message: /no Secret Service runs on the session bus/ }],
    ['on demand', { code: 'ERR_KEYCHAIN', message: 'the keychain is locked', hint: /gnome-keyring-daemon --replace/ }],
  ] as const) {
    const desk = await desktop(t, started);
    const daemon = await keyring(t, desk, 'the password');
    await desk.store().set('a', new Secret('x'));
    await end(daemon);
    await assert.rejects(desk.store().get('a'), expected, started);
  }
});

test('a bus is found in a list of addresses, escaped, and in its usual place', { skip }, async (t) => {
  const desk = await desktop(t);
  await keyring(t, desk, PASSWORD);
  const { DBUS_SESSION_BUS_ADDRESS: _, ...usual } = desk.env;
  const escaped = `unix:guid=00,path=${desk.socket.replaceAll('/', '%2f')}`;
  for (const env of [usual, { ...usual, DBUS_SESSION_BUS_ADDRESS: `tcp:host=x;${escaped},x=y` }]) {
    assert.equal(await openKeychain({ env, platform: 'linux' }).get('a'), null);
  }
});

test('a bus that never answers ends no command late: each is told so, and ends by itself', async (t) => {
  const desk = await strangeBus(t);
  await refuses(desk.store(), /^the keychain did not answer within 2s$/, /JIT_SECRET_STORE=file/);
  const args = [
    ['get', 'a'],
    ['set', 'a'],
    ['delete', 'a'],
  ];
  for (const { status, stderr } of await Promise.all(args.map((each) => command(desk, each, 'x')))) {
    assert.equal(status, 11);
    assert.match(stderr, /^ERR_KEYCHAIN: the keychain did not answer within 2s\n/);
  }
  assert.deepEqual(processesOf(desk.home.path), []);
});

test('a keyring that has stopped is told as one that does not answer', { skip }, async (t) => {
  const desk = await desktop(t);
  const daemon = await keyring(t, desk, PASSWORD);
  await desk.store().set('a', new Secret('kept'));
  daemon.kill('SIGSTOP');
  const { status, stderr } = await command(desk, ['get', 'a']);
  assert.equal(status, 11);
  assert.match(stderr, /did not answer within 2s/);
  daemon.kill('SIGCONT');
  assert.equal(await plain(desk.store(), 'a'), 'kept');
});

test('keytar itself may hang for ever: its process is killed, and the caller goes on', async (t) => {
  const desk = await strangeBus(t);
  for (const task of [{ op: 'get' }, { op: 'delete' }, { op: 'set', secret: new Secret('x') }] as const) {
    const call = {
      task,
      service: 'jit',
      account: 'a',
      longest: null,
      env: desk.env,
      limitMs: 300,
      late: 'kill',
    } as const;
    assert.deepEqual(await callKeytar(call), { kind: 'silent' });
  }
  await eventually(() => processesOf(desk.home.path).length === 0);
});

test('a late call of keytar that is left alone holds up nobody who started it', async (t) => {
  const desk = await strangeBus(t);
  const script = `import { callKeytar } from ${JSON.stringify(import.meta.resolve('../../../src/identity/secrets/keytar.ts'))};
    console.log((await callKeytar({ task: { op: 'get' }, service: 'jit', account: 'a', longest: null, env: process.env, limitMs: 300, late: 'leave' })).kind);`;
  const { status, stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { env: desk.env });
  assert.deepEqual([status, stdout], [0, 'silent\n']);
  assert.equal(processesOf(desk.home.path).length, 1);
});

test('a bus that answers nonsense, refuses or hangs up is told apart from an empty keychain', async (t) => {
  for (const [answer, message] of [
    [
      'REJECTED EXTERNAL\r\n',
      /^this machine has no keychain: the session bus cannot be reached \(it refuses this user\)$/,
    ],
    ['HTTP/1.1 200 OK\r\n', /this machine has no keychain/],
    [`OK 0\r\n${'\xff'.repeat(64)}`, /^the keychain cannot be used: the session bus went away or answers nonsense$/],
    // A body of 4 GiB.
    ['OK 0\r\nl\x02\x00\x01\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00', /answers nonsense/],
    // Fields that go on past their end.
    [
      'OK 0\r\nl\x02\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x08\x00\x00\x00\x06\x01s\x00\xff\x00\x00\x00',
      /answers nonsense/,
    ],
    [null, /answers nonsense/],
  ] as const) {
    const desk = await strangeBus(t, (socket) => {
      if (answer === null) socket.destroy();
      else socket.write(Buffer.from(answer, 'latin1'));
    });
    const code = /no keychain/.test(message.source) ? 'ERR_NO_KEYCHAIN' : 'ERR_KEYCHAIN';
    await assert.rejects(desk.store().get('a'), { code, message });
  }
});

test('a crash of keytar is told, and is no answer', async (t) => {
  const desk = await strangeBus(t);
  const entry = { service: 'jit', account: 'a', longest: null, env: desk.env };
  const outcome = callKeytar({ task: { op: 'get' }, ...entry, limitMs: 60_000, late: 'kill' });
  const pid = await eventually(() => processesOf(desk.home.path)[0]);
  process.kill(pid, 'SIGSEGV');
  assert.deepEqual(await outcome, { kind: 'crashed' });
});

test('without keytar what is stored can be read, and storing says what to install', { skip }, async (t) => {
  const desk = await desktop(t);
  await keyring(t, desk, PASSWORD);
  await desk.store().set('a', new Secret('kept'));
  // A copy of jit with no packages beside it.
  for (const path of ['package.json', 'src', 'test/identity/secrets/process.ts']) {
    cpSync(path, join(desk.home.path, path), { recursive: true });
  }
  const copy = join(desk.home.path, 'test/identity/secrets/process.ts');
  const read = await run(process.execPath, [copy, 'get', 'a'], { env: desk.env });
  assert.deepEqual([read.stdout, read.stderr], ['"kept"', '']);
  const { status, stderr } = await run(process.execPath, [copy, 'set', 'a'], { env: desk.env, input: 'x' });
  assert.equal(status, 11);
  assert.match(
    stderr,
    /^ERR_KEYCHAIN: keytar, .*, is not installed or lacks a library\nhint: .*libsecret-1-0.*JIT_SECRET_STORE=file/,
  );
  assert.equal(await plain(desk.store(), 'a'), 'kept');
});

for (const platform of ['darwin', 'win32'] as const) {
  test(`the way that is taken on ${platform}, over the keyring of this machine`, { skip }, async (t) => {
    const desk = await desktop(t);
    const store = openKeychain({ env: desk.env, platform });
    await assert.rejects(store.get('a'), { code: 'ERR_KEYCHAIN', message: /^the keychain refuses: / });
    await keyring(t, desk, PASSWORD);
    const long = 'é"\\'.repeat(1_500);
    assert.equal(await store.get('a'), null);
    await store.set('a', new Secret(long));
    assert.equal(await plain(store, 'a'), long);
    await store.set('a', new Secret('short'));
    assert.equal(await plain(desk.store(), 'a'), 'short');
    await store.delete('a');
    await store.delete('a');
    assert.equal(await desk.store().get('a'), null);
  });
}

test('a late Keychain of macOS may be showing a dialog, and the message says so', async (t) => {
  const desk = await strangeBus(t);
  await assert.rejects(openKeychain({ env: desk.env, platform: 'darwin' }).get('a'), {
    code: 'ERR_KEYCHAIN',
    message: 'the keychain did not answer within 2s',
    hint: /Always Allow/,
  });
});
