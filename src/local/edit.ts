/**
 * Editing a file that other programs edit too, without their knowing of our locks.
 * @module
 */
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openOwnFile, readAtMost, removeFile, replaceFile, sweepTemps } from './atomic.ts';
import type { OpenFile } from './atomic.ts';
import { asLocalFault, localFault } from './fault.ts';

/** What an edit wants done, and what it has to tell its caller. */
export type Edit<T> =
  | { readonly kind: 'keep'; readonly outcome: T }
  | { readonly kind: 'write'; readonly bytes: Buffer; readonly outcome: T }
  /** Only for a file that jit created; one that is reached through a link is emptied instead. */
  | { readonly kind: 'remove'; readonly outcome: T };

/** The largest file that is edited. */
export const MAX_EDIT_BYTES = 16 * 1024 * 1024;

const ATTEMPTS = 20;
// Longer than another program needs between truncating a file and writing it, or between reading and writing it.
const SETTLE_MS = 20;

/**
 * Reads, edits and replaces. Call it inside `withLock`: against other jit processes the lock protects; against
 * everybody else it
 * - compares the file with what was read right before the change, and starts again if it differs;
 * - keeps the old file open and looks again 20 ms after the change: what a program wrote into the old file meanwhile
 *   becomes the base of another round, so that its update is not lost;
 * - looks whether our own change is still there, and makes it again if a program wrote an older copy over it.
 * What cannot be seen: a program that read the file before our change and writes its copy more than 20 ms after it.
 * Its copy then lacks our change, and only a later look at the file shows that.
 * @param edit pure; must return `keep` for a file on which it has nothing left to do. It may run several times.
 */
export async function editFile<T>(
  path: string,
  edit: (before: Buffer | null) => Edit<T>,
  deps: { readonly now: () => number },
): Promise<T> {
  let applied: Edit<T> | null = null;
  let late: LateWrite | null = null;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const current = await openSettled(path);
    try {
      if (attempt === 0) await sweepTemps(dirname(current?.real ?? path), { minAgeMs: 0, now: deps.now() });
      const before = current?.bytes ?? null;
      // A file that has changed once more has overtaken the late write.
      const base: Buffer | null = late !== null && equal(late.under, before) ? late.bytes : before;
      late = null;
      const wanted = edit(base);
      const after: Buffer | null = contentAfter(wanted, base, current);
      if (equal(after, before)) return (applied ?? wanted).outcome;
      if ((await put(path, current, after)) === 'changed') continue;
      applied ??= wanted;
      await sleep(SETTLE_MS);
      const bytes = current === null ? null : await writtenLate(path, current);
      if (bytes !== null) late = { bytes, under: after };
    } finally {
      await current?.handle.close();
    }
  }
  throw localFault(path, 'another program keeps changing it', 'stop that program, then try again');
}

/** What another program wrote into a file that we had already replaced by `under`. */
interface LateWrite {
  readonly bytes: Buffer;
  readonly under: Buffer | null;
}

function equal(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

function contentAfter<T>(wanted: Edit<T>, base: Buffer | null, current: OpenFile | null): Buffer | null {
  if (wanted.kind === 'write') return wanted.bytes;
  if (wanted.kind === 'keep') return base;
  return current?.linked === true ? Buffer.alloc(0) : null;
}

async function put(path: string, current: OpenFile | null, after: Buffer | null): Promise<'done' | 'changed'> {
  if (after !== null) {
    const done = await replaceFile(path, after, { mode: 0o600, expect: current ?? 'absent' });
    return done === 'changed' ? 'changed' : 'done';
  }
  if (current === null) return 'done';
  return (await removeFile(path, current)) === 'changed' ? 'changed' : 'done';
}

/** An empty file may be one that another program has just truncated and is about to write. */
async function openSettled(path: string): Promise<OpenFile | null> {
  const file = await openOwnFile(path, MAX_EDIT_BYTES);
  if (file === null || file.bytes.length > 0) return file;
  await file.handle.close();
  await sleep(SETTLE_MS);
  return await openOwnFile(path, MAX_EDIT_BYTES);
}

async function writtenLate(path: string, old: OpenFile): Promise<Buffer | null> {
  try {
    let late = await readAtMost(old.handle, path, MAX_EDIT_BYTES);
    if (late.equals(old.bytes)) return null;
    for (let again = 0; again < ATTEMPTS; again++) {
      await sleep(SETTLE_MS);
      const later = await readAtMost(old.handle, path, MAX_EDIT_BYTES);
      if (later.equals(late) && later.length > 0) return later;
      late = later;
    }
    return late.length > 0 ? late : old.bytes;
  } catch (thrown) {
    throw asLocalFault(thrown, path);
  }
}
