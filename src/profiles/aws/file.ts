/**
 * The steps that writing and wiping share: one lock, one way to refuse a file that does not parse.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { display } from '../../core/display.ts';
import { editFile } from '../../local/edit.ts';
import type { Edit } from '../../local/edit.ts';
import { localFault } from '../../local/fault.ts';
import { withLock } from '../../local/lock.ts';
import type { LockDeps } from '../tool.ts';
import { firstBadLine, parseSections } from './ini.ts';
import type { Line } from './ini.ts';

/** One lock for both files: a profile is one thing in two places. */
export async function withAwsLock<T>(deps: LockDeps, work: () => Promise<T>): Promise<T> {
  return await withLock('aws-files', deps.locks, { waitMs: deps.waitMs ?? 10_000 }, work);
}

/** What `editText` wants: the new text, null to remove the file, or undefined to leave it alone. */
export interface TextEdit<T> {
  readonly text?: string | null;
  readonly outcome: T;
}

/**
 * `editFile` on text, one character a byte. A file that the aws program could not read is never rewritten:
 * somebody may be in the middle of editing it. Throws `ERR_LOCAL_FILE` with the line.
 */
export async function editText<T>(path: string, edit: (before: string | null) => TextEdit<T>): Promise<T> {
  return await editFile(path, (bytes) => editBytes(path, bytes, edit));
}

function editBytes<T>(path: string, bytes: Buffer | null, edit: (before: string | null) => TextEdit<T>): Edit<T> {
  const before = bytes?.toString('latin1') ?? null;
  const { text, outcome } = edit(before);
  if (text === undefined || text === before) return { kind: 'keep', outcome };
  const error = before === null ? null : unreadable(path, before);
  if (error !== null) return { kind: 'refuse', error };
  if (text === null) return { kind: 'remove', outcome };
  return { kind: 'write', bytes: Buffer.from(text, 'latin1'), outcome };
}

function unreadable(path: string, text: string): JitError | null {
  const line = firstBadLine(parseSections(text));
  if (line === null) return null;
  return localFault(
    path,
    `line ${line} is not what an aws config file can hold, so jit leaves the file alone`,
    `repair line ${line} in an editor, then try again`,
  );
}

/** `ERR_PROFILE_EXISTS` for a name that jit did not make. */
export function nameTaken(name: string, path: string): JitError {
  return new JitError({
    code: 'ERR_PROFILE_EXISTS',
    message: `the profile ${display(name)} in ${display(path)} was not made by jit`,
    hint: 'choose another name with: --profile NAME',
  });
}

// Readers differ over quotes, blanks and text behind the bracket; a name that any of them would see is taken.
function namesOf(header: Line): string[][] {
  const text = header.raw.replace(/^[\s]*\[/, '');
  return [text.slice(0, text.indexOf(']')), text.slice(0, text.lastIndexOf(']'))].map((inner) =>
    inner
      .replace(/["'\\]/g, '')
      .split(/[\t\v\f ]+/)
      .filter((word) => word !== ''),
  );
}

/** Whether some reader takes this line of the config file for the header of profile `name`. */
export function isConfigHeader(line: Line, name: string): boolean {
  if (!/^\s*\[/.test(line.raw)) return false;
  return namesOf(line).some(
    ([first = '', second, ...more]) => first.startsWith('profile') && second === name && more.length === 0,
  );
}

/** The same for the credentials file, where the name stands alone. */
export function isCredentialsHeader(line: Line, name: string): boolean {
  if (!/^\s*\[/.test(line.raw)) return false;
  return isConfigHeader(line, name) || namesOf(line).some(([first, ...more]) => first === name && more.length === 0);
}
