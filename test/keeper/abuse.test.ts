/**
 * The keeper's socket in the hands of others, and where the secret may not be.
 * @module
 */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { peekKeeper } from '../../src/keeper/connect.ts';
import { CANARY } from '../fakes/broker.ts';
import { eventually } from '../support/eventually.ts';
import { processesOf } from '../support/home.ts';
import { run } from '../support/run.ts';
import { skipUnlessRoot } from '../support/tools.ts';
import { startKeeper, world } from './world.ts';

function say(socketPath: string, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(socketPath, () => socket.write(bytes));
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.on('error', () => undefined).on('close', () => resolve(text));
  });
}

test('nonsense, other versions and endless lines are refused, and the keeper lives on', async (t) => {
  const w = await world(t);
  const { grant } = await w.adopt({ seconds: 300 });
  const at = w.paths.keeperSocket;
  for (const bytes of [
    'GET / HTTP/1.1\n',
    'null\n',
    '{}\n',
    '{"v":1,"op":"list","__proto__":{"x":1}}\n',
    `{"v":1,"op":"credential","grant":"${grant}","format":"aws","extra":1}\n`,
    '{"v":1,"op":"credential","grant":"../../etc","format":"aws"}\n',
    `${'['.repeat(60_000)}\n`,
  ]) {
    assert.match(await say(at, bytes), /^\{"ok":false,"error":\{"code":"ERR_USAGE"/);
  }
  assert.match(await say(at, '{"v":2,"op":"list"}\n'), /"code":"ERR_KEEPER".*another version/);
  assert.equal(await say(at, 'x'.repeat(200_000)), '');
  assert.match(await say(at, '{"v":1,"op":"hello"}\n'), /^\{"ok":true,"v":1/);
  assert.equal((await w.credential(grant)).status, 0);
});

test('a second keeper started beside the first ends with 0 and changes nothing', async (t) => {
  const w = await world(t);
  const { grant } = await w.adopt({ seconds: 300 });
  const { status } = await run(process.execPath, ['bin/jit', 'keeper'], { env: w.home.env });
  assert.equal(status, 0);
  assert.equal((await w.credential(grant)).status, 0);
});

test("another user cannot reach the keeper's socket", { skip: skipUnlessRoot('setpriv') }, async (t) => {
  const w = await world(t);
  const { grant } = await w.adopt({ seconds: 300 });
  // The way there is opened as far as a careless user could open it; the last folder stays as jit made it.
  for (const folder of [w.home.path, join(w.home.path, 'run')]) chmodSync(folder, 0o755);
  const script = `require('node:net').connect(process.argv[1]).on('error', (e) => console.log(e.code)).on('connect', () => console.log('in'))`;
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const tried = await run('setpriv', [...nobody, process.execPath, '-e', script, w.paths.keeperSocket], {
    env: { PATH: w.home.env['PATH'] ?? '' },
  });
  assert.equal(tried.stdout.trim(), 'EACCES', tried.stderr);
  // Even with the folder open, the socket's own mode keeps them out.
  chmodSync(w.paths.run, 0o755);
  const again = await run('setpriv', [...nobody, process.execPath, '-e', script, w.paths.keeperSocket], {
    env: { PATH: w.home.env['PATH'] ?? '' },
  });
  assert.equal(again.stdout.trim(), 'EACCES', again.stderr);
  chmodSync(w.paths.run, 0o700);
  assert.equal((await w.credential(grant)).status, 0);
});

test('a run folder that others can enter is not used', async (t) => {
  const w = await world(t);
  chmodSync(w.paths.run, 0o777);
  const { status, stderr } = await run(process.execPath, ['bin/jit', 'keeper'], { env: w.home.env });
  assert.equal(status, 11);
  assert.match(stderr, /open to other users/);
  await assert.rejects(w.keeper(), { code: 'ERR_KEEPER' });
});

test('a file in the place of the socket is not removed', async (t) => {
  const w = await world(t);
  writeFileSync(w.paths.keeperSocket, 'mine');
  const { status, stderr } = await run(process.execPath, ['bin/jit', 'keeper'], { env: w.home.env });
  assert.equal(status, 11);
  assert.match(stderr, /something else is in the place/);
  assert.equal(readFileSync(w.paths.keeperSocket, 'utf8'), 'mine');
});

test('the secret is in no file, no argument, no environment and no log', async (t) => {
  const w = await world(t);
  const child = await startKeeper(w.home, w.paths);
  t.after(() => child.kill('SIGKILL'));
  const { grant, endpoint } = await w.adopt({ seconds: 300 }, 'endpoint');
  const second = await w.adopt({ seconds: 300 });
  await w.credential(grant);
  const printed = await w.credential(second.grant);
  assert.ok(printed.stdout.includes(CANARY));
  assert.equal(printed.stderr, '');
  assert.ok(endpoint);
  w.broker.end(grant, 'revoked');
  await eventually(async () => (await peekKeeper(w.paths))?.list().then((held) => held.length === 1));
  const pids = processesOf(w.home.path);
  assert.ok(pids.length >= 1);
  for (const pid of pids) {
    for (const name of ['cmdline', 'environ']) {
      assert.ok(!readFileSync(`/proc/${pid}/${name}`, 'latin1').includes('CANARY'), name);
    }
  }
  for (const file of filesBelow(w.home.path)) assert.ok(!readFileSync(file, 'latin1').includes('CANARY'), file);
});

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}
