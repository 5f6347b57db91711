/**
 * Room on the disk that is kept for the end of access: on a full disk nothing new is granted, and what is out can still be
 * taken back.
 * @module
 */
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Reserve {
  /** Gives the room back to the disk. */
  release(): void;
  /** Takes it again once there is plenty; cheap to call often. */
  restore(): void;
}

const RETRY_MS = 60_000;
/** What else must be free, in reserves, before one is taken: or it would itself fill the disk. */
const PLENTY = 2;

/** @param path of the file that occupies the room; `bytes` of it. */
export function openReserve(path: string, bytes: number): Reserve {
  let taken = sizeOf(path) >= bytes;
  let triedAt = Number.NEGATIVE_INFINITY;

  function restore(): void {
    if (taken || performance.now() - triedAt < RETRY_MS) return;
    triedAt = performance.now();
    taken = occupy(path, bytes);
  }

  restore();
  return {
    restore,
    release: () => {
      if (!taken) return;
      rmSync(path, { force: true });
      taken = false;
      triedAt = performance.now();
    },
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function occupy(path: string, bytes: number): boolean {
  try {
    rmSync(path, { force: true });
    const { bavail, bsize } = statfsSync(dirname(path));
    if (bavail * bsize < bytes * (1 + PLENTY)) return false;
    const file = openSync(path, 'wx', 0o600);
    try {
      // Written out, for a hole would occupy nothing.
      writeSync(file, Buffer.alloc(bytes));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return sizeOf(path) >= bytes;
  } catch {
    // A broker without a reserve works; it only has none when the disk fills up.
    rmSync(path, { force: true });
    return false;
  }
}
