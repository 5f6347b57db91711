/**
 * What an answer of gRPC comes to: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 * @module
 */
import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';

/** What came of a call. */
export type Outcome = { readonly kind: 'message'; readonly message: Uint8Array } | Refusal;

export interface Refusal {
  readonly kind: 'refused';
  /** The number of a gRPC status other than 0, https://grpc.io/docs/guides/status-codes/ */
  readonly code: number;
  /** The words of the server, or where it gave no status the reason why the call counts as failed. */
  readonly details: string;
}

/** An answer that has ended. */
export interface Reply {
  readonly headers: IncomingHttpHeaders & IncomingHttpStatusHeader;
  /** The headers themselves where they were all that came; null where the answer ended without any. */
  readonly trailers: IncomingHttpHeaders | null;
  readonly body: Uint8Array;
}

/** Bytes before a message: a flag for compression and its length. */
export const PREFIX = 5;

/** The statuses that have a meaning here. */
export const STATUS = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export function refusal(status: keyof typeof STATUS, details: string): Refusal {
  return { kind: 'refused', code: STATUS[status], details };
}

/** One whole message, not compressed, with the status 0 after it; anything else is refused. */
export function judgeReply({ headers, trailers, body }: Reply): Outcome {
  const given = trailers?.['grpc-status'];
  if (given !== undefined && given !== '0') return givenStatus(String(given), trailers?.['grpc-message']);
  const wrong = judgeHeaders(headers);
  if (wrong !== null) return wrong;
  return given === undefined ? refusal('internal', 'its answer ends without a status') : onlyMessage(body);
}

/** Null for the headers of an answer that may hold a message. */
export function judgeHeaders(headers: Reply['headers']): Refusal | null {
  const http = headers[':status'] ?? 0;
  if (http !== 200) return refusal(BY_HTTP[http] ?? 'unknown', `it answers with HTTP status ${http}`);
  const isGrpc = /^application\/grpc(?:\+proto)?(?:;|$)/.test(headers['content-type'] ?? '');
  return isGrpc ? null : refusal('unknown', 'what it answers is not gRPC');
}

/** What it means that the stream of a call was reset, by code of RFC 9113 section 7; null for 0, with which it may just end. */
export function judgeReset(code: number): Refusal | null {
  if (code === 0) return null;
  return refusal(BY_RESET[code] ?? 'internal', `the call broke off with code ${code} of HTTP/2`);
}

const BY_RESET: Readonly<Record<number, keyof typeof STATUS>> = {
  7: 'unavailable',
  8: 'cancelled',
  11: 'resourceExhausted',
};

/** https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md */
const BY_HTTP: Readonly<Record<number, keyof typeof STATUS>> = {
  400: 'internal',
  401: 'unauthenticated',
  403: 'permissionDenied',
  404: 'unimplemented',
  429: 'unavailable',
  431: 'internal',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
};

function givenStatus(given: string, message: string | string[] | undefined): Refusal {
  if (!/^[1-9]\d?$/.test(given)) return refusal('unknown', 'its status is none of gRPC');
  return { kind: 'refused', code: Number(given), details: decoded(String(message ?? '')) };
}

/** Percent-encoded, or what stands there where it is not. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function onlyMessage(body: Uint8Array): Outcome {
  if (body.length === 0) return refusal('internal', 'there is no message in its answer');
  if (body[0] !== 0) return refusal('internal', 'its message is compressed, which was not offered');
  if (body.length < PREFIX) return refusal('internal', 'its message is cut off');
  const end = PREFIX + new DataView(body.buffer, body.byteOffset).getUint32(1);
  if (end > body.length) return refusal('internal', 'its message is cut off');
  if (end < body.length) return refusal('internal', 'there is more than one message in its answer');
  return { kind: 'message', message: body.subarray(PREFIX) };
}
