/**
 * The lines of a connection service file, read as libpq reads them: `parseServiceFile` in fe-connect.c, and
 * https://www.postgresql.org/docs/current/libpq-pgservice.html
 * @module
 */
import type { Dialect, Line, LineKind, Section } from '../ini/lines.ts';

/** libpq before 14 reads lines into 256 bytes, and one that does not fit makes every service below it unreadable. */
export const LONGEST_LINE = 254;
// Newer ones have 1024 bytes for a line with its ending.
const LONGEST_FOREIGN = 1_022;
// isspace(3) in the C locale.
const BLANKS = /^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g;

/** No blanks around the equals sign, since they would become a part of key and value. A byte order mark is a part of the first line. */
export const SERVICE_FILE: Dialect = {
  parse: parseServices,
  leadingMark: () => '',
  pair: ([key, value]) => `${key}=${value}`,
};

function parseServices(text: string): Section[] {
  const sections: { header: Line | null; lines: Line[] }[] = [{ header: null, lines: [] }];
  for (const raw of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    const line = classify(raw, sections.length === 1 ? 'above' : 'inside');
    if (line.kind === 'header') sections.push({ header: line, lines: [] });
    else sections.at(-1)?.lines.push(line);
  }
  return sections;
}

/** Whatever stands above the first service is skipped by libpq, as comments are. */
function classify(raw: string, place: 'above' | 'inside'): Line {
  const text = raw.replace(BLANKS, '');
  const line = (kind: LineKind, key = '', value = ''): Line => ({ kind, raw, key, value });
  if (raw.length > LONGEST_FOREIGN || raw.includes('\0')) return line('bad');
  if (text === '') return line('blank');
  if (text.startsWith('#')) return line('comment');
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    return end < 0 ? line('bad') : line('header', '', text.slice(1, end));
  }
  if (place === 'above') return line('comment');
  const at = text.indexOf('=');
  if (at > 0) return line('option', text.slice(0, at), text.slice(at + 1));
  // A service may be looked up in a directory.
  return text.startsWith('ldap') ? line('option', 'ldap', text) : line('bad');
}

/** The number (from 1) of the first line that libpq would stumble over, or null. */
export function firstBadLine(text: string): number | null {
  const lines = parseServices(text).flatMap(({ header, lines: below }) => [
    ...(header === null ? [] : [header]),
    ...below,
  ]);
  const at = lines.findIndex(({ kind }) => kind === 'bad');
  return at < 0 ? null : at + 1;
}

/** Whether some reader takes this line for the header of service `name`; other drivers than libpq allow blanks in it. */
export function isServiceHeader(line: Line, name: string): boolean {
  return line.kind === 'header' && line.value.trim() === name;
}
