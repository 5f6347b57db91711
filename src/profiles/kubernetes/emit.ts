/**
 * YAML as kubectl writes it itself, but with every text in quotes, so that no reader of any version takes one for something else.
 * @module
 */

export type Plain = string | boolean | readonly Plain[] | { readonly [key: string]: Plain };

/** Lines without their ends. Keys must be words; lists and maps must not be empty. */
export function emit(value: Plain, indent = 0): readonly string[] {
  const blanks = ' '.repeat(indent);
  if (Array.isArray(value)) return value.flatMap((item: Plain) => dashed(emit(item, indent + 2), indent));
  if (typeof value !== 'object') return [`${blanks}${scalar(value)}`];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (typeof inner !== 'object') return [`${blanks}${key}: ${scalar(inner)}`];
    // A list stands as deep as its key.
    return [`${blanks}${key}:`, ...emit(inner, Array.isArray(inner) ? indent : indent + 2)];
  });
}

function dashed([first = '', ...rest]: readonly string[], indent: number): readonly string[] {
  return [`${' '.repeat(indent)}- ${first.slice(indent + 2)}`, ...rest];
}

/** A JSON text is a double-quoted scalar of YAML 1.2 (chapter 1.3), and of 1.1 as Go's libraries read it. */
function scalar(value: string | boolean | readonly Plain[] | { readonly [key: string]: Plain }): string {
  return JSON.stringify(value);
}
