/**
 * The file that holds the store: private to the broker's user, or refused.
 * @module
 */
import { lstat, open } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { JitError } from '../../../core/errors.ts';

/**
 * Makes the file, empty and 0600, when it is missing. Throws `ERR_STORE` when the folder is missing, or when folder or file
 * belong to somebody else, are open to others, or are not a plain folder and a plain file.
 *
 * An existing file is only looked at: closing a descriptor on it would drop the locks of a database that this process has
 * open (https://sqlite.org/howtocorrupt.html, section 2.2).
 */
export async function prepareFile(file: string): Promise<void> {
  const path = resolve(file);
  const folder = await look(dirname(path));
  if (folder === null || !folder.isDirectory()) {
    throw refused(`there is no folder ${dirname(path)}`, `mkdir -m 700 ${dirname(path)}`);
  }
  requirePrivate(folder, dirname(path), '700');
  const found = (await look(path)) ?? (await create(path));
  if (found === null) return;
  if (!found.isFile()) throw refused(`${path} is not a plain file`, 'name a file of its own for the store');
  requirePrivate(found, path, '600');
}

async function look(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (thrown) {
    if (isCode(thrown, 'ENOENT')) return null;
    throw refused(`${path} cannot be looked at`, 'check its permissions', thrown);
  }
}

/** @returns what is there when another process was faster, null when the file is ours. */
async function create(path: string): Promise<Stats | null> {
  try {
    const handle = await open(path, 'wx', 0o600);
    await handle.close();
    const folder = await open(dirname(path), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return null;
  } catch (thrown) {
    if (isCode(thrown, 'EEXIST')) return look(path);
    throw refused(`${path} cannot be created`, 'check the permissions of its folder and the room on its disk', thrown);
  }
}

function requirePrivate(stats: Stats, path: string, mode: string): void {
  // Windows has no such modes; there the profile folder's access list keeps others out.
  const user = process.getuid?.();
  if (user === undefined) return;
  if (stats.uid !== user)
    throw refused(`${path} belongs to another user`, `chown it to the broker's user (uid ${user})`);
  if ((stats.mode & 0o077) !== 0) throw refused(`${path} is open to other users`, `chmod ${mode} ${path}`);
}

function refused(message: string, hint: string, cause?: unknown): JitError {
  return new JitError({ code: 'ERR_STORE', message, hint, cause });
}

const isCode = (thrown: unknown, code: string): boolean =>
  thrown instanceof Error && 'code' in thrown && thrown.code === code;
