/**
 * Files that an operator has written: read where nobody else could have written or, for a secret, read them. The files are real.
 * @module
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { JitError } from '../../src/core/errors.ts';
import { readPrivateFile } from '../../src/local/private-file.ts';

const refused = (thrown: unknown): boolean => thrown instanceof JitError && thrown.code === 'ERR_CONFIG';

test('who may read and who may write decides, and what is no plain file is not waited for', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jit-private-'));
  try {
    const file = join(folder, 'file');
    const read = async (closed: 'read' | 'write', path = file): Promise<string> =>
      (await readPrivateFile(path, { maxBytes: 10, closed })).bytes.toString('utf8');
    await writeFile(file, 'content', { mode: 0o600 });
    for (const [mode, toRead, toWrite] of [
      [0o600, true, true],
      [0o400, true, true],
      [0o644, false, true],
      [0o640, false, true],
      [0o604, false, true],
      [0o660, false, false],
      [0o602, false, false],
      [0o777, false, false],
    ] as const) {
      await chmod(file, mode);
      if (toRead) assert.equal(await read('read'), 'content', mode.toString(8));
      else await assert.rejects(read('read'), refused, mode.toString(8));
      if (toWrite) assert.equal(await read('write'), 'content', mode.toString(8));
      else await assert.rejects(read('write'), refused, mode.toString(8));
    }
    await chmod(file, 0o600);
    await utimes(file, 1_000, 1_000);
    assert.equal((await readPrivateFile(file, { maxBytes: 10, closed: 'read' })).mtimeMs, 1_000_000);
    await symlink(file, join(folder, 'link'));
    assert.equal(await read('read', join(folder, 'link')), 'content');
    await mkdir(join(folder, 'folder'));
    execFileSync('mkfifo', ['-m', '600', join(folder, 'pipe')]);
    for (const name of ['missing', 'folder', 'pipe'])
      await assert.rejects(read('write', join(folder, name)), refused, name);
    await writeFile(file, 'x'.repeat(11));
    await assert.rejects(
      read('read'),
      (thrown: unknown) => thrown instanceof JitError && thrown.code === 'ERR_LOCAL_FILE',
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
