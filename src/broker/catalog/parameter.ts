/**
 * The parameters of named operations: what may stand between the braces of a resource template.
 * @module
 */
import type { ParameterConfig } from '../config/config.ts';

/** A parameter that a requester fills in. Checked character by character: nothing in it can backtrack. */
export interface Parameter {
  readonly description: string;
  /** For people, such as `prod, staging` or `[a-z0-9-]{1,40}`. */
  readonly accepts: string;
  accepted(value: string): boolean;
  /** A value that is accepted. */
  readonly example: string;
}

const LONGEST = 200;
/** A fixed beginning, one class of characters, a length. */
const PATTERN = /^([A-Za-z0-9_.:/=@+,-]*)\[([A-Za-z0-9_.:/=@+,-]+)\]\{(\d{1,3})(?:,(\d{1,3}))?\}$/;
const SAFE = /^[A-Za-z0-9_.:/=@+,-]+$/;

/** @returns the parameter, or what is wrong with its definition. */
export function makeParameter({ description, values, pattern }: ParameterConfig): Parameter | string {
  if (values !== undefined) return fromValues(description, values);
  const [, prefix = '', inside = '', least = '', most = least] = PATTERN.exec(pattern ?? '') ?? [];
  const characters = readClass(inside);
  const [from, to] = [Number(least), Number(most)];
  if (characters === null) {
    return 'a pattern is an optional beginning, one class and a length, such as [a-z0-9-]{1,40} or web-[a-z]{3}';
  }
  if (from < 1 || to < from || to > LONGEST) return `the length in a pattern is from 1 to ${LONGEST}`;
  const [sample = ''] = [...characters].filter((each) => /[a-z0-9]/i.test(each));
  const example = prefix + (sample === '' ? '' : sample.repeat(from));
  const accepted = (value: string): boolean => {
    const rest = value.slice(prefix.length);
    return (
      value.startsWith(prefix) &&
      rest.length >= from &&
      rest.length <= to &&
      Array.from(rest).every((each) => characters.has(each)) &&
      !climbs(value)
    );
  };
  if (!accepted(example)) return 'the class of a pattern needs a letter or digit';
  return { description, accepts: pattern ?? '', accepted, example };
}

function fromValues(description: string, values: readonly string[]): Parameter | string {
  const unusable = values.find((value) => !SAFE.test(value) || value.length > LONGEST || climbs(value));
  if (unusable !== undefined) {
    return `the value ${JSON.stringify(unusable)} holds more than letters, digits and _ . : / = @ + , -`;
  }
  const known = new Set(values);
  const [example = ''] = values;
  return { description, accepts: values.join(', '), accepted: (value) => known.has(value), example };
}

/** Single characters and the ranges `a-z`; a hyphen for itself stands last. Null for an empty or reversed one. */
function readClass(inside: string): ReadonlySet<string> | null {
  const characters = new Set<string>();
  for (let at = 0; at < inside.length; at += 1) {
    const first = inside.charCodeAt(at);
    const ranged = inside[at + 1] === '-' && at + 2 < inside.length;
    const last = ranged ? inside.charCodeAt(at + 2) : first;
    const range = String.fromCharCode(first, last);
    if (ranged && !/^(?:[a-z]{2}|[A-Z]{2}|\d{2})$/.test(range)) return null;
    if (last < first) return null;
    for (let code = first; code <= last; code += 1) characters.add(String.fromCharCode(code));
    if (ranged) at += 2;
  }
  return characters.size === 0 ? null : characters;
}

/** `..` between slashes is another place for whoever resolves paths, and `.` and nothing are this one under another name. */
function climbs(value: string): boolean {
  return value.split('/').some((part) => part === '' || part === '.' || part === '..');
}
