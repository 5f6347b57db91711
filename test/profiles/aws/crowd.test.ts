import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { firstBadLine, parseSections } from '../../../src/profiles/aws/ini.ts';
import { listProfiles, wipeProfiles } from '../../../src/profiles/aws/wipe.ts';
import { run } from '../../local/ground.ts';
import { eventually } from '../../support/eventually.ts';
import { skipUnless } from '../../support/tools.ts';
import { given, scene } from './scene.ts';

const EDITOR = join(import.meta.dirname, 'editor.ts');
const ORIGINAL = '# mine\n[default]\nregion = us-east-1\n\n[profile theirs]\ns3 =\n  x = 1';
const numbers = Array.from({ length: 50 }, (_, index) => index + 1);
const names = numbers.map((n) => `p${n}`).toSorted();

test('50 real processes write a profile each at once: every one is there, and wiping them restores every byte', async (t) => {
  const { home, files, deps } = scene(t);
  given(files.config, ORIGINAL);
  const crowd = async (mode: string, some: readonly number[]): Promise<void> => {
    const all = await Promise.all(some.map((n) => run(process.execPath, [EDITOR, home, String(n), mode])));
    for (const ended of all) assert.deepEqual([ended.status, ended.stderr], [0, '']);
  };
  await crowd('write', numbers);
  assert.deepEqual((await listProfiles(files)).map(({ name }) => name).toSorted(), names);
  assert.equal(firstBadLine(parseSections(fs.readFileSync(files.config, 'latin1'))), null);
  await crowd('wipe', numbers.slice(10, 20));
  assert.equal((await wipeProfiles(files, () => true, deps)).wiped.length, 40);
  assert.equal(fs.readFileSync(files.config, 'utf8'), ORIGINAL);
  assert.deepEqual(fs.readdirSync(join(home, '.aws')), ['config']);
});

// The writer of `aws configure set` in a loop: it reads, truncates and writes in place, without any lock.
const RIVAL = `
import signal, sys, time
from awscli.customizations.configure.writer import ConfigFileWriter
path, n, stop = sys.argv[1], 0, []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
print('ready', flush=True)
while not stop:
    n += 1
    for profile in ('theirs', 'other'):
        ConfigFileWriter().update_config({'__section__': 'profile ' + profile, 'n': str(n)}, path)
    time.sleep(0.03)
`;

test(
  'beside the writer of "aws configure set" in a loop, nothing foreign is lost and the file always parses in the end',
  { skip: skipUnless('python3', 'aws') },
  async (t) => {
    const { home, files } = scene(t);
    given(files.config, `${ORIGINAL}\n`);
    const rival = spawn('python3', ['-c', RIVAL, files.config], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => rival.kill('SIGKILL'));
    let ready = false;
    rival.stdout.on('data', () => (ready = true));
    await eventually(() => ready || rival.exitCode !== null);
    if (rival.exitCode !== null) return t.skip('awscli is not importable');
    const some = numbers.slice(0, 16);
    const all = await Promise.all(
      some.map((n) => run(process.execPath, [EDITOR, home, String(n), n % 4 === 0 ? 'both' : 'write'])),
    );
    // Gently: killed between truncating and writing, it would destroy the file by itself.
    rival.kill('SIGTERM');
    await eventually(() => rival.exitCode !== null);
    for (const ended of all) assert.deepEqual([ended.status, ended.stderr], [0, '']);
    const text = fs.readFileSync(files.config, 'utf8');
    assert.ok(
      text.startsWith('# mine\n[default]\nregion = us-east-1\n\n[profile theirs]\ns3 =\n  x = 1\n'),
      JSON.stringify(text),
    );
    assert.match(text, /\[profile other\]\nn = \d+\n/);
    assert.equal(firstBadLine(parseSections(text)), null);
    const left = new Set((await listProfiles(files)).map(({ name }) => name));
    const kept = some.filter((n) => n % 4 !== 0);
    const lost = kept.filter((n) => !left.has(`p${n}`));
    t.diagnostic(`${lost.length} of ${kept.length} profiles were overwritten by an older copy of the other program`);
  },
);
