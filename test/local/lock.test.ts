import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { JitError } from '../../src/core/errors.ts';
import { holdLock, withLock } from '../../src/local/lock.ts';
import { ground, run } from './ground.ts';
import { eventually } from '../support/eventually.ts';

const MODULE = JSON.stringify(join(import.meta.dirname, '../../src/local/lock.ts'));

/** A process that takes the lock, says so, and stays. */
async function holder(dir: string): Promise<ChildProcess> {
  const code = `import { holdLock } from ${MODULE};
    const lock = await holdLock('one', ${JSON.stringify(dir)});
    process.stdout.write(lock === null ? 'no' : 'yes');
    setInterval(() => undefined, 1_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (part: Buffer) => (said += part.toString()));
  await eventually(() => said !== '');
  assert.equal(said, 'yes');
  return child;
}

test('one process holds the lock; kill -9 of it gives it to the next at once', async (t) => {
  const dir = join(ground(t), 'locks');
  const child = await holder(dir);
  assert.equal(await holdLock('one', dir), null);
  const other = await holdLock('two', dir);
  assert.ok(other !== null);
  other.release();
  child.kill('SIGKILL');
  await eventually(() => child.signalCode !== null);
  const lock = await holdLock('one', dir);
  assert.ok(lock !== null);
  lock.release();
  lock.release();
});

test('waiting for a lock that is not given back ends with exit 11 and names what is being edited', async (t) => {
  const dir = join(ground(t), 'locks');
  const child = await holder(dir);
  const thrown: unknown = await withLock('one', dir, { waitMs: 50 }, async () => 1).catch((error: unknown) => error);
  child.kill('SIGKILL');
  assert.ok(thrown instanceof JitError);
  assert.equal(thrown.code, 'ERR_LOCAL_FILE');
  assert.match(thrown.message, /another jit process is editing \(one\)/);
});

test('the lock also works inside one process, and a failed attempt does not weaken it for other processes', async (t) => {
  const dir = join(ground(t), 'locks');
  const lock = await holdLock('one', dir);
  assert.ok(lock !== null);
  assert.equal(await holdLock('one', dir), null);
  const code = `import { holdLock } from ${MODULE}; process.stdout.write(String(await holdLock('one', ${JSON.stringify(dir)})));`;
  const ended = await run(process.execPath, ['--input-type=module', '-e', code]);
  assert.deepEqual([ended.stdout, ended.stderr], ['null', '']);
  lock.release();
});

test('a lock whose value nobody keeps is not given back by the garbage collector', async (t) => {
  const dir = join(ground(t), 'locks');
  const code = `import { holdLock } from ${MODULE};
    if ((await holdLock('one', ${JSON.stringify(dir)})) === null) process.exit(3);
    for (let i = 0; i < 5; i++) { gc(); await new Promise((done) => setImmediate(done)); }
    process.stdout.write(String(await holdLock('one', ${JSON.stringify(dir)})));`;
  const ended = await run(process.execPath, ['--expose-gc', '--input-type=module', '-e', code]);
  assert.deepEqual([ended.stdout, ended.stderr, ended.status], ['null', '', 0]);
});

test('eight processes that each read, add one and write a file under the lock lose no step, and print no warning', async (t) => {
  const top = ground(t);
  const file = join(top, 'count');
  writeFileSync(file, '0');
  const code = `import { readFileSync, writeFileSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { withLock } from ${MODULE};
    for (let i = 0; i < 10; i++) await withLock('one', ${JSON.stringify(join(top, 'locks'))}, { waitMs: 60_000 }, async () => {
      const count = Number(readFileSync(${JSON.stringify(file)}, 'utf8'));
      await sleep(1);
      writeFileSync(${JSON.stringify(file)}, String(count + 1));
    });`;
  const all = await Promise.all(
    Array.from({ length: 8 }, () => run(process.execPath, ['--input-type=module', '-e', code])),
  );
  for (const ended of all) assert.deepEqual([ended.status, ended.stderr], [0, '']);
  assert.equal(readFileSync(file, 'utf8'), '80');
});

test('work that throws gives the lock back', async (t) => {
  const dir = join(ground(t), 'locks');
  await assert.rejects(
    withLock('one', dir, { waitMs: 0 }, async () => await Promise.reject(new Error('no'))),
    /no/,
  );
  assert.equal(await withLock('one', dir, { waitMs: 0 }, async () => 7), 7);
});

test('the lock file is 0600 in a 0700 folder; a damaged one is named with the command that removes it', async (t) => {
  const dir = join(ground(t), 'locks');
  (await holdLock('one', dir))?.release();
  const path = join(dir, 'one.lock');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(dir).mode & 0o777, 0o700);
  appendFileSync(path, 'garbage'.repeat(1_000));
  for (const attempt of [
    async () => await holdLock('one', dir),
    async () => await withLock('one', dir, { waitMs: 10 }, async () => 1),
  ]) {
    await assert.rejects(
      attempt,
      (thrown) =>
        thrown instanceof JitError &&
        /damaged/.test(thrown.message) &&
        thrown.hint?.startsWith('remove it with: rm ') === true,
    );
  }
});
