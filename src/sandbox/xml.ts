/**
 * XML answers, built from escaped pieces.
 * @module
 */

// Characters that XML 1.0 cannot carry even as a reference, beside the five that mean something in markup.
const SPECIAL = /[&<>"'\u0000-\u001f\u007f\ufffe\uffff]/g;

const NAMED: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
]);

function escapeOne(character: string): string {
  return NAMED.get(character) ?? `&#x${character.charCodeAt(0).toString(16)};`;
}

/** Text content. Lone surrogates become U+FFFD: they have no UTF-8 form. */
export function text(value: string): string {
  return value.toWellFormed().replace(SPECIAL, escapeOne);
}

/** One element with markup inside it. */
export function element(name: string, ...content: readonly string[]): string {
  return `<${name}>${content.join('')}</${name}>`;
}

/** One element with text inside it, or nothing at all where there is no value. */
export function field(name: string, value: string | number | null): string {
  return value === null ? '' : `<${name}>${text(String(value))}</${name}>`;
}

/** A whole document in one namespace. */
export function documentOf(name: string, namespace: string, ...content: readonly string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name} xmlns="${namespace}">${content.join('')}</${name}>\n`;
}
