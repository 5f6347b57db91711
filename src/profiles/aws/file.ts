/**
 * The steps that writing and wiping share: one lock, one way to refuse a file that does not parse.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { display } from '../../core/display.ts';
import { localFault } from '../../local/fault.ts';
import { withLock } from '../../local/lock.ts';
import { editSections } from '../ini/file.ts';
import type { TextEdit } from '../ini/file.ts';
import type { Line } from '../ini/lines.ts';
import type { LockDeps } from '../tool.ts';
import { firstBadLine, parseSections } from './ini.ts';

/** One lock for both files: a profile is one thing in two places. */
export async function withAwsLock<T>(deps: LockDeps, work: () => Promise<T>): Promise<T> {
  return await withLock('aws-files', deps.locks, { waitMs: deps.waitMs ?? 10_000 }, work);
}

/**
 * `editSections` for a file that the aws program reads. Throws `ERR_LOCAL_FILE` with the line that it could not read.
 */
export async function editText<T>(path: string, edit: (before: string | null) => TextEdit<T>): Promise<T> {
  return await editSections(path, edit, (text) => unreadable(path, text));
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
