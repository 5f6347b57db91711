/**
 * Reading and editing the bytes of a kubeconfig that kubectl and others edit too.
 * @module
 */
import { readFile, stat } from 'node:fs/promises';
import { JitError } from '../../core/errors.ts';
import { editFile, MAX_EDIT_BYTES } from '../../local/edit.ts';
import type { Edit } from '../../local/edit.ts';
import { localFault } from '../../local/fault.ts';
import { withLock } from '../../local/lock.ts';
import { readIfOwn } from '../read.ts';
import type { LockDeps } from '../tool.ts';

/** The text of a file in which jit could have written, or null. Throws `ERR_LOCAL_FILE`. */
export async function textOf(path: string): Promise<string | null> {
  const bytes = await readIfOwn(path);
  return bytes === null ? null : decode(path, bytes);
}

/** The text of a file whosever it is, or null where kubectl could not read one either. */
export async function anyTextOf(path: string): Promise<string | null> {
  try {
    const found = await stat(path);
    if (!found.isFile() || found.size > MAX_EDIT_BYTES) return null;
    return decode(path, await readFile(path));
  } catch {
    return null;
  }
}

/** What an edit wants: the new text, or null to remove the file. */
export interface TextEdit<T> {
  readonly text: string | null;
  readonly outcome: T;
}

/**
 * Edits one file under jit's lock for all of them.
 * @param edit pure. What it throws as `ERR_LOCAL_FILE` is thrown only if the file stays so.
 */
export async function editText<T>(
  path: string,
  { locks, waitMs = 10_000 }: LockDeps,
  edit: (before: string | null) => TextEdit<T>,
): Promise<T> {
  const change = (bytes: Buffer | null): Edit<T> => {
    try {
      const before = bytes === null ? null : decode(path, bytes);
      const { text, outcome } = edit(before);
      if (text === before) return { kind: 'keep', outcome };
      return text === null ? { kind: 'remove', outcome } : { kind: 'write', bytes: Buffer.from(text), outcome };
    } catch (thrown) {
      if (thrown instanceof JitError && thrown.code === 'ERR_LOCAL_FILE') return { kind: 'refuse', error: thrown };
      throw thrown;
    }
  };
  // kubectl reads once more and writes while it holds this: client-go, tools/clientcmd, lockFile. It gives up where it is taken.
  const terms = { lockOfOthers: `${path}.lock` };
  return await withLock('kubeconfig', locks, { waitMs }, () => editFile(path, change, terms));
}

/** With its byte order mark. */
function decode(path: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw localFault(
      path,
      'it is not written in UTF-8, so jit leaves the file alone',
      'give jit a file of its own: export KUBECONFIG=~/.kube/jit',
    );
  }
}
