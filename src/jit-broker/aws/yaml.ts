/**
 * Plain data as YAML that every version of YAML reads alike.
 * @module
 */
import type { Json } from './role-policy.ts';

/** Of a text that starts with a letter, these parsers disagree about what it is. */
const AMBIGUOUS = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

/** @param depth how far the lines are indented, in steps of two. @returns lines without a final newline. */
export function yamlLines(value: { readonly [name: string]: Json }, depth = 0): readonly string[] {
  return Object.entries(value).flatMap(([key, child]) => entry(`${'  '.repeat(depth)}${scalar(key)}:`, child, depth));
}

function entry(head: string, child: Json, depth: number): readonly string[] {
  if (isList(child)) {
    if (child.length === 0) return [`${head} []`];
    return [head, ...child.flatMap((each) => item(each, depth + 1))];
  }
  if (typeof child !== 'object' || child === null) return [`${head} ${scalar(child)}`];
  return Object.keys(child).length === 0 ? [`${head} {}`] : [head, ...yamlLines(child, depth + 1)];
}

function item(value: Json, depth: number): readonly string[] {
  const mark = `${'  '.repeat(depth)}- `;
  if (isList(value) || typeof value !== 'object' || value === null) {
    // A list in a list has no short form worth having; JSON is part of YAML.
    return [`${mark}${isList(value) ? JSON.stringify(value) : scalar(value)}`];
  }
  const lines = yamlLines(value, depth + 1);
  return lines.map((line, index) => (index === 0 ? `${mark}${line.slice(mark.length)}` : line));
}

function scalar(value: string | number | boolean | null): string {
  if (typeof value !== 'string') return String(value);
  const plain = /^[A-Za-z](?:[\w./-]|:(?=\S))*$/.test(value) && !AMBIGUOUS.test(value) && !value.endsWith(':');
  return plain ? value : escaped(value);
}

/** A double-quoted scalar of printable ASCII, of which JSON's is the same text. */
function escaped(value: string): string {
  const unit = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replaceAll(/[^\x20-\x7e]/g, unit);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
