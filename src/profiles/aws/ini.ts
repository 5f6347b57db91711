/**
 * The lines of an AWS config file, read as botocore reads them (Python's `configparser`) but never changed: every byte
 * is kept as one latin1 character, so that writing the lines back gives the same file.
 * @module
 */

import type { Line, LineKind, Section } from '../ini/lines.ts';

const BOM = '\xef\xbb\xbf';
// Only ASCII: a byte above may be the second half of a UTF-8 character.
const BLANKS = /^[\t\v\f ]+|[\t\v\f ]+$/g;
const trimmed = (text: string): string => text.replace(BLANKS, '');

/** Splits as Python's universal newlines do: after \r\n, \n and a lone \r. */
export function splitLines(text: string): string[] {
  return text.match(/[^\r\n]+(?:\r\n|\r|\n)?|\r\n|\r|\n/g) ?? [];
}

/** The sections of a file in order; joining every `raw` again gives `text` (after a byte order mark, if it has one). */
export function parseSections(text: string): Section[] {
  const sections: { header: Line | null; lines: Line[] }[] = [{ header: null, lines: [] }];
  const reader: Reader = { inSection: false, optionOpen: false, nested: false, indent: 0 };
  const body = text.startsWith(BOM) ? text.slice(BOM.length) : text;
  for (const raw of splitLines(body)) {
    const line = classify(raw, reader);
    if (line.kind === 'header') sections.push({ header: line, lines: [] });
    else sections.at(-1)?.lines.push(line);
  }
  return sections;
}

/** The byte order mark that `parseSections` leaves out, or nothing. */
export function leadingMark(text: string): string {
  return text.startsWith(BOM) ? BOM : '';
}

/** The number (from 1) of the first line that the aws program would refuse, or null. Repeated sections are not judged. */
export function firstBadLine(sections: readonly Section[]): number | null {
  let number = 0;
  for (const { header, lines } of sections) {
    if (header !== null) number++;
    for (const line of lines) {
      number++;
      if (line.kind === 'bad' || (header === null && line.kind !== 'blank' && line.kind !== 'comment')) return number;
    }
  }
  return null;
}

interface Reader {
  inSection: boolean;
  optionOpen: boolean;
  /** Inside `s3 =` with its own indented keys, each of which needs an equals sign. */
  nested: boolean;
  indent: number;
}

function classify(raw: string, reader: Reader): Line {
  const content = raw.replace(/[\r\n]+$/, '');
  const text = trimmed(content);
  const line = (kind: LineKind, key = '', value = ''): Line => ({ kind, raw, key, value });
  if (text === '') return line('blank');
  if (text.startsWith('#') || text.startsWith(';')) return line('comment');
  const indent = content.length - content.replace(/^[\t\v\f ]+/, '').length;
  if (reader.inSection && reader.optionOpen && indent > reader.indent) {
    return line(reader.nested && !text.includes('=') ? 'bad' : 'more');
  }
  return opening(text, indent, reader, line);
}

function opening(
  text: string,
  indent: number,
  reader: Reader,
  line: (kind: LineKind, key?: string, value?: string) => Line,
): Line {
  reader.indent = indent;
  if (text.startsWith('[')) {
    const end = text.lastIndexOf(']');
    reader.optionOpen = false;
    if (end <= 1) return line('bad');
    reader.inSection = true;
    return line('header', '', text.slice(1, end));
  }
  const at = text.search(/[=:]/);
  if (at <= 0) return line('bad');
  const value = trimmed(text.slice(at + 1));
  reader.optionOpen = true;
  reader.nested = value === '';
  return line('option', trimmed(text.slice(0, at)), value);
}
