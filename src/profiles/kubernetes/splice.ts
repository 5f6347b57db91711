/**
 * Changes to the lines of a text, all named by offsets of the text before any of them.
 * @module
 */
import { lastOf } from '../../local/yaml-tree.ts';
import type { Tree } from '../../local/yaml-tree.ts';

/** What becomes of the characters from `start` up to `end`. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What is put in comes before what is taken away at the same place. */
export function spliced(text: string, splices: readonly Splice[]): string {
  let at = 0;
  let result = '';
  for (const { start, end, text: fresh } of splices.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    result += text.slice(at, start) + fresh;
    at = Math.max(at, end);
  }
  return result + text.slice(at);
}

/** The offset of the first character of a line. A byte order mark is no part of the first one. */
export function lineStart(text: string, at: number): number {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  return start === 0 && text.startsWith('\ufeff') ? 1 : start;
}

/** The offset behind the line's end, or the end of the text. */
export function lineEnd(text: string, at: number): number {
  const found = text.indexOf('\n', at);
  return found < 0 ? text.length : found + 1;
}

/** The lines from `start` up to the one in which `tree` ends, taken away but for those that are comments and nothing else. */
export function withoutLines(text: string, start: number, tree: Tree): Splice {
  const last = lastOf(tree);
  const end = text[last - 1] === '\n' ? last : lineEnd(text, last);
  const scalars = scalarsOf(tree);
  let kept = '';
  for (let at = start; at < end; at = lineEnd(text, at)) {
    const line = text.slice(at, Math.min(lineEnd(text, at), end));
    const inScalar = scalars.some((scalar) => scalar.start < at && at < scalar.end);
    if (/^[ \t]*#/.test(line) && !inScalar) kept += line;
  }
  return { start, end, text: kept };
}

function scalarsOf(tree: Tree): readonly Tree[] {
  if (tree.kind === 'map') return tree.pairs.flatMap(({ value }) => scalarsOf(value));
  if (tree.kind === 'list') return tree.items.flatMap(scalarsOf);
  return [tree];
}
