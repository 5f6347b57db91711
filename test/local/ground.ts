/**
 * What the tests of local files share: a folder that is removed again, and child processes that are waited for.
 * @module
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

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

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, with nothing of this environment but PATH and what `env` adds. */
export async function run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
  return await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      resolve({ status, signal, stdout, stderr });
    });
  });
}

/** Why a test cannot run here, or false: for `skip`, so that a run shows what it left out. */
export function without(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
  return missing.length === 0 ? false : `needs ${missing.join(', ')}`;
}

/** The same for tests that change owners or mount file systems. */
export function unlessRoot(...programs: readonly string[]): string | false {
  return process.geteuid?.() === 0 ? without(...programs) : 'needs root';
}

/** Runs mount(8) until the test's ground is removed; a reason to skip where it is not permitted, else null. */
export function mount(point: string, ...args: readonly string[]): string | null {
  const done = spawnSync('mount', [...args, point], { encoding: 'utf8' });
  if (done.status !== 0) return `mount is not permitted: ${done.stderr.trim()}`;
  mounts.push(point);
  return null;
}

/** Waits until `ready` holds. */
export async function until(ready: () => boolean, withinMs = 10_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!ready()) {
    if (performance.now() > end) throw new Error('it did not happen in time');
    await sleep(5);
  }
}
