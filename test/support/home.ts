/**
 * A home folder of its own for one test, and the end of every process that was started with it.
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { eventually } from './eventually.ts';

export interface Home {
  readonly path: string;
  /** All that a program needs to know about it: PATH, HOME and the XDG folders, and nothing of the real environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** A private folder that is removed after the test. Its path is short, because sockets go into folders like it. */
export function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'jit-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** An empty home. After the test, whatever still runs with this HOME is killed, daemons included, and it is removed. */
export function tempHome(t: TestContext): Home {
  const path = mkdtempSync(join(tmpdir(), 'jit-'));
  const runtime = join(path, 'run');
  mkdirSync(runtime, { mode: 0o700 });
  t.after(async () => {
    await endProcesses(path);
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  });
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: path,
    XDG_CONFIG_HOME: join(path, '.config'),
    XDG_STATE_HOME: join(path, '.local', 'state'),
    XDG_CACHE_HOME: join(path, '.cache'),
    XDG_RUNTIME_DIR: runtime,
  };
  return { path, env };
}

/** Kills every process whose environment names this home, and waits until they are gone. */
export async function endProcesses(home: string): Promise<void> {
  for (const pid of processesOf(home)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  await eventually(() => processesOf(home).length === 0);
}

/** Process ids, from /proc; elsewhere than on Linux none are found. */
export function processesOf(home: string): readonly number[] {
  const marker = Buffer.from(`\0HOME=${home}\0`);
  return numericNames('/proc').filter((pid) => {
    try {
      // A zombie has no command line any more: it has ended, and only its parent can clear it away.
      if (readFileSync(`/proc/${pid}/cmdline`).length === 0) return false;
      const environment = readFileSync(`/proc/${pid}/environ`);
      return Buffer.concat([Buffer.from('\0'), environment]).includes(marker);
    } catch {
      return false;
    }
  });
}

function numericNames(folder: string): readonly number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => pid !== process.pid);
  } catch {
    return [];
  }
}
