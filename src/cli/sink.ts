/**
 * Streams written by their descriptors: the stream objects of Node take longer to load than `jit status` may run.
 * @module
 */
import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { JitError } from '../core/errors.ts';
import type { Sink } from './output.ts';

/** What a shell reports for a program that SIGPIPE ended. */
export const BROKEN_PIPE = 141;

/** A sink, and whether its reader has gone away, as `head` does. */
export interface OpenSink extends Sink {
  broken(): boolean;
}

/** Writes are in order and complete when they return. To a reader that is gone they do nothing: what a command has begun is still finished. */
export function openSink(descriptor: 1 | 2): OpenSink {
  let broken = false;
  const isTTY = isatty(descriptor);
  return {
    isTTY,
    get columns() {
      return isTTY ? (descriptor === 1 ? process.stdout : process.stderr).columns || 80 : Number.POSITIVE_INFINITY;
    },
    write: (text) => {
      broken ||= !writeAll(descriptor, Buffer.from(text));
    },
    broken: () => broken,
  };
}

/** @returns whether somebody reads it. Throws `ERR_LOCAL_FILE` for what is not about the reader, such as a full disk. */
function writeAll(descriptor: number, bytes: Uint8Array): boolean {
  for (let sent = 0; sent < bytes.length;) {
    try {
      sent += writeSync(descriptor, bytes, sent);
    } catch (thrown) {
      const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
      // That stderr cannot be written is nothing that anybody could be told.
      if (code === 'EPIPE' || (descriptor === 2 && code !== 'EAGAIN')) return false;
      // A pipe that somebody made non-blocking and that is full: its reader needs a moment.
      if (code !== 'EAGAIN') throw unwritable(String(code), thrown);
      Atomics.wait(PAUSE, 0, 0, 5);
    }
  }
  return true;
}

function unwritable(code: string, cause: unknown): JitError {
  return new JitError({ code: 'ERR_LOCAL_FILE', message: `cannot write the output (${code})`, cause });
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));
