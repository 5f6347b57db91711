import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, JitError } from '../../src/core/errors.ts';
import { homeFolder, localPaths, refuseForeignHome } from '../../src/local/paths.ts';

const refused = (code: string, hint: RegExp) => (thrown: unknown) =>
  thrown instanceof JitError && thrown.code === code && hint.test(thrown.hint ?? '');

test('with only HOME set, everything is in the XDG defaults and sockets in the state folder', () => {
  assert.deepEqual(localPaths({ HOME: '/home/a' }, 'linux', 1000), {
    config: '/home/a/.config/jit',
    configFile: '/home/a/.config/jit/config.yaml',
    brokerConfig: '/home/a/.config/jit/broker.yaml',
    policies: '/home/a/.config/jit/policies',
    state: '/home/a/.local/state/jit',
    brokerState: '/home/a/.local/state/jit/broker',
    run: '/home/a/.local/state/jit/run',
    locks: '/home/a/.local/state/jit/locks',
    keeperSocket: '/home/a/.local/state/jit/run/keeper.sock',
    brokerSocket: '/home/a/.local/state/jit/run/broker.sock',
  });
});

test('XDG variables move config, state and run, but the edit locks stay with the state', () => {
  const env = { HOME: '/h', XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: '/s', XDG_RUNTIME_DIR: '/run/user/7' };
  const paths = localPaths(env, 'darwin', 7);
  assert.equal(paths.configFile, '/c/jit/config.yaml');
  assert.equal(paths.brokerState, '/s/jit/broker');
  assert.equal(paths.keeperSocket, '/run/user/7/jit/keeper.sock');
  assert.equal(paths.locks, localPaths({ ...env, XDG_RUNTIME_DIR: undefined }, 'linux', 7).locks);
});

test('XDG values that are relative or empty are ignored, as their specification says', () => {
  const odd = { XDG_CONFIG_HOME: 'c', XDG_STATE_HOME: './s', XDG_RUNTIME_DIR: '' };
  assert.deepEqual(localPaths({ HOME: '/h', ...odd }, 'linux', 1), localPaths({ HOME: '/h' }, 'linux', 1));
});

test('JIT_CONFIG names the file; a relative one is refused, since nothing is read from the current folder', () => {
  assert.equal(localPaths({ HOME: '/h', JIT_CONFIG: '/x/y.yaml' }, 'linux', 1).configFile, '/x/y.yaml');
  assert.throws(
    () => localPaths({ HOME: '/h', JIT_CONFIG: 'y.yaml' }, 'linux', 1),
    refused('ERR_CONFIG', /whole path/),
  );
});

test('HOME unset, empty or relative is exit 11 with the remedy', () => {
  for (const HOME of [undefined, '', 'me', './me']) {
    assert.throws(() => localPaths({ HOME }, 'linux', 1), refused('ERR_LOCAL_FILE', /set HOME/));
  }
  assert.equal(ERRORS.ERR_LOCAL_FILE.exit, 11);
  assert.throws(() => homeFolder({ HOME: '/h' }, 'win32'), refused('ERR_LOCAL_FILE', /USERPROFILE/));
});

test('a runtime folder too long for a socket gives way to the state folder, then to ~/.jit-run, then to an error', () => {
  const long = `/${'r'.repeat(90)}`;
  const home = { HOME: '/h' };
  assert.equal(localPaths({ ...home, XDG_RUNTIME_DIR: long }, 'linux', 1).run, '/h/.local/state/jit/run');
  assert.equal(localPaths({ ...home, XDG_STATE_HOME: long }, 'linux', 1).run, '/h/.jit-run');
  const deep = { HOME: `/${'h'.repeat(90)}`, XDG_RUNTIME_DIR: long };
  assert.throws(() => localPaths(deep, 'linux', 1), refused('ERR_LOCAL_FILE', /XDG_RUNTIME_DIR/));
});

test('the limit counts bytes: exactly 100 fit, 101 do not, and é counts twice', () => {
  const fits = `/${'r'.repeat(100 - '/jit/keeper.sock'.length - 1)}`;
  const socket = localPaths({ HOME: '/h', XDG_RUNTIME_DIR: fits }, 'linux', 1).keeperSocket;
  assert.equal(Buffer.byteLength(socket), 100);
  for (const over of [`${fits}r`, `${fits.slice(0, -1)}é`]) {
    assert.equal(localPaths({ HOME: '/h', XDG_RUNTIME_DIR: over }, 'linux', 1).run, '/h/.local/state/jit/run');
  }
});

test('on Windows the sockets are named pipes of the user and folders come from APPDATA', () => {
  const env = { APPDATA: 'C:\\R', LOCALAPPDATA: 'C:\\L', USERNAME: 'jo doe\\x', USERPROFILE: 'C:\\U' };
  const paths = localPaths(env, 'win32', -1);
  assert.equal(paths.keeperSocket, '\\\\.\\pipe\\jit-jo_doe_x-keeper');
  assert.equal(paths.brokerSocket, '\\\\.\\pipe\\jit-jo_doe_x-broker');
  assert.equal(paths.configFile, 'C:\\R\\jit\\config.yaml');
  assert.equal(paths.locks, 'C:\\L\\jit\\locks');
  assert.equal(localPaths({ USERPROFILE: 'C:\\U' }, 'win32', -1).state, 'C:\\U\\AppData\\Local\\jit');
});

test('root through sudo does not write into the home or the runtime folder of another user', () => {
  const owners = new Map([
    ['/home/a', 1000],
    ['/root', 0],
    ['/run/user/1000', 1000],
  ]);
  const check = (env: Record<string, string>, uid: number): void => {
    refuseForeignHome(env, uid, (path) => owners.get(path) ?? null);
  };
  assert.throws(() => check({ HOME: '/home/a', SUDO_UID: '1000' }, 0), refused('ERR_LOCAL_FILE', /without sudo/));
  const kept = { HOME: '/root', XDG_RUNTIME_DIR: '/run/user/1000', SUDO_UID: '1000' };
  assert.throws(() => check(kept, 0), refused('ERR_LOCAL_FILE', /without sudo/));
  check({ HOME: '/root', SUDO_UID: '1000' }, 0);
  check({ HOME: '/home/a' }, 0);
  check({ HOME: '/home/a', SUDO_UID: '5' }, 1000);
  check({ HOME: '/nowhere', SUDO_UID: '5' }, 0);
});
