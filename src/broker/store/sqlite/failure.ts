/**
 * What went wrong in SQLite, in the store's own terms.
 * @module
 */
import { JitError } from '../../../core/errors.ts';

/** Primary result codes, https://sqlite.org/rescode.html. */
const CODES = { busy: 5, readonly: 8, io: 10, full: 13, tooBig: 18, constraint: 19, mismatch: 20, range: 25 } as const;

/** The fault lies in the one change and not in the database, which can go on. */
const OF_THE_CHANGE: readonly number[] = [CODES.tooBig, CODES.constraint, CODES.mismatch, CODES.range];

/** The primary result code of an error thrown by `node:sqlite`, or null for any other error. */
function resultCode(thrown: unknown): number | null {
  return thrown instanceof Error && 'errcode' in thrown && typeof thrown.errcode === 'number'
    ? thrown.errcode & 0xff
    : null;
}

/** Whether only the change that threw has to be undone: its neighbours in the same transaction can still be committed. */
export function isOfTheChange(thrown: unknown): boolean {
  const code = resultCode(thrown);
  return code === null || OF_THE_CHANGE.includes(code);
}

/** Whether the disk failed, so that what it holds may differ from what it was told. */
export function isOfTheDisk(thrown: unknown): boolean {
  return resultCode(thrown) === CODES.io;
}

/** Whether a failure means that the disk has no room left. */
export function isDiskFull(thrown: unknown): boolean {
  return thrown instanceof JitError && thrown.code === 'ERR_STORE' && resultCode(thrown.cause) === CODES.full;
}

/** `ERR_STORE`: the row exists and cannot be understood. `what` names it: a table and its key. */
export function unreadable(what: string, cause: unknown): JitError {
  return new JitError({
    code: 'ERR_STORE',
    message: `the store holds something unreadable: ${what}`,
    hint: 'compare the store with a backup; the other rows are not affected',
    cause,
  });
}

/** A `JitError` stays; a failure of SQLite becomes `ERR_STORE`; a change that SQLite refuses for what it is, `ERR_UNEXPECTED`. */
export function asFailure(thrown: unknown): JitError {
  if (thrown instanceof JitError) return thrown;
  if (isOfTheChange(thrown)) {
    return new JitError({
      code: 'ERR_UNEXPECTED',
      message: 'the store was given a change that it cannot hold',
      cause: thrown,
    });
  }
  return asStoreFailure(thrown);
}

/** `ERR_STORE`, whatever was thrown. */
export function asStoreFailure(thrown: unknown): JitError {
  if (thrown instanceof JitError && thrown.code === 'ERR_STORE') return thrown;
  return new JitError({ code: 'ERR_STORE', ...(WORDS.get(resultCode(thrown)) ?? OTHER), cause: thrown });
}

const OTHER = { message: 'the store failed', hint: "the cause is in the broker's log" };
const WORDS: ReadonlyMap<number | null, { readonly message: string; readonly hint: string }> = new Map([
  [CODES.full, { message: 'the disk that holds the store is full', hint: 'make room; the broker goes on by itself' }],
  [CODES.io, { message: 'the disk that holds the store failed', hint: "look at the disk and at the kernel's log" }],
  [CODES.busy, { message: 'another process holds the store', hint: 'stop the other broker, or try again' }],
  [CODES.readonly, { message: 'the store cannot be written', hint: "its file and folder must be the broker's own" }],
]);
