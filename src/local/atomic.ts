/**
 * Reading and replacing files of this user so that nothing foreign is followed and no crash leaves half a file.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, lstatSync, openSync, readSync, renameSync, unlinkSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { lstat, open, readdir, realpath, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asLocalFault, errnoOf, localFault, shellWord } from './fault.ts';
import { ownUid } from './private-dir.ts';

/** A file as it was read. `handle` stays open on that very file, whatever takes its name later: close it. */
export interface OpenFile {
  /** Where the file really is, after the user's own symbolic link. */
  readonly real: string;
  readonly linked: boolean;
  readonly bytes: Buffer;
  readonly mode: number;
  readonly ino: bigint;
  /** When it was last written, in epoch milliseconds. */
  readonly mtimeMs: number;
  readonly handle: FileHandle;
}

/** What must still be true right before a file is replaced. */
export type Expectation = Pick<OpenFile, 'ino' | 'bytes'> | 'absent';

// O_NONBLOCK so that a FIFO planted between the look and the opening cannot hang us.
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * The content of a regular file of this user, or null where nothing is there. A symbolic link is followed if both the
 * link and the file are this user's (dotfile programs keep `~/.aws/config` so).
 * Throws `ERR_LOCAL_FILE` for a FIFO, device or folder, a second hard link, a foreign owner, a dangling link,
 * and more than `maxBytes`.
 */
export async function readOwnFile(path: string, maxBytes: number): Promise<Buffer | null> {
  const file = await openOwnFile(path, maxBytes);
  await file?.handle.close();
  return file?.bytes ?? null;
}

/** `readOwnFile` that keeps the file open, so that a later write to it by another program can be noticed. */
export async function openOwnFile(path: string, maxBytes: number): Promise<OpenFile | null> {
  try {
    const place = await findOwn(path);
    if (place.found === null) return null;
    const handle = await open(place.real, READ);
    try {
      const found = await handle.stat({ bigint: true });
      checkOwn(path, found);
      const bytes = await readAtMost(handle, path, maxBytes);
      return {
        real: place.real,
        linked: place.linked,
        bytes,
        mode: Number(found.mode) & 0o777,
        ino: found.ino,
        mtimeMs: Number(found.mtimeMs),
        handle,
      };
    } catch (thrown) {
      await handle.close();
      throw thrown;
    }
  } catch (thrown) {
    // Somebody replaced or removed it between the look and the opening: absent is as true as present was.
    if (errnoOf(thrown) === 'ENOENT') return null;
    throw asLocalFault(thrown, path);
  }
}

/** Everything in an open file from its start. Throws `ERR_LOCAL_FILE` above `maxBytes`. */
export async function readAtMost(handle: FileHandle, path: string, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let total = 0;
  for (;;) {
    const part = Buffer.allocUnsafe(65_536);
    const { bytesRead } = await handle.read(part, 0, part.length, total);
    if (bytesRead === 0) return Buffer.concat(parts, total);
    total += bytesRead;
    if (total > maxBytes)
      throw localFault(path, `larger than ${maxBytes} bytes`, 'jit does not edit a file of that size');
    parts.push(part.subarray(0, bytesRead));
  }
}

/** Whether another program is changing the file at this moment. */
export type Busy = () => boolean;

/**
 * Puts `bytes` in the place of the file, or creates it: a reader sees the old file or the new one, also after a crash or
 * a power cut. Follows the user's own link as `readOwnFile` does and keeps the mode of an existing file.
 * @param options.mode for a file that is not there yet.
 * @param options.expect looked at right before the change; when it no longer holds, nothing happens and `changed` is
 * returned. Between that look and the change lies one system call in which a program without our lock can still write.
 * @param options.busy asked right after that look: whether another program is at the file, which is `changed` too.
 * Throws `ERR_LOCAL_FILE` with the old file intact and no temporary file left.
 */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  options: { readonly mode: number; readonly expect?: Expectation; readonly busy?: Busy | undefined },
): Promise<'replaced' | 'changed'> {
  try {
    const { real, found } = await findOwn(path);
    const folder = dirname(real);
    await checkFolder(folder);
    const temp = await writeTemp(folder, bytes, found ?? { mode: BigInt(options.mode), gid: null });
    try {
      if ((options.expect !== undefined && !holds(real, options.expect)) || options.busy?.() === true) {
        await unlink(temp);
        return 'changed';
      }
      renameSync(temp, real);
    } catch (thrown) {
      // What went wrong first is told; a temporary file that stays is swept later.
      await unlink(temp).catch(() => undefined);
      throw thrown;
    }
    await syncFolder(folder);
    return 'replaced';
  } catch (thrown) {
    throw asLocalFault(thrown, path);
  }
}

/** Removes a file if it is still as `expect` says. The same contract as `replaceFile`; a link is never removed. */
export async function removeFile(
  path: string,
  expect: Exclude<Expectation, 'absent'>,
  busy?: Busy,
): Promise<'removed' | 'changed'> {
  try {
    await checkFolder(dirname(path));
    if (!holds(path, expect) || busy?.() === true) return 'changed';
    unlinkSync(path);
    await syncFolder(dirname(path));
    return 'removed';
  } catch (thrown) {
    throw asLocalFault(thrown, path);
  }
}

const TEMP = /^\.jit-(\d{1,10})-[0-9a-f]{16}\.tmp$/;

/**
 * Removes temporary files that killed jit processes left in `dir`: only regular files of this user with jit's own
 * naming whose process is gone. Problems are left to the next sweep.
 * @param before only files last changed before this moment, in epoch milliseconds; every one if left out, which is for
 * holders of the lock under which such files are written.
 * @returns how many were removed.
 */
