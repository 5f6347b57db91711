/**
 * One jit process for the tests with many: `editor.ts HOME INDEX MODE` writes its own profile (`write`), wipes it (`wipe`),
 * does both, or does both again and again (`loop`).
 * @module
 */
import { join } from 'node:path';
import { wipeProfiles } from '../../../src/profiles/aws/wipe.ts';
import { writeProfile } from '../../../src/profiles/aws/write.ts';
import { grantId } from '../../../src/core/ids.ts';

const [home = '', index = '0', mode = 'write'] = process.argv.slice(2);
const files = { config: join(home, '.aws', 'config'), credentials: join(home, '.aws', 'credentials') };
const deps = { locks: join(home, 'locks'), now: () => Date.now(), waitMs: 120_000 };
const own = grantId(new Uint8Array(16).fill(Number(index)));
const command = { runtime: '/usr/bin/node', script: '/opt/jit/bin/jit' };

async function write(): Promise<void> {
  const entry = { name: `p${index}`, grant: own, expiresAt: Date.now() + 600_000, command };
  await writeProfile(files, entry, deps);
}

async function wipe(): Promise<void> {
  const { failed } = await wipeProfiles(files, (profile) => profile.grant === own, deps);
  if (failed.length > 0) process.exitCode = 11;
}

if (mode === 'loop') process.stdout.write('ready');
do {
  if (mode !== 'wipe') await write();
  if (mode !== 'write') await wipe();
} while (mode === 'loop');
