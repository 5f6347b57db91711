import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { JitError } from '../../src/core/errors.ts';
import { ensurePrivateDir, ownerOf } from '../../src/local/private-dir.ts';
import { ground, mount, run } from './ground.ts';
import { skipUnlessRoot } from '../support/tools.ts';

const MODULE = join(import.meta.dirname, '../../src/local/private-dir.ts');

async function refusal(path: string): Promise<string> {
  const thrown: unknown = await ensurePrivateDir(path).catch((error: unknown) => error);
  assert.ok(thrown instanceof JitError);
  assert.equal(thrown.code, 'ERR_LOCAL_FILE');
  return `${thrown.message} | ${thrown.hint ?? ''}`;
}

test('a missing folder is made 0700 with its parents, also under umask 000 and 077', async (t) => {
  const top = ground(t);
  for (const umask of ['000', '077']) {
    const path = join(top, umask, 'b', 'c');
    const code = `import { ensurePrivateDir } from ${JSON.stringify(MODULE)}; await ensurePrivateDir(${JSON.stringify(path)});`;
    const ended = await run('sh', [
      '-c',
      `umask ${umask}; exec "$0" --input-type=module -e "$1"`,
      process.execPath,
      code,
    ]);
    assert.equal(ended.status, 0, ended.stderr);
    for (const made of [path, join(top, umask, 'b'), join(top, umask)])
      assert.equal(statSync(made).mode & 0o777, 0o700);
  }
  await ensurePrivateDir(join(top, '000', 'b', 'c'));
});

test('a folder open to others is refused with the command that closes it, and is not changed', async (t) => {
  const path = join(ground(t), "it's open");
  mkdirSync(path);
  for (const mode of [0o750, 0o707, 0o701, 0o777]) {
    chmodSync(path, mode);
    assert.match(await refusal(path), /open to other users \| close it with: chmod 700 '.*it'\\''s open'/);
    assert.equal(statSync(path).mode & 0o777, mode);
  }
});

test('a file and a symbolic link in the place of the folder are refused', async (t) => {
  const top = ground(t);
  writeFileSync(join(top, 'file'), '');
  assert.match(await refusal(join(top, 'file')), /file/);
  assert.match(await refusal(join(top, 'file', 'below')), /not a folder/);
  mkdirSync(join(top, 'real'), { mode: 0o700 });
  symlinkSync(join(top, 'real'), join(top, 'link'));
  assert.match(await refusal(join(top, 'link')), /a link to one \| move it away/);
});

test(
  'a folder of another user is refused with the command that takes it over',
  { skip: skipUnlessRoot() },
  async (t) => {
    const path = join(ground(t), 'theirs');
    mkdirSync(path, { mode: 0o700 });
    chownSync(path, 65_534, 65_534);
    assert.match(await refusal(path), /belongs to another user \| make it yours with: sudo chown 0 /);
    assert.equal(ownerOf(path), 65_534);
    assert.equal(ownerOf(join(path, 'none')), null);
  },
);

test('a read-only file system is named as the reason', { skip: skipUnlessRoot('mount') }, async (t) => {
  const top = ground(t);
  const skipped = mount(top, '-t', 'tmpfs', '-o', 'ro', 'tmpfs');
  if (skipped !== null) return t.skip(skipped);
  assert.match(await refusal(join(top, 'x')), /read-only \| jit exec/);
});
