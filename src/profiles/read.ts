/**
 * Looking into a tool's files for what jit wrote there.
 * @module
 */
import { stat } from 'node:fs/promises';
import { readOwnFile } from '../local/atomic.ts';
import { MAX_EDIT_BYTES } from '../local/edit.ts';
import { ownUid } from '../local/private-dir.ts';

/**
 * The content of a file in which jit could have written, or null: a file of another user, such as one for the whole machine that
 * a variable names, holds nothing of jit's. Throws `ERR_LOCAL_FILE` for one of this user that may not be read.
 */
export async function readIfOwn(path: string): Promise<Buffer | null> {
  const found = await stat(path).catch(() => null);
  const uid = ownUid();
  if (found === null || (uid !== null && found.uid !== uid)) return null;
  return await readOwnFile(path, MAX_EDIT_BYTES);
}
