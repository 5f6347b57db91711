/**
 * A secret of the configuration, read from a file that only the broker can read.
 * @module
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { readAtMost } from '../../local/atomic.ts';
import { errnoOf, shellWord } from '../../local/fault.ts';
import { ownUid } from '../../local/private-dir.ts';

const LARGEST = 8_192;
const ONE_LINE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * One line of printable ASCII; the line end behind it is not part of it. Links are followed, as in a mounted volume. Throws
 * `ERR_CONFIG` for a file that is missing, others can read, belongs to another user than this one or root, or holds anything else.
 */
export async function readSecretFile(file: string): Promise<Secret<string>> {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    const code = errnoOf(cause);
    throw refuse(file, code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code ?? 'unknown'})`);
  });
  try {
    const stats = await handle.stat();
    const { uid, mode } = stats;
    if (!stats.isFile()) throw refuse(file, 'not a regular file');
    const own = ownUid();
    if (own !== null && uid !== own && uid !== 0) throw refuse(file, 'belongs to another user');
    if (own !== null && (mode & 0o077) !== 0) {
      throw refuse(file, 'others can read this secret', `close it with: chmod 600 ${shellWord(file)}`);
    }
    const bytes = await readAtMost(handle, file, LARGEST);
    const text = Buffer.from(bytes)
      .toString('latin1')
      .replace(/\r?\n$/, '');
    if (!ONE_LINE.test(text)) throw refuse(file, 'one line of printable ASCII is needed');
    return new Secret(text);
  } finally {
    await handle.close();
  }
}

function refuse(file: string, problem: string, hint?: string): JitError {
  return new JitError({ code: 'ERR_CONFIG', message: `${file}: ${problem}`, hint });
}
