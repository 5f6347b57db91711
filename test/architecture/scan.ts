/**
 * A scanner of TypeScript text that knows comments, strings, templates and regular expressions apart from code.
 * TypeScript 7 offers no API to programs, and these tests need no more than this.
 * @module
 */

/** The same text three times, each with the rest blanked out, so that offsets and line numbers agree. */
export interface Scanned {
  /** Code with its strings. */
  readonly code: string;
  /** Code without the contents of strings, templates and regular expressions. */
  readonly bare: string;
  /** Comments only. */
  readonly comments: string;
}

type Kind = 'code' | 'text' | 'comment';

/** After these a slash begins a regular expression; after anything else that ends a value it divides. */
const BEFORE_REGEX =
  /(?:^|[-+*/%=<>!&|^~?:;,({[}]|\b(?:return|typeof|case|in|of|void|await|yield|throw|new|else|do))\s*$/;

export function scan(source: string): Scanned {
  const kinds: Kind[] = [];
  const mark = (kind: Kind, from: number, to: number): void => {
    for (let at = from; at < to; at++) kinds[at] = kind;
  };
  // One entry for each open `${`, counting the braces inside it.
  const templates: number[] = [];
  let at = 0;
  while (at < source.length) {
    const end = endOfToken(source, at, kinds, templates);
    mark(end.kind, at, end.at);
    at = end.at;
  }
  return {
    code: keep(source, kinds, ['code', 'text']),
    bare: keep(source, kinds, ['code']),
    comments: keep(source, kinds, ['comment']),
  };
}

function endOfToken(
  source: string,
  at: number,
  kinds: readonly Kind[],
  templates: number[],
): { readonly kind: Kind; readonly at: number } {
  const char = source[at];
  const pair = source.slice(at, at + 2);
  if (pair === '//' || (at === 0 && pair === '#!')) return { kind: 'comment', at: upTo(source, at, '\n') };
  if (pair === '/*') return { kind: 'comment', at: upTo(source, at + 2, '*/') + 2 };
  if (char === "'" || char === '"') return { kind: 'text', at: endOfString(source, at) };
  if (char === '`') return endOfTemplate(source, at + 1, templates);
  if (char === '/' && BEFORE_REGEX.test(codeBefore(source, at, kinds)))
    return { kind: 'text', at: endOfRegex(source, at) };
  const depth = templates.at(-1);
  if (depth !== undefined && char === '{') templates[templates.length - 1] = depth + 1;
  if (depth !== undefined && char === '}') {
    if (depth === 0) {
      templates.pop();
      return endOfTemplate(source, at + 1, templates);
    }
    templates[templates.length - 1] = depth - 1;
  }
  return { kind: 'code', at: at + 1 };
}

function upTo(source: string, from: number, what: string): number {
  const found = source.indexOf(what, from);
  return found < 0 ? source.length : found;
}

function endOfString(source: string, start: number): number {
  let at = start + 1;
  while (at < source.length && source[at] !== source[start] && source[at] !== '\n') at += source[at] === '\\' ? 2 : 1;
  return at + 1;
}

function endOfTemplate(
  source: string,
  from: number,
  templates: number[],
): { readonly kind: Kind; readonly at: number } {
  for (let at = from; at < source.length; at++) {
    if (source[at] === '\\') at++;
    else if (source[at] === '`') return { kind: 'text', at: at + 1 };
    else if (source[at] === '$' && source[at + 1] === '{') {
      templates.push(0);
      return { kind: 'text', at: at + 2 };
    }
  }
  return { kind: 'text', at: source.length };
}

function endOfRegex(source: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < source.length; at++) {
    const char = source[at];
    if (char === '\\') at++;
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '/' && !inClass) return at + 1;
  }
  return source.length;
}

/** The code on the last lines before an offset, comments left out. */
function codeBefore(source: string, at: number, kinds: readonly Kind[]): string {
  let text = '';
  for (let back = at - 1; back >= 0 && text.trim().length < 8; back--) {
    const kind = kinds[back];
    if (kind === 'code') text = `${source[back]}${text}`;
    // A string is a value, whatever it says.
    else if (kind === 'text') text = `"${text}`;
  }
  return text;
}

function keep(source: string, kinds: readonly Kind[], wanted: readonly Kind[]): string {
  let kept = '';
  for (let at = 0; at < source.length; at++) {
    const char = source[at] ?? '';
    const kind = kinds[at];
    kept += char === '\n' || (kind !== undefined && wanted.includes(kind)) ? char : ' ';
  }
  return kept;
}

/** One import or re-export, static or dynamic. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  readonly when: 'type' | 'static' | 'dynamic';
}

const IMPORTS = [
  { pattern: /\b(?:import|export)\s+(type\s)?[^'";()]*?\bfrom\s*['"]([^'"\n]+)['"]/g, when: 'static' },
  { pattern: /\b(import)\s*['"]([^'"\n]+)['"]/g, when: 'static' },
  { pattern: /\b(import|require)\s*\(\s*['"]([^'"\n]+)['"]\s*\)/g, when: 'dynamic' },
] as const;

/** Every import in a text whose specifier is written out. `import('x')` as a type counts as dynamic. */
export function importsOf({ code, bare }: Scanned): readonly Import[] {
  return IMPORTS.flatMap(({ pattern, when }) =>
    [...code.matchAll(pattern)]
      // The keyword itself is code, not part of a string that looks like an import.
      .filter((match) => /\S/.test(bare.slice(match.index, match.index + 6)))
      .map((match) => ({
        specifier: match[2] ?? '',
        line: lineAt(code, match.index),
        when: match[1]?.trim() === 'type' ? ('type' as const) : when,
      })),
  );
}

/** 1-based. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
