/**
 * Resource templates: the provider's identifiers with `{parameter}` in them.
 * @module
 */

/** Fixed texts and parameters' names, in turn. */
export interface Template {
  readonly text: string;
  readonly names: readonly string[];
  /** @param values one for each name. */
  expand(values: ReadonlyMap<string, string>): string;
}

const PART = /\{([^{}]*)\}/g;

/** @returns the template, or what is wrong with it. */
export function makeTemplate(text: string): Template | string {
  if (!/^[\x21-\x7e]+$/.test(text)) return 'a resource has no spaces and no characters beyond ASCII';
  // ${…} is a variable of the cloud's own policy language: it would be filled in by somebody else, later.
  if (text.includes('$')) return 'a resource must not hold $';
  if (/[{}]/.test(text.replace(PART, ''))) return 'a brace without its partner';
  const names = [...text.matchAll(PART)].map(([, name = '']) => name);
  const expand = (values: ReadonlyMap<string, string>): string =>
    // A function, because a replacement text would give `$&` a meaning.
    text.replace(PART, (_, name: string) => values.get(name) ?? '');
  return { text, names, expand };
}
