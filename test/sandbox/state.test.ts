/** The state file, on a real file system. @module */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { JitError } from '../../src/core/errors.ts';
import { startSandbox } from '../../src/sandbox/start.ts';
import { fileState } from '../../src/sandbox/state.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'jit-sandbox-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

function refusedWith(message: RegExp, secret?: string) {
  return (error: unknown) => {
    assert.ok(error instanceof JitError);
    assert.equal(error.code, 'ERR_LOCAL_FILE');
    assert.match(error.message, message);
    assert.match(error.hint ?? '', /^remove .* to start with an empty sandbox$/);
    if (secret !== undefined) assert.ok(!`${error.message}${String(error.cause)}`.includes(secret));
    return true;
  };
}

test('is made with mode 0600 whatever the umask, and read back the same', async (t) => {
  const path = join(await folder(t), 'state.json');
  const before = process.umask(0);
  t.after(() => process.umask(before));
  const first = fileState(path);
  first.save(7, new Map([['role', new Map([['__proto__', '{"a":1}']])]]));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const second = fileState(path);
  assert.ok(second.key.expose().equals(first.key.expose()));
  assert.equal(second.revision, 7);
  assert.equal(second.inline.get('role')?.get('__proto__'), '{"a":1}');
  assert.deepEqual(await readdir(join(path, '..')), ['state.json'], 'no draft is left');
});

test('is refused where others may read it, where it is a link, a folder or damaged, and is left as it was', async (t) => {
  const path = join(await folder(t), 'state.json');
  const key = fileState(path).key.expose().toString('base64');
  await chmod(path, 0o640);
  assert.throws(() => fileState(path), refusedWith(/read or written by others/, key));
  await chmod(path, 0o600);
  await symlink(path, `${path}.link`);
  assert.throws(() => fileState(`${path}.link`), refusedWith(/cannot be opened/));
  assert.throws(() => fileState(join(path, '..')), refusedWith(/not a plain file/));
  for (const content of [
    '',
    '{',
    '[]',
    '{"schema":"jit.sandbox/v2"}',
    (await readFile(path, 'utf8')).replace(key, 'AAAA'),
  ]) {
    await writeFile(path, content, { mode: 0o600 });
    assert.throws(() => fileState(path), refusedWith(/damaged/, key));
    assert.equal(await readFile(path, 'utf8'), content);
  }
});

test('a sandbox with a state that it cannot use does not start, nor does one on a taken port', async (t) => {
  const options = { port: 0, issuers: [], now: Date.now };
  const missing = join(await folder(t), 'none', 'state.json');
  await assert.rejects(startSandbox({ ...options, state: missing }), refusedWith(/cannot be written/));
  const sandbox = await startSandbox({ ...options, state: null });
  t.after(() => sandbox.close());
  await assert.rejects(startSandbox({ ...options, state: null, port: sandbox.port }), (error) => {
    assert.ok(error instanceof JitError);
    assert.equal(error.code, 'ERR_CONFIG');
    return true;
  });
});
