import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { extendProfiles } from '../../../src/profiles/aws/extend.ts';
import { listProfiles, wipeProfiles } from '../../../src/profiles/aws/wipe.ts';
import { writeProfile, writeStaticCredentials } from '../../../src/profiles/aws/write.ts';
import { entry, given, grant, NOW, scene, staticEntry } from './scene.ts';

const LATER = NOW + 3_600_000;

test('a later end moves the end in the marker and not one other byte, so that wiping still gives the file back', async (t) => {
  const { files, deps } = scene(t);
  const own = '\ufeff[default]\r\nregion = us-east-1\r\n\r\n[profile mine]\r\noutput = json';
  given(files.config, own);
  await writeProfile(files, entry({}), deps);
  await writeProfile(files, entry({ name: 'other', grant: grant(2) }), deps);
  const before = readFileSync(files.config, 'utf8');
  await extendProfiles(files, grant(1), LATER, deps);
  const after = readFileSync(files.config, 'utf8');
  const end = / ends \S+, managed/;
  const [old = '', fresh] = [before, after].map((text) => end.exec(text.slice(text.indexOf(grant(1))))?.[0]);
  assert.equal(fresh, ` ends ${new Date(LATER).toISOString()}, managed`);
  assert.equal(after, before.replace(`${grant(1)}${old}`, `${grant(1)}${fresh}`));
  const found = await listProfiles(files);
  assert.deepEqual(
    found.map((each) => [each.grant, each.expiresAt === LATER, each.intact]),
    [
      [grant(1), true, 'intact'],
      [grant(2), false, 'intact'],
    ],
  );
  await wipeProfiles(files, () => true, deps);
  assert.equal(readFileSync(files.config, 'utf8'), own);
});

test('an earlier end, another grant and a file without profiles change nothing', async (t) => {
  const { files, deps } = scene(t);
  await extendProfiles(files, grant(1), LATER, deps);
  await writeProfile(files, entry({}), deps);
  const before = statSync(files.config, { bigint: true });
  await extendProfiles(files, grant(1), NOW, deps);
  await extendProfiles(files, grant(2), LATER, deps);
  const after = statSync(files.config, { bigint: true });
  assert.deepEqual([after.ino, after.mtimeNs], [before.ino, before.mtimeNs]);
});

test('static keys keep the end at which the cloud refuses them', async (t) => {
  const { files, deps } = scene(t);
  await writeProfile(files, entry({}), deps);
  await writeStaticCredentials(files, staticEntry({}), deps);
  const before = readFileSync(files.credentials, 'utf8');
  await extendProfiles(files, grant(1), LATER, deps);
  assert.equal(readFileSync(files.credentials, 'utf8'), before);
  const found = await listProfiles(files);
  assert.deepEqual(found.map(({ holds, expiresAt }) => `${holds} ${expiresAt === LATER}`).toSorted(), [
    'process true',
    'static false',
  ]);
});

test('what the user added to the profile and changed in it stays, and the end moves all the same', async (t) => {
  const { files, deps } = scene(t);
  await writeProfile(files, entry({}), deps);
  const edited = readFileSync(files.config, 'utf8').replace('eu-west-1', 'us-east-2').concat('output = json\n');
  given(files.config, edited);
  await extendProfiles(files, grant(1), LATER, deps);
  const after = readFileSync(files.config, 'utf8');
  assert.match(after, /region = us-east-2\noutput = json\n$/);
  assert.equal((await listProfiles(files))[0]?.expiresAt, LATER);
});
