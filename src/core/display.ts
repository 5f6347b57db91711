/**
 * Text that somebody else typed, made safe to show on a terminal or in a log line.
 * @module
 */

// Control, line-separator, private-use and surrogate characters, and everything invisible (bidi, zero width, tags, fillers).
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

function escapeOne(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/**
 * Escapes control, bidirectional and invisible characters, so that a reason cannot move the cursor or hide words
 * (the class of CVE-2021-25743 and CVE-2023-28486). The result is one line.
 * @param limit characters kept; a longer text ends with how many were left out.
 */
export function display(text: string, limit = 1_000): string {
  const characters = Array.from(text);
  const kept = characters.slice(0, limit).join('').replace(UNSAFE, escapeOne);
  const rest = characters.length - limit;
  return rest > 0 ? `${kept}… (${rest} more)` : kept;
}
