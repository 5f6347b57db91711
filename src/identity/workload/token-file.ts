/**
 * Reading a file that somebody else writes tokens or keys into.
 * @module
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { errnoOf } from '../../local/fault.ts';
import { notSignedIn } from './fault.ts';

export interface FileRules {
  /** What it is, such as `the token file`. */
  readonly what: string;
  /** Bytes. */
  readonly limit: number;
  readonly hint: string;
}

/**
 * The text of a regular file, links followed, since Kubernetes renews its files through one. Nothing is read from the current
 * folder, from a pipe that may never end, or beyond the limit. Throws `ERR_NOT_SIGNED_IN`, with the path and never the content.
 */
export async function readSmallFile(path: string, rules: FileRules): Promise<string> {
  const wrong = (what: string): JitError => notSignedIn(`${rules.what} ${display(path, 300)} ${what}`, rules.hint);
  if (!isAbsolute(path)) throw wrong('is not an absolute path');
  let file: FileHandle;
  try {
    // Opening a pipe for reading would wait for somebody to write. Windows has no such flag.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (thrown) {
    throw wrong(MISSING[errnoOf(thrown) ?? ''] ?? 'cannot be opened');
  }
  try {
    if (!(await file.stat()).isFile()) throw wrong('is not a regular file');
    const buffer = Buffer.alloc(rules.limit + 1);
    let size = 0;
    for (let more = 1; more > 0 && size < buffer.length; size += more) {
      more = (await file.read(buffer, size, buffer.length - size)).bytesRead;
    }
    if (size > rules.limit) throw wrong(`is larger than ${rules.limit} bytes`);
    return buffer.toString('utf8', 0, size);
  } catch (thrown) {
    throw thrown instanceof JitError ? thrown : wrong('cannot be read');
  } finally {
    await file.close();
  }
}

const MISSING: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
};
