/**
 * Locks between processes. The lock is the kernel's own, taken through SQLite, so it ends with its holder however
 * that dies, and no file has to be judged stale.
 * @module
 */
import { randomInt } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { JitError } from '../core/errors.ts';
import { asLocalFault, errnoOf, localFault, shellWord } from './fault.ts';
import { ensurePrivateDir } from './private-dir.ts';

/** A lock that is held. */
export interface Lock {
  /** Gives it back. Calling it twice is harmless. */
  release(): void;
}

const NAME = /^[a-z][a-z0-9-]{0,63}$/;
const SQLITE_BUSY = 5;
const SQLITE_NOTADB = 26;

// A connection that nobody refers to is closed by the garbage collector, and with it the lock is gone.
const held = new Set<DatabaseSync>();

/**
 * Takes the lock `name` in the private folder `dir`, or returns null at once when somebody else has it, this process
 * included. Held until released or until the process ends. The file stays behind, empty: it is never removed, since
 * a holder of a removed file and a holder of its successor would both believe themselves alone.
 * Throws `ERR_LOCAL_FILE` where the file system has no locks.
 */
export async function holdLock(name: string, dir: string): Promise<Lock | null> {
  const connection = await connect(name, dir);
  let lock: Lock | null = null;
  try {
    lock = tryTake(connection);
  } finally {
    if (lock === null) connection.database.close();
  }
  return lock;
}

/**
 * Runs `work` alone among all processes that use the same `name` and `dir`.
 * @param wait.waitMs how long to wait for the lock before `ERR_LOCAL_FILE`.
 */
export async function withLock<T>(
  name: string,
  dir: string,
  wait: { readonly waitMs: number },
  work: () => Promise<T>,
): Promise<T> {
  const lock = await waitFor(name, dir, wait.waitMs);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

async function waitFor(name: string, dir: string, waitMs: number): Promise<Lock> {
  const connection = await connect(name, dir);
  const giveUp = performance.now() + waitMs;
  try {
    for (;;) {
      const lock = tryTake(connection);
      if (lock !== null) return lock;
      if (performance.now() >= giveUp) {
        throw new JitError({
          code: 'ERR_LOCAL_FILE',
          message: `another jit process is editing (${name}) and did not finish in ${Math.ceil(waitMs / 1_000)}s`,
          hint: 'try again in a moment',
        });
      }
      // Not the busy timeout of SQLite: it would block the whole event loop. Random, so that waiters do not march in step.
      await sleep(randomInt(4, 20));
    }
  } catch (thrown) {
    connection.database.close();
    throw thrown;
  }
}

interface Connection {
  readonly database: DatabaseSync;
  readonly path: string;
}

async function connect(name: string, dir: string): Promise<Connection> {
  if (!NAME.test(name)) throw new RangeError('a lock has a short lower-case name');
  await ensurePrivateDir(dir);
  const path = join(dir, `${name}.lock`);
  // Imported late: most commands take no lock.
  const { DatabaseSync } = await import('node:sqlite');
  try {
    createPrivate(path);
    return { database: new DatabaseSync(path), path };
  } catch (thrown) {
    throw asLocalFault(thrown, path);
  }
}

// POSIX drops all locks of a process on a file when it closes any descriptor of it: an existing file must not be opened
// here, and nothing may run between the two calls.
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EEXIST') throw thrown;
  }
}

function tryTake({ database, path }: Connection): Lock | null {
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (thrown) {
    const reason = thrown instanceof Error && 'errcode' in thrown ? thrown.errcode : null;
    if (reason === SQLITE_BUSY) return null;
    if (reason === SQLITE_NOTADB) {
      throw localFault(path, 'the lock file is damaged', `remove it with: rm ${shellWord(path)}`, thrown);
    }
    throw localFault(
      path,
      'cannot be locked',
      'keep it on a file system that has locks (not every network mount has)',
      thrown,
    );
  }
  held.add(database);
  return {
    release: () => {
      if (held.delete(database)) database.close();
    },
  };
}
