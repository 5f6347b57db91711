/**
 * What the operating system says about a file, turned into a message that names the file and the remedy.
 * @module
 */
import { display } from '../core/display.ts';
import { JitError } from '../core/errors.ts';

const REMEDIES: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ENOSPC: ['no space is left on the disk', 'free some space and try again; nothing was changed'],
  EDQUOT: ['your disk quota is used up', 'free some space and try again; nothing was changed'],
  EROFS: ['the file system is read-only', 'jit exec needs no file: use it, or make the folder writable'],
  EACCES: [
    'permission is denied',
    'make the file and its folder yours and writable, or use jit exec, which needs no file',
  ],
  EPERM: ['the operation is not permitted', 'make the file and its folder yours, or use jit exec, which needs no file'],
  EBUSY: ['it is a mount point or in use', 'mount the folder instead of the single file'],
  ELOOP: ['too many symbolic links', 'replace the link by a regular file'],
  ENOTDIR: ['a part of the path is not a folder', 'move the file that is in the way'],
  EMFILE: ['too many files are open', 'raise the limit with: ulimit -n 1024'],
  ENFILE: ['too many files are open on this machine', 'close some programs and try again'],
  ENAMETOOLONG: ['the path is too long', 'use a shorter path'],
  EIO: ['the disk reports an error', 'check the disk; the file may be damaged'],
};

/** The code of an error of the operating system (`ENOENT`), or null for anything else. */
export function errnoOf(thrown: unknown): string | null {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : null;
}

/** `ERR_LOCAL_FILE` for `path`. The path is shown escaped, since anybody may have named it. */
export function localFault(path: string, what: string, hint: string, cause?: unknown): JitError {
  return new JitError({ code: 'ERR_LOCAL_FILE', message: `${display(path)}: ${what}`, hint, cause });
}

/** Turns whatever a file operation threw into `ERR_LOCAL_FILE`; a `JitError` passes through unchanged. */
export function asLocalFault(thrown: unknown, path: string): JitError {
  if (thrown instanceof JitError) return thrown;
  const code = errnoOf(thrown);
  const known = code !== null && Object.hasOwn(REMEDIES, code) ? REMEDIES[code] : undefined;
  const [what, hint] = known ?? [
    `the file operation failed${code === null ? '' : ` (${display(code, 40)})`}`,
    'check the file and its folder',
  ];
  return localFault(path, what, hint, thrown);
}

/** A path as one word of a POSIX shell, for hints that can be pasted. */
export function shellWord(path: string): string {
  const shown = display(path);
  return /^[\w@%+=:,./-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
}
