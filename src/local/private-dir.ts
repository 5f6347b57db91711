/**
 * Folders that only their user can enter.
 * @module
 */
import { statSync } from 'node:fs';
import { lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asLocalFault, errnoOf, localFault, shellWord } from './fault.ts';

/** The effective user id, or null on Windows, where access control lists guard the profile folder instead. */
export function ownUid(): number | null {
  return process.geteuid?.() ?? null;
}

/** The owner of a path, links followed; null where nothing is there or it cannot be looked at. */
export function ownerOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.uid ?? null;
}

/** Makes a folder and its missing parents with mode 0700. What exists is left as it is; errors are those of mkdir(2). */
export async function makeFolders(path: string): Promise<void> {
  // Not the recursive mkdir of Node: on a read-only file system it reports ENOENT.
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (thrown) {
    if (errnoOf(thrown) === 'EEXIST') return;
    if (errnoOf(thrown) !== 'ENOENT' || dirname(path) === path) throw thrown;
    await makeFolders(dirname(path));
    await makeFolders(path);
  }
}

/**
 * Makes `path` and its missing parents with mode 0700, then looks at what is really there.
 * Throws `ERR_LOCAL_FILE`, with the command that repairs it, for anything but a real directory of this user without
 * rights for group and others. An existing folder is never changed: whoever opened it may have meant to.
 */
export async function ensurePrivateDir(path: string): Promise<void> {
  try {
    await makeFolders(path);
    const found = await lstat(path);
    if (!found.isDirectory()) {
      throw localFault(
        path,
        'not a folder, or a link to one',
        `move it away with: mv ${shellWord(path)} ${shellWord(`${path}.old`)}`,
      );
    }
    const uid = ownUid();
    if (uid === null) return;
    if (found.uid !== uid) {
      throw localFault(path, 'belongs to another user', `make it yours with: sudo chown ${uid} ${shellWord(path)}`);
    }
    if ((found.mode & 0o077) !== 0) {
      throw localFault(path, 'open to other users', `close it with: chmod 700 ${shellWord(path)}`);
    }
  } catch (thrown) {
    throw asLocalFault(thrown, path);
  }
}
