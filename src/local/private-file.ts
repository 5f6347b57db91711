/**
 * Files that an operator has written for a program of jit, and that nobody else may have touched.
 * @module
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { JitError } from '../core/errors.ts';
import { readAtMost } from './atomic.ts';
import { errnoOf, shellWord } from './fault.ts';
import { ownUid } from './private-dir.ts';

export interface PrivateFile {
  readonly bytes: Buffer;
  /** When it was last written, in epoch milliseconds. */
  readonly mtimeMs: number;
}

/**
 * Links are followed, as in a mounted volume. Throws `ERR_CONFIG` for a file that is missing, belongs to another user than this
 * one or root, or that others can do with what they must not; `ERR_LOCAL_FILE` above `maxBytes`.
 * @param closed what nobody but the owner may do with it.
 */
export async function readPrivateFile(
  file: string,
  { maxBytes, closed }: { readonly maxBytes: number; readonly closed: 'read' | 'write' },
): Promise<PrivateFile> {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    const code = errnoOf(cause);
    throw refuse(file, code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code ?? 'unknown'})`);
  });
  try {
    const stats = await handle.stat();
    const { uid, mode, mtimeMs } = stats;
    if (!stats.isFile()) throw refuse(file, 'not a regular file');
    const own = ownUid();
    if (own !== null && uid !== own && uid !== 0) throw refuse(file, 'belongs to another user');
    if (own !== null && closed === 'read' && (mode & 0o077) !== 0) {
      throw refuse(file, 'others can read this secret', `close it with: chmod 600 ${shellWord(file)}`);
    }
    if (own !== null && (mode & 0o022) !== 0) {
      throw refuse(file, 'others can write to it', `close it with: chmod go-w ${shellWord(file)}`);
    }
    return { bytes: await readAtMost(handle, file, maxBytes), mtimeMs };
  } finally {
    await handle.close();
  }
}

function refuse(file: string, problem: string, hint?: string): JitError {
  return new JitError({ code: 'ERR_CONFIG', message: `${file}: ${problem}`, hint });
}