export async function sweepTemps(dir: string, before = Number.POSITIVE_INFINITY): Promise<number> {
  let removed = 0;
  for (const name of await readdir(dir).catch(() => [])) {
    const writer = TEMP.exec(name)?.[1];
    if (writer === undefined || isRunning(Number(writer))) continue;
    const path = join(dir, name);
    const found = await lstat(path).catch(() => null);
    if (found === null || !found.isFile() || found.uid !== (ownUid() ?? found.uid)) continue;
    if (found.mtimeMs >= before) continue;
    removed += await unlink(path).then(
      () => 1,
      () => 0,
    );
  }
  return removed;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return errnoOf(thrown) !== 'ESRCH';
  }
}

interface Place {
  readonly real: string;
  readonly linked: boolean;
  readonly found: BigIntStats | null;
}

async function findOwn(path: string): Promise<Place> {
  const named = await lookAt(path);
  if (named === null) return { real: path, linked: false, found: null };
  if (!named.isSymbolicLink()) {
    checkOwn(path, named);
    return { real: path, linked: false, found: named };
  }
  if (named.uid !== BigInt(ownUid() ?? Number(named.uid))) {
    throw localFault(path, 'a symbolic link of another user', `look at it with: ls -l ${shellWord(path)}`);
  }
  const real = await realpath(path).catch((thrown: unknown) => {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    throw localFault(
      path,
      'a symbolic link to nothing',
      `create its target, or remove the link with: rm ${shellWord(path)}`,
    );
  });
  const found = await lookAt(real);
  if (found !== null) checkOwn(path, found);
  return { real, linked: true, found };
}

async function lookAt(path: string): Promise<BigIntStats | null> {
  return await lstat(path, { bigint: true }).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT') return null;
    throw thrown;
  });
}

function checkOwn(path: string, found: BigIntStats): void {
  if (!found.isFile()) {
    throw localFault(path, 'not a regular file', `look at it with: ls -l ${shellWord(path)}`);
  }
  const uid = ownUid();
  if (uid !== null && found.uid !== BigInt(uid)) {
    throw localFault(path, 'belongs to another user', `make it yours with: sudo chown ${uid} ${shellWord(path)}`);
  }
  // Replacing one name would leave the old content, secrets included, under the other.
  if (found.nlink > 1n) {
    throw localFault(path, 'has a second name (hard link)', `find it with: find ~ -samefile ${shellWord(path)}`);
  }
}

/** In a folder that others may write to, they could swap the file between any two of our steps. */
async function checkFolder(folder: string): Promise<void> {
  const uid = ownUid();
  if (uid === null) return;
  const found = await stat(folder);
  if (found.uid !== uid && found.uid !== 0) {
    throw localFault(
      folder,
      'the folder belongs to another user',
      `make it yours with: sudo chown ${uid} ${shellWord(folder)}`,
    );
  }
  const sticky = (found.mode & 0o1000) !== 0;
  if ((found.mode & 0o002) !== 0 && !sticky) {
    throw localFault(folder, 'everybody can write to the folder', `close it with: chmod o-w ${shellWord(folder)}`);
  }
}

/** In one go, as is the change that follows it: whatever is waited for in between is time for another program. */
function holds(real: string, expect: Expectation): boolean {
  const found = lstatSync(real, { bigint: true, throwIfNoEntry: false });
  if (expect === 'absent' || found === undefined) return expect === 'absent' && found === undefined;
  // The cheap signs first; the bytes decide, because a write within one tick of the clock shows in neither time nor size.
  if (found.ino !== expect.ino || found.size !== BigInt(expect.bytes.length) || !found.isFile()) return false;
  const file = openSync(real, READ);
  try {
    // One more, since it may have grown.
    const bytes = Buffer.allocUnsafe(expect.bytes.length + 1);
    let total = 0;
    for (let read = -1; read !== 0 && total < bytes.length; total += read) {
      read = readSync(file, bytes, total, bytes.length - total, total);
    }
    return bytes.subarray(0, total).equals(expect.bytes);
  } finally {
    closeSync(file);
  }
}

async function writeTemp(
  folder: string,
  bytes: Uint8Array,
  like: { readonly mode: bigint; readonly gid: bigint | null },
): Promise<string> {
  const temp = join(folder, `.jit-${process.pid}-${randomBytes(8).toString('hex')}.tmp`);
  const handle = await open(temp, CREATE, 0o600);
  try {
    await handle.writeFile(bytes);
    await copyRights(handle, like);
    await handle.sync();
    await handle.close();
    return temp;
  } catch (thrown) {
    // As above.
    await handle.close().catch(() => undefined);
    await unlink(temp).catch(() => undefined);
    throw thrown;
  }
}

async function copyRights(
  handle: FileHandle,
  like: { readonly mode: bigint; readonly gid: bigint | null },
): Promise<void> {
  const uid = ownUid();
  if (uid === null) return;
  let mode = Number(like.mode) & 0o777;
  const made = await handle.stat();
  if (like.gid !== null && made.gid !== Number(like.gid)) {
    // The rights of a group that the new file cannot have must not fall to another group.
    await handle.chown(uid, Number(like.gid)).catch(() => {
      mode &= 0o707;
    });
  }
  await handle.chmod(mode);
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } catch (thrown) {
    // Some FUSE and network file systems cannot sync a folder.
    if (errnoOf(thrown) !== 'EINVAL' && errnoOf(thrown) !== 'ENOTSUP') throw thrown;
  } finally {
    await handle.close();
  }
}
