import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstBadLine, parseSections } from '../../../src/profiles/aws/ini.ts';
import { removeSections } from '../../../src/profiles/aws/sections.ts';
import { wipeProfiles } from '../../../src/profiles/aws/wipe.ts';
import { writeProfile, writeStaticCredentials } from '../../../src/profiles/aws/write.ts';
import { run } from '../../local/ground.ts';
import { eventually } from '../../support/eventually.ts';
import { skipUnless } from '../../support/tools.ts';
import { entry, given, scene, staticEntry } from './scene.ts';
import type { Scene } from './scene.ts';

const EDITOR = join(import.meta.dirname, 'editor.ts');
const ORIGINAL = '# mine\r\n[default]\r\nregion = us-east-1';
const read = (path: string): string => fs.readFileSync(path, 'latin1');

/** What must hold after any death, and that the next jit process finds nothing in its way. */
async function recovers({ home, files, deps }: Scene): Promise<void> {
  const text = read(files.config);
  assert.equal(firstBadLine(parseSections(text)), null);
  assert.equal(removeSections(text, () => true).text, ORIGINAL);
  await wipeProfiles(files, () => true, deps);
  await writeProfile(files, entry(), deps);
  await wipeProfiles(files, () => true, deps);
  assert.equal(read(files.config), ORIGINAL);
  assert.deepEqual(fs.readdirSync(join(home, '.aws')), ['config']);
}

for (const [at, written] of [
  ['fsync:when=1', false],
  ['rename:when=1', false],
  ['fsync:when=2', true],
] as const) {
  test(
    `kill -9 of a writing process at ${at} leaves the ${written ? 'new' : 'old'} file, no lock and no lasting temp (strace)`,
    { skip: skipUnless('strace') },
    async (t) => {
      const set = scene(t);
      given(set.files.config, ORIGINAL);
      const inject = ['-qq', '-f', '-o', '/dev/null', '-e', `inject=${at.replace(':', ':signal=SIGKILL:')}`];
      const ended = await run('strace', [...inject, process.execPath, EDITOR, set.home, '7', 'write'], {
        UV_THREADPOOL_SIZE: '1',
      });
      assert.notEqual(ended.status, 0);
      assert.equal(read(set.files.config) !== ORIGINAL, written);
      assert.equal(fs.readdirSync(join(set.home, '.aws')).length, written ? 1 : 2);
      await recovers(set);
    },
  );
}

test('kill -9 at 20 random moments of writing and wiping leaves a file that reads as before or with the profile', async (t) => {
  const set = scene(t);
  given(set.files.config, ORIGINAL);
  for (let round = 0; round < 20; round++) {
    const child = spawn(process.execPath, [EDITOR, set.home, '7', 'loop'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let ready = false;
    child.stdout.on('data', () => (ready = true));
    await eventually(() => ready);
    await sleep(randomInt(80));
    child.kill('SIGKILL');
    await eventually(() => child.signalCode !== null);
    assert.equal(removeSections(read(set.files.config), () => true).text, ORIGINAL);
  }
  await recovers(set);
});

test('a temp with static keys that a killed process left goes with the next edit of that file', async (t) => {
  const { home, files, deps } = scene(t);
  given(join(home, '.aws', '.jit-999999999-0123456789abcdef.tmp'), 'aws_secret_access_key = left');
  given(join(home, '.aws', '.jit-mine.tmp'), 'not ours');
  await writeStaticCredentials(files, staticEntry(), deps);
  assert.deepEqual(fs.readdirSync(join(home, '.aws')).toSorted(), ['.jit-mine.tmp', 'credentials']);
});
