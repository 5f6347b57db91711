/**
 * bin/jit itself: its copy of the path rule, old Nodes, and outputs that nobody reads.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { localPaths } from '../../src/local/paths.ts';
import { tempFolder, tempHome } from '../support/home.ts';
import { run } from '../support/run.ts';

const JIT = resolve('bin/jit');
const GRANT = `gr_${'0'.repeat(26)}`;

interface Quick {
  quickCredential(
    argv: readonly string[],
  ): { readonly grant: string; readonly format: string; readonly target?: string } | null;
  keeperSocket(env: Record<string, string | undefined>, platform: NodeJS.Platform, uid: number): string | null;
}
// Safe: the file is this project's own, and the shape is the one that its JSDoc declares.
const quick = createRequire(import.meta.url)('../../bin/quick.cjs') as Quick;

test("the launcher's copy of the path rule is the rule of src/local, over many environments", () => {
  const folder = fc.oneof(
    fc.constantFrom(
      '',
      '.',
      'rel/ative',
      '/',
      '/home/u',
      '/home/u/',
      '/run/user/1000',
      '/a//b/../c',
      'C:\\Users\\u',
      '~',
    ),
    fc.string({ maxLength: 8 }).map((text) => `/${text}`),
    fc.integer({ min: 60, max: 110 }).map((length) => `/${'x'.repeat(length)}`),
    fc.integer({ min: 20, max: 50 }).map((length) => `/${'é'.repeat(length)}`),
    fc.constant(undefined),
  );
  const names = ['HOME', 'XDG_RUNTIME_DIR', 'XDG_STATE_HOME', 'JIT_CONFIG', 'USERPROFILE', 'APPDATA', 'LOCALAPPDATA'];
  const env = fc.record({
    ...Object.fromEntries(names.map((name) => [name, folder])),
    USERNAME: fc.oneof(fc.constant(undefined), fc.constant('Ünï user'), fc.string({ maxLength: 6 })),
  });
  const platform = fc.constantFrom<NodeJS.Platform>('linux', 'darwin', 'win32');
  fc.assert(
    fc.property(env, platform, fc.nat(70_000), (values, system, uid) => {
      let expected: string | null = null;
      try {
        expected = localPaths(values, system, uid).keeperSocket;
      } catch {
        // Refused there: the launcher leaves it to the program to say so.
      }
      assert.equal(quick.keeperSocket(values, system, uid), expected);
    }),
    { numRuns: 2_000 },
  );
});

test('only the exact forms that the aws tools and kubectl run are quick', () => {
  assert.deepEqual(quick.quickCredential(['credential', GRANT, '--format', 'aws']), { grant: GRANT, format: 'aws' });
  assert.deepEqual(quick.quickCredential(['credential', GRANT, '--format=aws']), { grant: GRANT, format: 'aws' });
  const one = ['credential', GRANT, '--format', 'aws', '--target', 'web-prod'];
  assert.deepEqual(quick.quickCredential(one), { grant: GRANT, format: 'aws', target: 'web-prod' });
  const cluster = ['credential', GRANT, '--format', 'kubernetes', '--target', 'shop'];
  assert.deepEqual(quick.quickCredential(cluster), { grant: GRANT, format: 'kubernetes', target: 'shop' });
  assert.equal(quick.quickCredential([...one.slice(0, -1), 'Web/../x']), null);
  assert.equal(quick.quickCredential(['credential', `${GRANT} --format aws`]), null);
  for (const argv of [
    [],
    ['credential'],
    ['credential', GRANT],
    ['credential', GRANT, '--format', 'json'],
    ['credential', GRANT, '--format', 'aws', '--json'],
    ['credential', `${GRANT}"`, '--format', 'aws'],
    ['status', GRANT, '--format', 'aws'],
  ]) {
    assert.equal(quick.quickCredential(argv), null, argv.join(' '));
  }
});

test('what a keeper answers is printed only while it is good', async (t) => {
  const home = tempHome(t);
  const folder = join(home.env['XDG_RUNTIME_DIR'] ?? '', 'jit');
  mkdirSync(folder, { mode: 0o700 });
  let reply = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.end(reply));
  });
  server.listen(join(folder, 'keeper.sock'));
  await once(server, 'listening');
  t.after(() => server.close());
  const ask = () => run(process.execPath, [JIT, 'credential', GRANT, '--format', 'aws'], { env: home.env });
  reply = `${JSON.stringify({ ok: true, output: '{"fine":1}', notAfter: Date.now() + 60_000 })}\n`;
  assert.deepEqual(await ask(), { status: 0, signal: null, stdout: '{"fine":1}\n', stderr: '' });
  for (const bad of [
    JSON.stringify({ ok: true, output: '{"late":1}', notAfter: Date.now() - 1 }),
    JSON.stringify({ ok: false, output: '{"no":1}', notAfter: Date.now() + 60_000 }),
    JSON.stringify({ ok: true, output: 7, notAfter: Date.now() + 60_000 }),
    JSON.stringify({ ok: true, output: '{"when":1}' }),
    'null',
    '',
  ]) {
    reply = `${bad}\n`;
    const { status, stdout } = await ask();
    assert.notEqual(status, 0, bad);
    assert.equal(stdout, '', bad);
  }
});

test('--version loads nothing and says the version of the package', async () => {
  const [, version] = /"version": "([^"]+)"/.exec(readFileSync('package.json', 'utf8')) ?? [];
  const { stdout, status } = await run(process.execPath, [JIT, '--version']);
  assert.deepEqual([stdout, status], [`jit ${version ?? ''}\n`, 0]);
});

test('a closed pipe ends quietly with 141, a full disk with a message', async () => {
  const child = spawn('sh', ['-c', '{ "$0" "$1" --version; echo "status $?" >&2; } | true', process.execPath, JIT], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
  await once(child, 'close');
  assert.match(stderr, /^status (0|141)\n$/);
  if (!existsSync('/dev/full')) return;
  const full = spawn(process.execPath, [JIT, '--version'], { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] });
  let complaint = '';
  full.stderr?.setEncoding('utf8').on('data', (part: string) => (complaint += part));
  await once(full, 'close');
  assert.deepEqual([full.exitCode, complaint], [11, 'jit: cannot write the output (ENOSPC)\n']);
});

/** A folder with bin/ and a "Node" that reports an old version and then runs the launcher as that Node would. */
function oldNode(folder: string): { readonly jit: string; readonly preload: string } {
  mkdirSync(join(folder, 'bin'));
  for (const name of ['jit', 'launch.cjs', 'quick.cjs', 'rerun.cjs', 'package.json']) {
    copyFileSync(resolve('bin', name), join(folder, 'bin', name));
  }
  const preload = join(folder, 'old.cjs');
  const disguise = [
    `Object.defineProperty(process.versions, 'node', { value: '20.20.2' }); delete process.execve;`,
    `const processes = require('child_process'), { spawn } = processes;`,
    // As where the machine has other things to do right then.
    `processes.spawn = (...args) => {`,
    `  const child = spawn(...args);`,
    `  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(process.env.PAUSE ?? 0));`,
    `  return child;`,
    `};`,
  ];
  writeFileSync(preload, disguise.join('\n'));
  return { jit: join(folder, 'bin', 'jit'), preload };
}

