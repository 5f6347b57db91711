/**
 * Editing a file that other programs edit too, without their knowing of our locks.
 * @module
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openOwnFile, readAtMost, removeFile, replaceFile, sweepTemps } from './atomic.ts';
import type { Busy, OpenFile } from './atomic.ts';
import type { JitError } from '../core/errors.ts';
import { readClocks } from './clock.ts';
import { asLocalFault, localFault } from './fault.ts';

/** What an edit wants done, and what it has to tell its caller. */
export type Edit<T> =
  | { readonly kind: 'keep'; readonly outcome: T }
  | { readonly kind: 'write'; readonly bytes: Buffer; readonly outcome: T }
  /** Only for a file that jit created; one that is reached through a link is emptied instead. */
  | { readonly kind: 'remove'; readonly outcome: T }
  /** The content makes no sense. Perhaps another program is still writing it: thrown only when it stays so. */
  | { readonly kind: 'refuse'; readonly error: JitError };

/** The largest file that is edited. */
export const MAX_EDIT_BYTES = 16 * 1024 * 1024;

export interface EditTerms {
  /** How long to go on against a program that never stops, before `ERR_LOCAL_FILE`; 5 s if left out. */
  readonly patienceMs?: number;
  /** The lock that other programs take while they change the file: a file that is there for so long. Waited for, never taken. */
  readonly lockOfOthers?: string;
}

const PATIENCE_MS = 5_000;
// Longer than another program needs between truncating a file and writing it, or between reading and writing it.
const SETTLE_MS = 20;
// A file that is empty or senseless and was written longer ago than this is so, and not in the middle of being written.
// A loaded machine can hold a program for that long between truncating and writing.
const FRESH_MS = 2_000;

/**
 * Reads, edits and replaces. Call it inside `withLock`: against other jit processes the lock protects; against
 * everybody else it
 * - compares the file with what was read right before the change, and starts again if it differs;
 * - keeps the old file open and looks again 20 ms after the change: what a program wrote into the old file meanwhile
 *   becomes the base of another round, so that its update is not lost;
 * - looks whether our own change is still there, and makes it again if a program wrote an older copy over it.
 * What cannot be seen: a program that read the file before our change and writes its copy more than 20 ms after it.
 * Its copy then lacks our change, and only a later look at the file shows that.
 * Any change takes 20 ms; an empty file that was written less than 2 s ago is waited for.
 * @param edit pure; must return `keep` for a file on which it has nothing left to do. It may run several times.
 */
export async function editFile<T>(
  path: string,
  edit: (before: Buffer | null) => Edit<T>,
  { patienceMs = PATIENCE_MS, lockOfOthers }: EditTerms = {},
): Promise<T> {
  const busy = lockOfOthers === undefined ? undefined : () => isHeld(lockOfOthers);
  let applied: { readonly outcome: T } | null = null;
  let late: LateWrite | null = null;
  let swept = false;
  let refusals = 0;
  const giveUp = performance.now() + patienceMs;
  while (performance.now() < giveUp) {
    if (busy?.() === true) {
      await sleep(SETTLE_MS);
      continue;
    }
    const current = await openSettled(path);
    try {
      if (!swept) await sweepTemps(dirname(current?.real ?? path));
      swept = true;
      const before = current?.bytes ?? null;
      // A file that has changed once more has overtaken the late write.
      const base: Buffer | null = late !== null && equal(late.under, before) ? late.bytes : before;
      late = null;
      const wanted = edit(base);
      if (wanted.kind === 'refuse') {
        if (current === null || !isFresh(current) || ++refusals * SETTLE_MS > FRESH_MS) throw wanted.error;
        await sleep(SETTLE_MS);
        continue;
      }
      const after: Buffer | null = contentAfter(wanted, base, current);
      if (equal(after, before)) return (applied ?? wanted).outcome;
      if ((await put(path, { current, after, busy })) === 'changed') continue;
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

function contentAfter<T>(
  wanted: Exclude<Edit<T>, { kind: 'refuse' }>,
  base: Buffer | null,
  current: OpenFile | null,
): Buffer | null {
  if (wanted.kind === 'write') return wanted.bytes;
  if (wanted.kind === 'keep') return base;
  return current?.linked === true ? Buffer.alloc(0) : null;
}

interface Change {
  readonly current: OpenFile | null;
  /** Null for no file. */
  readonly after: Buffer | null;
  readonly busy: Busy | undefined;
}

async function put(path: string, { current, after, busy }: Change): Promise<'done' | 'changed'> {
  if (after !== null) {
    const done = await replaceFile(path, after, { mode: 0o600, expect: current ?? 'absent', busy });
    return done === 'changed' ? 'changed' : 'done';
  }
  if (current === null) return 'done';
  return (await removeFile(path, current, busy)) === 'changed' ? 'changed' : 'done';
}

/** One that is older than any change takes was left by a program that was killed. */
function isHeld(lock: string): boolean {
  const found = statSync(lock, { throwIfNoEntry: false });
  return found !== undefined && Math.abs(readClocks().wallMs - found.mtimeMs) < FRESH_MS;
}

/** An empty file may be one that another program has just truncated and is about to write. */
async function openSettled(path: string): Promise<OpenFile | null> {
  for (let waited = 0; ; waited += SETTLE_MS) {
    const file = await openOwnFile(path, MAX_EDIT_BYTES);
    if (file === null || file.bytes.length > 0 || !isFresh(file) || waited > FRESH_MS) return file;
    await file.handle.close();
    await sleep(SETTLE_MS);
  }
}

function isFresh({ mtimeMs }: OpenFile): boolean {
  return readClocks().wallMs - mtimeMs < FRESH_MS;
}

async function writtenLate(path: string, old: OpenFile): Promise<Buffer | null> {
  try {
    let late = await readAtMost(old.handle, path, MAX_EDIT_BYTES);
    if (late.equals(old.bytes)) return null;
    for (let waited = 0; waited < FRESH_MS; waited += SETTLE_MS) {
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
