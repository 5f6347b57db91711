/**
 * Lines for people, as values: text and tone apart, so that nothing foreign reaches a terminal unescaped.
 * @module
 */
import { display } from '../core/display.ts';

/** What a piece of text means; a colour where there is one, nothing elsewhere. */
export type Tone = 'plain' | 'strong' | 'dim' | 'good' | 'warn' | 'bad';

export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

/** One line; a bare string is plain. Line breaks inside are shown escaped, like every other control character. */
export type Line = string | readonly (string | Span)[];

/** Puts the escape sequences of a tone around text that is already safe. */
export type Paint = (tone: Tone, text: string) => string;

export const unpainted: Paint = (_tone, text) => text;

export function toned(tone: Tone, text: string): Span {
  return { text, tone };
}

// Long enough for a session policy of the largest size; what a person may type has limits of its own.
const LONGEST = 70_000;
// Most text is this, and the tables of Unicode behind `display` cost more to load than `jit status` has time for.
const PLAIN = /^[\x20-\x7e]*$/;

function shown(text: string): string {
  return text.length <= LONGEST && PLAIN.test(text) ? text : display(text, LONGEST);
}

/** Escapes every part and paints it. The only way from a `Line` to a stream. */
export function renderLine(line: Line, paint: Paint): string {
  return spansOf(line)
    .map(({ text, tone }) => paint(tone, shown(text)))
    .join('');
}

export function spansOf(line: Line): readonly Span[] {
  if (typeof line === 'string') return [{ text: line, tone: 'plain' }];
  return line.map((part) => (typeof part === 'string' ? { text: part, tone: 'plain' } : part));
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** Terminal columns of text as `display` shows it: two for wide East Asian characters and emoji, none for combining marks. */
export function columnsOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let columns = 0;
  for (const character of shown(text)) {
    if (!/\p{M}/u.test(character)) columns += WIDE.test(character) ? 2 : 1;
  }
  return columns;
}

/** Cuts text to so many columns, the last one an ellipsis when something was left out. */
export function fitColumns(text: string, limit: number): string {
  if (columnsOf(text) <= limit) return text;
  let kept = '';
  // The text is escaped before it is cut, so that half an escape can never come out as something else.
  for (const character of shown(text)) {
    if (columnsOf(kept + character) > limit - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Breaks text at spaces into pieces of at most `limit` columns; a longer word is left whole, since cutting it would spoil a paste. */
export function wrap(text: string, limit: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    const longer = current === '' ? word : `${current} ${word}`;
    if (current !== '' && columnsOf(longer) > limit) {
      lines.push(current);
      current = word;
    } else {
      current = longer;
    }
  }
  return [...lines, current];
}
