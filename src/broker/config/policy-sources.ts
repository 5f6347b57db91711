/**
 * The folder of `.cedar` files.
 * @module
 */
import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { JitError } from '../../core/errors.ts';
import type { PolicySource } from '../../policy/read.ts';
import { refuse } from '../../local/yaml.ts';

const MOST_FILES = 200;
const LARGEST = 1_048_576;
const LARGEST_SUM = 4 * LARGEST;
// The name becomes part of policy ids.
const FILE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.cedar$/;

/**
 * All `.cedar` files of a folder, sorted by name; other files are left alone, subfolders are not entered.
 * Throws `ERR_CONFIG` where the folder cannot be read or holds none, and for a file that is a link, is not regular, can be
 * written by everybody, belongs to another user than this one or root, is too large or not UTF-8.
 */
export async function loadPolicySources(folder: string): Promise<PolicySource[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new JitError({ code: 'ERR_CONFIG', message: `cannot read the policy folder ${folder}`, cause });
  });
  const files = names.filter((each) => each.endsWith('.cedar')).toSorted();
  if (files.length === 0) throw refuse(folder, 'holds no .cedar file');
  if (files.length > MOST_FILES) throw refuse(folder, `more than ${MOST_FILES} .cedar files`);
  const sources: PolicySource[] = [];
  let sum = 0;
  for (const file of files) {
    if (!FILE.test(file)) throw refuse(folder, `the file name ${JSON.stringify(file)} is not usable in policy ids`);
    const bytes = await readPolicyFile(join(folder, file));
    sum += bytes.length;
    if (sum > LARGEST_SUM) throw refuse(folder, `more than ${LARGEST_SUM} bytes of policies`);
    sources.push({ name: file, text: decode(bytes, join(folder, file)) });
  }
  return sources;
}

async function readPolicyFile(path: string): Promise<Buffer> {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((cause: unknown) => {
    const message = `${path}: cannot be read, or is a link: a policy is a regular file in its folder`;
    throw new JitError({ code: 'ERR_CONFIG', message, cause });
  });
  try {
    const { mode, uid } = await checked(handle, path);
    const own = process.getuid?.();
    if (own !== undefined && uid !== own && uid !== 0) throw refuse(path, 'belongs to another user');
    if ((mode & 0o002) !== 0 && process.platform !== 'win32') {
      throw refuse(path, 'everybody can write to it: chmod o-w');
    }
    const buffer = Buffer.alloc(LARGEST + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (length > LARGEST) throw refuse(path, `larger than ${LARGEST} bytes`);
      if (bytesRead === 0) return buffer.subarray(0, length);
    }
  } finally {
    await handle.close();
  }
}

async function checked(handle: FileHandle, path: string): Promise<{ readonly mode: number; readonly uid: number }> {
  const stats = await handle.stat();
  if (!stats.isFile()) throw refuse(path, 'not a regular file');
  return stats;
}

function decode(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refuse(path, 'not UTF-8');
  }
}
