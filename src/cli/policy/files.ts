/**
 * Reading what the policy commands are about: folders of `.cedar` files, files of cases.
 * @module
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { PolicySource } from '../../policy/read.ts';

const LARGEST = 4_194_304;

/**
 * One `.cedar` file, or all of a folder, sorted by name; subfolders are not entered.
 * Throws `ERR_LOCAL_FILE` for what cannot be read, `ERR_CONFIG` for a folder without any.
 */
export async function readPolicyFiles(path: string): Promise<PolicySource[]> {
  const about = await attempt(path, () => stat(path));
  if (!about.isDirectory()) return [{ name: basename(path), text: await readText(path) }];
  const names = (await attempt(path, () => readdir(path))).filter((name) => name.endsWith('.cedar')).toSorted();
  if (names.length === 0) {
    throw new JitError({
      code: 'ERR_CONFIG',
      message: `${display(path, 200)} holds no .cedar file`,
      hint: 'name the folder of your policies',
    });
  }
  return await Promise.all(names.map(async (name) => ({ name, text: await readText(join(path, name)) })));
}

/** Throws `ERR_LOCAL_FILE` for what cannot be read, is not UTF-8 or is larger than 4 MiB. */
export async function readText(path: string): Promise<string> {
  const { size } = await attempt(path, () => stat(path));
  const bytes = size > LARGEST ? null : await attempt(path, () => readFile(path));
  if (bytes === null) throw unreadable(path, `is larger than ${LARGEST} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unreadable(path, 'is not UTF-8');
  }
}

async function attempt<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new JitError({ code: 'ERR_LOCAL_FILE', message: `cannot read ${display(path, 200)}`, cause });
  }
}

function unreadable(path: string, why: string): JitError {
  return new JitError({ code: 'ERR_LOCAL_FILE', message: `${display(path, 200)} ${why}` });
}
