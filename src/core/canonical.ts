/**
 * Canonical JSON (RFC 8785, for strings, whole numbers, booleans, null, arrays and objects) and its SHA-256.
 * @module
 */
import { createHash } from 'node:crypto';

export type Canonical = string | number | boolean | null | readonly Canonical[] | { readonly [key: string]: Canonical };

/**
 * The one way to write a value. Keys are sorted by UTF-16 code units, as RFC 8785 section 3.2.3 asks.
 * Throws `RangeError` for a number that is not a safe integer and for a lone surrogate: two writers could differ on them.
 */
export function canonicalJson(value: Canonical): string {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new RangeError('only safe integers are canonical');
  if (typeof value === 'string' && !value.isWellFormed())
    throw new RangeError('a lone surrogate has no canonical form');
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.keys(value)
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((key) => `${canonicalJson(key)}:${canonicalJson(value[key] ?? null)}`);
  return `{${members.join(',')}}`;
}

function isList(value: Canonical): value is readonly Canonical[] {
  return Array.isArray(value);
}

/** @returns 64 lower-case hexadecimal digits. */
export function canonicalHash(value: Canonical): string {
  return createHash('sha256').update(canonicalJson(value), 'utf8').digest('hex');
}
