/**
 * What somebody typed, for messages.
 * @module
 */

const LONGEST = 100;

/**
 * Names of Kubernetes are ASCII: whatever else was typed is shown by its number, so that a letter of another script is not
 * taken for the one that it looks like.
 */
export function shown(typed: string): string {
  const characters = Array.from(typed);
  const kept = characters.slice(0, LONGEST).map((one) => {
    if (/^[\x20-\x7e]$/.test(one)) return one;
    return `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`;
  });
  const rest = characters.length - LONGEST;
  return `${kept.join('')}${rest > 0 ? `... (${rest} more)` : ''}`;
}
