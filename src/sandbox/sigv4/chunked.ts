/**
 * The `aws-chunked` body: data in chunks, each signed or not, with a checksum at the end.
 * Source: S3 API reference, "Signature calculations for trailing headers (chunked uploads)".
 * @module
 */
import { fault } from '../fault.ts';
import type { Fault } from '../fault.ts';
import { sameSignature, sha256Hex, sign } from './signature.ts';

/** The markers of `x-amz-content-sha256` that announce such a body, and what each promises. */
export const STREAMS = {
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { signed: true, trailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { signed: true, trailer: true },
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { signed: false, trailer: true },
} as const;

/** One of those markers. */
export type StreamKind = keyof typeof STREAMS;

/** Whether a declared payload is one of the stream markers. */
export function isStream(payload: string): payload is StreamKind {
  return Object.hasOwn(STREAMS, payload);
}

/** What chunk signatures are chained from. `seed` is the signature of the request's head. */
export interface Chain {
  readonly key: Buffer;
  readonly timestamp: string;
  readonly scope: string;
  readonly seed: string;
}

/** The data, and the trailing headers by lower-case name. */
export interface Unchunked {
  readonly data: Buffer;
  readonly trailers: ReadonlyMap<string, string>;
}

const EMPTY_SHA256 = sha256Hex(Buffer.alloc(0));
const CRLF = Buffer.from('\r\n');
const HEAD = /^([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/;
const TRAILER = /^([a-z0-9-]{1,64}):([\x21-\x7e]{1,256})$/;
const MAX_TRAILERS = 8;

function broken(what: string): Fault {
  return fault('IncompleteBody', 400, `The aws-chunked body is malformed: ${what}.`);
}

function mismatch(): Fault {
  return fault('SignatureDoesNotMatch', 403, 'A chunk signature does not match the signature we calculated.');
}

interface Cursor {
  readonly body: Buffer;
  at: number;
}

/** The text up to the next CRLF, at most 1,024 bytes, or null at the end of the body. */
function line(cursor: Cursor): string | null {
  const end = cursor.body.indexOf(CRLF, cursor.at);
  if (end < 0 || end - cursor.at > 1_024) return null;
  const text = cursor.body.toString('latin1', cursor.at, end);
  cursor.at = end + CRLF.length;
  return text;
}

/** Undoes the framing and checks every signature that the kind promises. */
export function unchunk(body: Buffer, kind: StreamKind, chain: Chain): Unchunked | Fault {
  const promise = STREAMS[kind];
  const cursor: Cursor = { body, at: 0 };
  const pieces: Buffer[] = [];
  let previous = chain.seed;
  for (let size = -1; size !== 0;) {
    const head = HEAD.exec(line(cursor) ?? '');
    if (head === null) return broken('a chunk has no size');
    const [, digits = '', signature] = head;
    size = Number.parseInt(digits, 16);
    if (promise.signed !== (signature !== undefined)) return broken('chunk signatures are missing or unexpected');
    const data = body.subarray(cursor.at, cursor.at + size);
    if (data.length !== size) return broken('a chunk is shorter than its size');
    if (signature !== undefined) {
      const parts = ['AWS4-HMAC-SHA256-PAYLOAD', chain.timestamp, chain.scope, previous, EMPTY_SHA256, sha256Hex(data)];
      if (!sameSignature(sign(chain.key, parts.join('\n')), signature)) return mismatch();
      previous = signature;
    }
    pieces.push(data);
    cursor.at += size;
    if (size > 0 && line(cursor) !== '') return broken('a chunk is longer than its size');
  }
  const trailers = readTrailers(cursor);
  if (trailers === null) return broken('the trailer');
  if (promise.trailer && promise.signed && !trailerSigned(trailers, chain, previous)) return mismatch();
  if (!promise.trailer && trailers.size > 0) return broken('a trailer that was not announced');
  trailers.delete('x-amz-trailer-signature');
  return { data: Buffer.concat(pieces), trailers };
}

function readTrailers(cursor: Cursor): Map<string, string> | null {
  const trailers = new Map<string, string>();
  while (cursor.at < cursor.body.length) {
    const text = line(cursor);
    // Some clients put the empty line before the trailer's signature, some after it, some in both places.
    if (text === '') continue;
    const [, name, value] = TRAILER.exec(text ?? '') ?? [];
    if (name === undefined || value === undefined || trailers.has(name) || trailers.size >= MAX_TRAILERS) return null;
    trailers.set(name, value);
  }
  return trailers;
}

function trailerSigned(trailers: ReadonlyMap<string, string>, chain: Chain, previous: string): boolean {
  const lines = [...trailers].filter(([name]) => name !== 'x-amz-trailer-signature');
  const canonical = lines.map(([name, value]) => `${name}:${value}\n`).join('');
  const parts = ['AWS4-HMAC-SHA256-TRAILER', chain.timestamp, chain.scope, previous, sha256Hex(canonical)];
  return sameSignature(sign(chain.key, parts.join('\n')), trailers.get('x-amz-trailer-signature') ?? '');
}
