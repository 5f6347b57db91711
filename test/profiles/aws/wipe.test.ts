import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { listProfiles, wipeProfiles } from '../../../src/profiles/aws/wipe.ts';
import { writeProfile, writeStaticCredentials } from '../../../src/profiles/aws/write.ts';
import { NOW, entry, given, grant, scene, staticEntry } from './scene.ts';

const read = (path: string): string => fs.readFileSync(path, 'utf8');

test('only the selected profiles go, both halves of a static one at once', async (t) => {
  const { files, deps } = scene(t);
  given(files.config, '[default]\nregion = a');
  await writeProfile(files, entry({ name: 'one' }), deps);
  await writeStaticCredentials(files, staticEntry({ name: 'one' }), deps);
  await writeProfile(files, entry({ name: 'two', grant: grant(2), expiresAt: NOW + 500_000 }), deps);
  const { wiped } = await wipeProfiles(files, ({ expiresAt }) => expiresAt <= NOW + 120_000, deps);
  assert.deepEqual(
    wiped.map(({ name, holds }) => [name, holds]),
    [
      ['one', 'static'],
      ['one', 'process'],
    ],
  );
  assert.equal(fs.existsSync(files.credentials), false);
  assert.deepEqual(
    (await listProfiles(files)).map(({ name }) => name),
    ['two'],
  );
  await wipeProfiles(files, () => true, deps);
  assert.equal(read(files.config), '[default]\nregion = a');
});

test('keys that the user added or changed stay under their header; only their names are reported', async (t) => {
  const { files, deps } = scene(t);
  given(files.config, '[default]\nregion = a\n');
  await writeProfile(files, entry(), deps);
  fs.writeFileSync(
    files.config,
    read(files.config).replace('region = eu-west-1', 'region = mine\noutput = s3cr3t\n# my note'),
  );
  assert.equal((await listProfiles(files))[0]?.intact, 'edited');
  const { wiped, conflicts } = await wipeProfiles(files, () => true, deps);
  assert.equal(wiped.length, 1);
  assert.deepEqual(
    conflicts.map(({ kept }) => kept),
    [['region', 'output']],
  );
  assert.equal(
    read(files.config),
    '[default]\nregion = a\n\n[profile jit-reports]\nregion = mine\noutput = s3cr3t\n# my note\n',
  );
  assert.deepEqual(await listProfiles(files), []);
});

test('a secret that was only moved, re-indented or given other line ends is still removed', async (t) => {
  const { files, deps } = scene(t);
  await writeStaticCredentials(files, staticEntry(), deps);
  const text = read(files.credentials)
    .replace('aws_secret_access_key = ', 'aws_secret_access_key=')
    .replaceAll('\n', '\r\n');
  fs.writeFileSync(files.credentials, `[default]\r\nx = 1\r\n${text}`);
  const { conflicts } = await wipeProfiles(files, () => true, deps);
  assert.deepEqual(conflicts, []);
  assert.equal(read(files.credentials), '[default]\r\nx = 1\r\n');
});

test('a renamed section loses our lines but keeps its header; a copy of a section loses its copy too', async (t) => {
  const { files, deps } = scene(t);
  await writeProfile(files, entry(), deps);
  const block = read(files.config);
  fs.writeFileSync(files.config, block.replace('jit-reports', 'mine') + block);
  const { wiped, conflicts } = await wipeProfiles(files, () => true, deps);
  assert.deepEqual(
    wiped.map(({ name, intact }) => [name, intact]),
    [
      ['mine', 'edited'],
      ['jit-reports', 'intact'],
    ],
  );
  assert.equal(conflicts.length, 1);
  assert.equal(read(files.config), '[profile mine]\n');
});

test('without its header, our lines go from the section that they fell into, and nothing else of it does', async (t) => {
  const { files, deps } = scene(t);
  given(files.config, '[default]\nregion = a\n');
  await writeProfile(files, entry(), deps);
  fs.writeFileSync(files.config, read(files.config).replace('[profile jit-reports]\n', ''));
  const { conflicts } = await wipeProfiles(files, () => true, deps);
  assert.deepEqual(
    conflicts.map(({ kept }) => kept),
    [['region']],
  );
  assert.equal(read(files.config), '[default]\nregion = a\n\n');
});

test('a value that the user continued on the next line is theirs', async (t) => {
  const { files, deps } = scene(t);
  await writeProfile(files, entry(), deps);
  fs.appendFileSync(files.config, '  continued\n');
  const { conflicts } = await wipeProfiles(files, () => true, deps);
  assert.deepEqual(
    conflicts.map(({ kept }) => kept),
    [['region', '']],
  );
  assert.equal(read(files.config), '[profile jit-reports]\nregion = eu-west-1\n  continued\n');
});

test('an unreadable file does not keep the other from being wiped, and is reported, listed and left alone', async (t) => {
  const { files, deps } = scene(t);
  await writeProfile(files, entry(), deps);
  await writeStaticCredentials(files, staticEntry(), deps);
  fs.appendFileSync(files.credentials, 'half');
  const before = read(files.credentials);
  const { wiped, failed } = await wipeProfiles(files, () => true, deps);
  assert.deepEqual(
    wiped.map(({ file }) => file),
    [files.config],
  );
  assert.deepEqual(
    failed.map(({ code, hint }) => [code, hint]),
    [['ERR_LOCAL_FILE', 'repair line 7 in an editor, then try again']],
  );
  assert.equal(read(files.credentials), before);
  assert.equal((await listProfiles(files)).length, 1);
});

test('wiping where nothing is, or nothing of ours, takes no lock and creates nothing', async (t) => {
  const { home, files, deps } = scene(t);
  assert.deepEqual(await wipeProfiles(files, () => true, deps), { wiped: [], conflicts: [], failed: [] });
  given(files.config, '[default]\n');
  const before = fs.statSync(files.config, { bigint: true });
  await wipeProfiles(files, () => true, deps);
  assert.equal(fs.statSync(files.config, { bigint: true }).mtimeNs, before.mtimeNs);
  assert.deepEqual(fs.readdirSync(home), ['.aws']);
});

test('two wipers at once: each entry is gone, neither fails', async (t) => {
  const { files, deps } = scene(t);
  given(files.config, '[default]\n');
  for (const n of [1, 2, 3]) await writeProfile(files, entry({ name: `p${n}`, grant: grant(n) }), deps);
  const both = await Promise.all([wipeProfiles(files, () => true, deps), wipeProfiles(files, () => true, deps)]);
  assert.equal(both.flatMap(({ wiped }) => wiped).length, 3);
  assert.deepEqual(
    both.flatMap(({ failed }) => failed),
    [],
  );
  assert.equal(read(files.config), '[default]\n');
});

test('a file that was there but empty stays; one that jit made goes with the last profile, in either order', async (t) => {
  const { files, deps } = scene(t);
  given(files.config, '');
  await writeProfile(files, entry(), deps);
  await wipeProfiles(files, () => true, deps);
  assert.equal(read(files.config), '');
  fs.rmSync(files.config);
  for (const first of [1, 2]) {
    for (const n of [1, 2]) await writeProfile(files, entry({ name: `p${n}`, grant: grant(n) }), deps);
    await wipeProfiles(files, (profile) => profile.grant === grant(first), deps);
    assert.equal((await listProfiles(files)).length, 1);
    await wipeProfiles(files, () => true, deps);
    assert.equal(fs.existsSync(files.config), false);
  }
});