test('an old Node outside a checkout is told what is needed', async (t) => {
  const { jit, preload } = oldNode(tempFolder(t));
  const { status, stdout, stderr } = await run(process.execPath, ['--require', preload, jit, 'status']);
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /^jit: needs Node\.js 24 or later, this is 20\.20\.2\nhint: /);
});

test('an old Node in a checkout runs the same command on the Node that came along', async (t) => {
  const folder = tempFolder(t);
  const { jit, preload } = oldNode(folder);
  mkdirSync(join(folder, 'src'));
  const runtime = join(folder, 'node_modules/node/bin/node');
  mkdirSync(dirname(runtime), { recursive: true });
  const probe = [
    '#!/bin/sh',
    'shift',
    'echo "args:$*"; echo "options:$NODE_OPTIONS"',
    'test "$1" = die && kill -TERM $$',
    'test "$1" = wait && { trap "echo term; exit 9" TERM; echo ready; while :; do sleep 0.05; done; }',
    'exit 7',
  ];
  writeFileSync(runtime, `${probe.join('\n')}\n`);
  chmodSync(runtime, 0o755);
  const env = { PATH: process.env['PATH'] ?? '', NODE_OPTIONS: `--require ${preload}` };
  const plain = await run(process.execPath, [jit, 'exec', '--', 'a b', '*'], { env });
  assert.deepEqual([plain.status, plain.stdout], [7, 'args:exec -- a b *\noptions:\n']);
  const killed = await run(process.execPath, [jit, 'die'], { env });
  assert.equal(killed.signal, 'SIGTERM');
  const slowly = { ...env, PAUSE: '500' };
  const child = spawn(process.execPath, [jit, 'wait'], {
    env: slowly,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  t.after(() => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // Both have ended.
    }
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    stdout += part;
    if (stdout.endsWith('ready\n')) child.kill('SIGTERM');
  });
  await once(child, 'exit');
  assert.deepEqual([child.exitCode, stdout.endsWith('ready\nterm\n')], [9, true]);
});

test('the launcher works through a link, as a package manager installs it', async (t) => {
  const link = join(tempFolder(t), 'jit');
  symlinkSync(JIT, link);
  assert.equal((await run(link, ['--version'])).status, 0);
});
