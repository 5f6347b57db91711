/**
 * The shared helpers themselves: a helper that hides a failure would hide it in every test.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { eventually } from './eventually.ts';
import { endProcesses, processesOf, tempHome } from './home.ts';
import { freePort } from './port.ts';
import { run } from './run.ts';
import { skipUnless } from './tools.ts';

test('run captures both streams and the status, and passes only the given environment', async () => {
  const ended = await run('sh', ['-c', 'cat; echo "$HOME-$X" >&2; exit 3'], {
    env: { PATH: process.env['PATH'] ?? '', X: 'x' },
    input: 'in',
  });
  assert.deepEqual(ended, { status: 3, signal: null, stdout: 'in', stderr: '-x\n' });
});

test('run rejects for a program that is not there', async () => {
  await assert.rejects(run('/nonexistent/program', []), { code: 'ENOENT' });
});

test('run kills a late program together with its children, and says so', async () => {
  await assert.rejects(run('sh', ['-c', 'sleep 60 & sleep 60'], { deadlineMs: 200 }), /did not end within 200 ms/);
});

test('run does not wait for ever on a daemon that holds its streams open', async (t) => {
  const home = tempHome(t);
  await assert.rejects(run('setsid', ['-f', 'sleep', '60'], { env: home.env, deadlineMs: 200 }), /did not end/);
});

test('eventually returns the first value, and throws the last failure at its deadline', async () => {
  let calls = 0;
  assert.equal(await eventually(() => (++calls < 3 ? null : calls)), 3);
  const fail = (): never => {
    throw new Error('still wrong');
  };
  await assert.rejects(eventually(fail, { deadlineMs: 20 }), /still wrong/);
  await assert.rejects(
    eventually(() => false, { deadlineMs: 20 }),
    /did not happen within 20 ms/,
  );
});

test('a temporary home is private, and what was started with it can be found and ended', async (t) => {
  const home = tempHome(t);
  assert.ok(existsSync(home.env['XDG_RUNTIME_DIR'] ?? ''));
  const daemon = spawn('sleep', ['60'], { env: home.env, detached: true, stdio: 'ignore' });
  daemon.unref();
  await eventually(() => processesOf(home.path).includes(daemon.pid ?? 0));
  await endProcesses(home.path);
  assert.deepEqual(processesOf(home.path), []);
});

test('a free port has nobody listening', async () => {
  const socket = createConnection({ port: await freePort(), host: '127.0.0.1' });
  const outcome = await new Promise((resolve) => {
    socket.on('connect', () => resolve('connected')).on('error', () => resolve('refused'));
  });
  socket.destroy();
  assert.equal(outcome, 'refused');
});

test('a missing program is a reason to skip, a present one is not', () => {
  assert.equal(skipUnless('sh'), false);
  assert.equal(skipUnless('sh', 'no-such-program'), 'needs no-such-program');
});
