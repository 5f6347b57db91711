/**
 * What this broker puts on everything that it makes at a target, so that it knows its own again and leaves other brokers' alone.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { JitError } from '../core/errors.ts';
import { readOwnFile, replaceFile } from '../local/atomic.ts';

const LARGEST = 64;

/**
 * The mark in the state folder, made with the first call: 16 hexadecimal digits. It stays with the store: whoever restores one
 * from a backup has the same mark, and finds what was issued since. Throws `ERR_LOCAL_FILE`; `ERR_CONFIG` for a file that holds anything else.
 */
export async function ownerOf(state: string): Promise<string> {
  const file = join(state, 'owner');
  const known = await readOwnFile(file, LARGEST);
  if (known === null) {
    const made = randomBytes(8).toString('hex');
    const put = await replaceFile(file, Buffer.from(`${made}\n`), { mode: 0o600, expect: 'absent' });
    return put === 'replaced' ? made : await ownerOf(state);
  }
  const owner = known.toString('latin1').trim();
  if (/^[0-9a-f]{16}$/.test(owner)) return owner;
  throw new JitError({
    code: 'ERR_CONFIG',
    message: `${file} does not hold the mark of this broker`,
    hint: 'restore it from a backup: without it, what this broker has made at its targets is not found again',
  });
}
