/**
 * What the tests of local files share: a folder that is removed again, and child processes that are waited for.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Ended, run as runProgram } from '../support/run.ts';

// The hooks of a test run in the order of their making, and a mount must go before the folder that holds it.
const mounts: string[] = [];

/** A private folder for one test. Its mounts go with it. */
export function ground(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'jit-test-'));
  chmodSync(folder, 0o700);
  t.after(() => {
    for (const point of mounts.splice(0).toReversed()) spawnSync('umount', ['-l', point]);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Runs a program to its end, with nothing of this environment but PATH and what `env` adds. */
export async function run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return runProgram(program, args, { env: { PATH: process.env['PATH'] ?? '', ...env } });
}

/** Runs mount(8) until the test's ground is removed; a reason to skip where it is not permitted, else null. */
export function mount(point: string, ...args: readonly string[]): string | null {
  const done = spawnSync('mount', [...args, point], { encoding: 'utf8' });
  if (done.status !== 0) return `mount is not permitted: ${done.stderr.trim()}`;
  mounts.push(point);
  return null;
}
