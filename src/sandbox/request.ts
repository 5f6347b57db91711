/**
 * A request as it came off the wire, and the first look at it: nothing ambiguous gets further.
 * @module
 */
import { fault } from './fault.ts';
import type { Fault } from './fault.ts';

/** What the HTTP adapter hands over. Header values hold one character per byte (latin1), names are in lower case. */
export interface WireRequest {
  readonly method: string;
  /** The request target exactly as sent: `/bucket/key?list-type=2`. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** What the HTTP adapter sends back. */
export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

/** A request whose names and values are known to be unambiguous. */
export interface CloudRequest {
  readonly method: string;
  /** Percent-encoding undone, one character per byte (latin1). Starts with `/`. */
  readonly path: string;
  /** Decoded name → value, one character per byte (latin1). */
  readonly query: ReadonlyMap<string, string>;
  /** By lower-case name; several lines of one name are joined with a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

// Lines whose repetition could make two readers see two requests (the class of CVE-2022-2385).
const SINGLE: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'content-length',
  'content-type',
  'content-encoding',
  'content-md5',
  'range',
]);

/** Undoes percent-encoding into latin1 characters, one per byte; null where the encoding is broken. */
export function percentDecode(source: string): string | null {
  if (!source.includes('%')) return source;
  if (/%(?![0-9A-Fa-f]{2})/.test(source)) return null;
  return source.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads latin1 characters as the UTF-8 bytes that they stand for; null where they are not UTF-8. */
export function utf8Of(latin1: string): string | null {
  try {
    return utf8.decode(Buffer.from(latin1, 'latin1'));
  } catch {
    return null;
  }
}

/** Splits `a=b&c=d`; null where an encoding is broken or a name appears twice (in any case of letters). */
export function parsePairs(source: string): ReadonlyMap<string, string> | null {
  const pairs = new Map<string, string>();
  const seen = new Set<string>();
  for (const piece of source === '' ? [] : source.split('&')) {
    const equals = piece.indexOf('=');
    const name = percentDecode((equals < 0 ? piece : piece.slice(0, equals)).replaceAll('+', ' '));
    const value = percentDecode(equals < 0 ? '' : piece.slice(equals + 1).replaceAll('+', ' '));
    if (name === null || value === null || seen.has(name.toLowerCase())) return null;
    seen.add(name.toLowerCase());
    pairs.set(name, value);
  }
  return pairs;
}

function joinHeaders(lines: WireRequest['headers']): ReadonlyMap<string, string> | null {
  const headers = new Map<string, string>();
  for (const [name, value] of lines) {
    const before = headers.get(name);
    if (before !== undefined && (SINGLE.has(name) || name.startsWith('x-amz-'))) return null;
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}

/** The first look. Faults: a target that is not a path, broken encodings, repeated names. */
export function readRequest(wire: WireRequest): CloudRequest | Fault {
  const mark = wire.target.indexOf('?');
  const rawPath = mark < 0 ? wire.target : wire.target.slice(0, mark);
  const path = rawPath.startsWith('/') ? percentDecode(rawPath) : null;
  if (path === null) return fault('InvalidURI', 400, "Couldn't parse the specified URI.");
  const query = parsePairs(mark < 0 ? '' : wire.target.slice(mark + 1));
  if (query === null) return fault('MalformedQueryString', 400, 'The query string is malformed or repeats a name.');
  const headers = joinHeaders(wire.headers);
  if (headers === null) return fault('InvalidRequest', 400, 'A header that may appear once appears twice.');
  return { method: wire.method, path, query, headers, body: wire.body };
}
