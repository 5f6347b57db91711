/**
 * Writes a set of new files into a folder, all of them or none, and nothing over what is there.
 * @module
 */
import { link, lstat, mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { JitError } from '../core/errors.ts';
import { asLocalFault, errnoOf, localFault, shellWord } from '../local/fault.ts';
import { makeFolders, ownUid } from '../local/private-dir.ts';

/** By path below the folder, with `/`, at most one folder deep. The first is what makes the others count. */
export type NewFiles = ReadonlyMap<string, string>;

/**
 * Makes `folder` where it is absent. Files are 0600, folders 0700.
 * Throws `ERR_USAGE`, naming the file, where one of them is there already, and `ERR_LOCAL_FILE` for a folder of somebody
 * else or that others can write to; then nothing of it is left behind.
 */
export async function writeNewFiles(folder: string, files: NewFiles): Promise<void> {
  try {
    const present = await lookAt(folder);
    if (present === 'absent') await makeFolders(dirname(folder));
    else await refuseExisting(folder, files);
    const stage = await mkdtemp(join(present === 'absent' ? dirname(folder) : folder, '.jit-init-'));
    try {
      await fill(stage, files);
      if (present === 'absent') await rename(stage, folder).catch(taken(folder));
      else await moveInto(folder, stage, files);
    } finally {
      await rm(stage, { recursive: true, force: true });
    }
  } catch (thrown) {
    throw asLocalFault(thrown, folder);
  }
}

/** Throws `ERR_USAGE` naming the first of the files that is there already. Saves questions whose answers would be lost. */
export async function refuseExisting(folder: string, files: Pick<NewFiles, 'keys'>): Promise<void> {
  for (const name of topNames(files)) {
    const path = join(folder, name);
    const found = await lstat(path).catch((thrown: unknown) => {
      if (errnoOf(thrown) === 'ENOENT') return null;
      throw asLocalFault(thrown, path);
    });
    if (found !== null) throw alreadyThere(path);
  }
}

async function lookAt(folder: string): Promise<'absent' | 'present'> {
  const found = await lstat(folder).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT') return null;
    throw thrown;
  });
  if (found === null) return 'absent';
  if (!found.isDirectory()) throw localFault(folder, 'not a folder, or a link to one', 'name another folder');
  const uid = ownUid();
  if (uid === null) return 'present';
  if (found.uid !== uid)
    throw localFault(folder, 'belongs to another user', 'run this as that user, or name another folder');
  if ((found.mode & 0o022) !== 0) {
    throw localFault(folder, 'others can write to it', `close it with: chmod go-w ${shellWord(folder)}`);
  }
  return 'present';
}

async function fill(stage: string, files: NewFiles): Promise<void> {
  for (const [name, content] of files) {
    const path = join(stage, name);
    if (dirname(path) !== stage) {
      await mkdir(dirname(path), { mode: 0o700 }).catch((thrown: unknown) => {
        if (errnoOf(thrown) !== 'EEXIST') throw thrown;
      });
    }
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

async function moveInto(folder: string, stage: string, files: NewFiles): Promise<void> {
  const moved: string[] = [];
  try {
    // The first comes last: where it is, everything is.
    for (const name of topNames(files).toReversed()) {
      const [from, to] = [join(stage, name), join(folder, name)];
      // Neither replaces anything: link(2) refuses a name that is taken, rename(2) of a folder one that is not empty.
      const isFile = (await lstat(from)).isFile();
      await (isFile ? link(from, to) : rename(from, to)).catch(taken(to));
      moved.push(to);
    }
  } catch (thrown) {
    for (const path of moved) await rm(path, { recursive: true, force: true });
    throw thrown;
  }
}

function topNames(files: Pick<NewFiles, 'keys'>): readonly string[] {
  return [...new Set([...files.keys()].map((name) => name.split('/')[0] ?? name))];
}

function taken(path: string): (thrown: unknown) => never {
  return (thrown) => {
    if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(errnoOf(thrown) ?? '')) throw alreadyThere(path);
    throw thrown;
  };
}

function alreadyThere(path: string): JitError {
  return new JitError({
    code: 'ERR_USAGE',
    message: `${path} is there already, and nothing is overwritten`,
    hint: `move ${basename(path)} away, or name another folder`,
  });
}
