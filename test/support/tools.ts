/**
 * Programs that a test needs and a machine may lack.
 * @module
 */
import { spawnSync } from 'node:child_process';

/** For a test's `skip`: false where every program is on the PATH, else the reason, so that a run shows what it left out. */
export function skipUnless(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => spawnSync('sh', ['-c', `command -v "$0"`, program]).status !== 0);
  return missing.length === 0 ? false : `needs ${missing.join(', ')}`;
}

/** The same for tests that change owners or mount file systems. */
export function skipUnlessRoot(...programs: readonly string[]): string | false {
  return process.geteuid?.() === 0 ? skipUnless(...programs) : 'needs root';
}
