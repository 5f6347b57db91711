import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadPolicySources } from '../../../src/broker/config/policy-sources.ts';

async function folderOf(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'jit-policies-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content, { mode: 0o644 });
  return folder;
}

test('all .cedar files come sorted by name; other files and subfolders are left alone', async (t) => {
  const folder = await folderOf(t, { 'b.cedar': 'B', 'a.cedar': 'A', 'a.cedar.bak': 'x', 'README.md': 'x' });
  await mkdir(join(folder, 'sub'));
  assert.deepEqual(await loadPolicySources(folder), [
    { name: 'a.cedar', text: 'A' },
    { name: 'b.cedar', text: 'B' },
  ]);
});

test('a folder that is missing or holds no policy is refused: nobody meant to permit nothing', async (t) => {
  await assert.rejects(loadPolicySources(join(tmpdir(), 'jit-no-such-folder')), { code: 'ERR_CONFIG' });
  await assert.rejects(loadPolicySources(await folderOf(t, { 'a.txt': '' })), /no \.cedar file/);
});

test('a link, a folder, a pipe and a file that everybody can write to are refused', async (t) => {
  const linked = await folderOf(t, { target: 'x' });
  await symlink(join(linked, 'target'), join(linked, 'a.cedar'));
  await assert.rejects(loadPolicySources(linked), /a\.cedar: cannot be read, or is a link/);
  const nested = await folderOf(t, {});
  await mkdir(join(nested, 'a.cedar'));
  await assert.rejects(loadPolicySources(nested), /not a regular file/);
  const open = await folderOf(t, { 'a.cedar': '' });
  await chmod(join(open, 'a.cedar'), 0o666);
  await assert.rejects(loadPolicySources(open), /everybody can write/);
  const piped = await folderOf(t, {});
  execFileSync('mkfifo', [join(piped, 'a.cedar')]);
  await assert.rejects(loadPolicySources(piped), /not a regular file/);
});

test('a giant, bytes that are not UTF-8, and names that cannot be part of an id are refused', async (t) => {
  await assert.rejects(loadPolicySources(await folderOf(t, { 'a.cedar': 'x'.repeat(1_048_577) })), /larger than/);
  await assert.rejects(loadPolicySources(await folderOf(t, { 'a.cedar': new Uint8Array([0xff, 0xfe]) })), /not UTF-8/);
  await assert.rejects(loadPolicySources(await folderOf(t, { 'a#b.cedar': '' })), /not usable/);
  await assert.rejects(loadPolicySources(await folderOf(t, { 'a\u202eb.cedar': '' })), /not usable/);
});
