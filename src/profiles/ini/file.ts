/**
 * Editing a file of sections that other programs edit too.
 * @module
 */
import { editFile } from '../../local/edit.ts';
import type { Edit } from '../../local/edit.ts';
import type { JitError } from '../../core/errors.ts';

/** What an edit wants: the new text, null to remove the file, or undefined to leave it alone. */
export interface TextEdit<T> {
  readonly text?: string | null;
  readonly outcome: T;
}

/**
 * `editFile` on text, one character a byte. Call it inside `withLock`.
 * @param fault why the program could not read such a text, or null. A file that it could not read is never rewritten:
 * somebody may be in the middle of editing it.
 */
export async function editSections<T>(
  path: string,
  edit: (before: string | null) => TextEdit<T>,
  fault: (text: string) => JitError | null,
): Promise<T> {
  return await editFile(path, (bytes): Edit<T> => {
    const before = bytes?.toString('latin1') ?? null;
    const { text, outcome } = edit(before);
    if (text === undefined || text === before) return { kind: 'keep', outcome };
    const error = before === null ? null : fault(before);
    if (error !== null) return { kind: 'refuse', error };
    if (text === null) return { kind: 'remove', outcome };
    return { kind: 'write', bytes: Buffer.from(text, 'latin1'), outcome };
  });
}
