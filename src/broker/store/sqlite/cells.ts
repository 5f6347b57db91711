/**
 * Reads single cells of a row. Whatever does not have the expected form throws `TypeError` naming the column.
 * @module
 */
import type { SQLOutputValue } from 'node:sqlite';

export type Row = Readonly<Record<string, SQLOutputValue>>;

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value === 'string') return value;
  throw new TypeError(`column ${column}`);
}

/** A whole number that JavaScript holds exactly. */
export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new TypeError(`column ${column}`);
}

export function orNull<T>(read: (row: Row, column: string) => T, row: Row, column: string): T | null {
  return row[column] === null ? null : read(row, column);
}

/** One of a fixed set of words. */
export function word<T extends string>(words: readonly T[], row: Row, column: string): T {
  const value = text(row, column);
  const found = words.find((one) => one === value);
  if (found !== undefined) return found;
  throw new TypeError(`column ${column}`);
}

/** Text that a guard accepts, such as an id. */
export function guarded<T extends string>(guard: (value: string) => value is T, row: Row, column: string): T {
  const value = text(row, column);
  if (guard(value)) return value;
  throw new TypeError(`column ${column}`);
}

/** A JSON array of objects of one form. */
export function list<T>(read: (member: unknown) => T | null, row: Row, column: string): readonly T[] {
  const parsed: unknown = JSON.parse(text(row, column));
  if (!Array.isArray(parsed)) throw new TypeError(`column ${column}`);
  return parsed.map((member: unknown) => {
    const value = read(member);
    if (value === null) throw new TypeError(`column ${column}`);
    return value;
  });
}
