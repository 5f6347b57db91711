/**
 * Pieces of text: what others typed, times, durations. Everything is escaped by `html`, which is how all pages are made.
 * @module
 */
import { html } from 'hono/html';
import { display } from '../../../core/display.ts';
import { doubtfulWords } from '../alphabets.ts';

/** Escaped markup. */
export type Html = ReturnType<typeof html>;
/** What may stand inside of it: text is escaped, null leaves nothing. */
export type Part = Html | string | number | null | readonly Part[];

const LONGEST = 4_096;

/** Somebody else's text in a line, with what is invisible or turns the direction made visible. */
export function foreign(text: string, limit = LONGEST): Html {
  return html`<bdi class="foreign">${display(text, limit)}</bdi>`;
}

/** The same of several lines. */
export function foreignBlock(text: string): Html {
  const lines = text.split('\n').map((line) => html`<p><bdi>${display(line, LONGEST)}</bdi></p>`);
  return html`<blockquote class="foreign">${lines}</blockquote>`;
}

/** A warning about texts that may not be what they look like, or nothing. */
export function doubts(texts: readonly (string | null | undefined)[]): Html | null {
  const given = texts.filter((text) => typeof text === 'string');
  const hidden = given.some(
    (text) => display(text.replaceAll('\n', ' '), LONGEST) !== text.replaceAll('\n', ' ').slice(0, LONGEST),
  );
  const found = [
    ...new Set(given.flatMap(doubtfulWords)),
    ...(hidden ? ['It holds invisible or direction-changing characters; they are shown here as \\u{…} or \\x…'] : []),
  ];
  if (found.length === 0) return null;
  return html`<div class="notice warn" role="note">
    <h2>Read the text of this request with care</h2>
    <ul>
      ${found.slice(0, 10).map((each) => html`<li><bdi>${display(each, 400)}</bdi></li>`)}
    </ul>
  </div>`;
}

const DATE = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZone: 'UTC',
});

/** `22 Nov 2026, 05:50:52 UTC`. @param iso RFC 3339. */
export function time(iso: string): Html {
  const at = Date.parse(iso);
  return html`<time datetime="${iso}">${Number.isNaN(at) ? iso : `${DATE.format(at)} UTC`}</time>`;
}

/** A time to come, and how long it is until then; a script keeps the latter going. @param now epoch ms. */
export function until(iso: string, now: number): Html {
  const left = Math.max(0, Math.ceil((Date.parse(iso) - now) / 1_000));
  return html`${time(iso)}
    <span class="left" data-left="${left}">(${left === 0 ? 'now' : `in ${roughly(left)}`})</span>`;
}

/** `1 hour 30 minutes`, exactly. */
export function duration(seconds: number): string {
  const parts = UNITS.map(([unit, size], at) => {
    const larger = UNITS[at - 1]?.[1] ?? Number.POSITIVE_INFINITY;
    return counted(Math.floor((Number.isFinite(larger) ? seconds % larger : seconds) / size), unit);
  }).filter((part) => part !== '');
  return parts.length === 0 ? '0 seconds' : parts.join(' ');
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

function roughly(seconds: number): string {
  if (seconds < 120) return duration(seconds);
  return duration(seconds < 7_200 ? seconds - (seconds % 60) : seconds - (seconds % 900));
}

/** `3 requests`, `1 request`, and nothing for none. */
function counted(count: number, what: string): string {
  if (count === 0) return '';
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** `no requests`, `1 request`, `3 requests`. */
export function amount(count: number, what: string, many = `${what}s`): string {
  return `${count === 0 ? 'no' : count} ${count === 1 ? what : many}`;
}

/** `a, b and c`. */
export function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}
