/**
 * Weekly windows of time in a time zone: `Mon-Fri 08:00-18:00 Europe/Berlin`. Read against the wall clock of the zone (IANA
 * time zone database, as Intl knows it), so they stay where people expect them when the clocks change.
 * @module
 */
import { JitError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import { instantsOf, isClockTime, localTime, shiftsWithin } from './zone.ts';

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;
const WINDOW = /^(?:([A-Z][a-z]{2})(?:-([A-Z][a-z]{2}))? +)?(\d\d):(\d\d)-(\d\d):(\d\d)$/;
const MOST_WINDOWS = 20;
const DAY_MINUTES = 1_440;

interface Window {
  /** 0 is Monday. A window past midnight belongs to the day on which it starts. */
  readonly days: ReadonlySet<number>;
  /** Minutes after midnight; the end is left out, and at most 24 hours after the start. */
  readonly from: number;
  readonly to: number;
}

export interface Hours {
  /** As written. */
  readonly text: string;
  readonly zone: string;
  readonly windows: readonly Window[];
}

/**
 * One or more windows, parted by commas, and one zone at the end: `Mon-Fri 08:00-18:00, Sat 10:00-14:00 Europe/Berlin`.
 * Without days a window is for every day; one that ends before it starts goes on past midnight; `24:00` is the end of a day.
 * Throws `ERR_CONFIG`.
 */
export function parseHours(text: string): Hours {
  const cut = text.lastIndexOf(' ');
  const zone = text.slice(cut + 1);
  const parts = cut < 1 || text.length > 500 ? [] : text.slice(0, cut).split(',');
  if (parts.length === 0 || parts.length > MOST_WINDOWS) {
    throw wrong('write it like "Mon-Fri 08:00-18:00 Europe/Berlin"');
  }
  checkZone(zone);
  return { text, zone, windows: parts.map((part) => parseWindow(part.trim())) };
}

function parseWindow(text: string): Window {
  const match = WINDOW.exec(text);
  if (match === null) throw wrong(`${JSON.stringify(text)} is not like Mon-Fri 08:00-18:00`);
  const [, first, last, ...times] = match;
  const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = times.map(Number);
  if (fromHour > 23 || fromMinute > 59 || toMinute > 59 || toHour * 60 + toMinute > DAY_MINUTES) {
    throw wrong(`${JSON.stringify(text)}: a time is from 00:00 to 23:59, and 24:00 at the end`);
  }
  const [from, end] = [fromHour * 60 + fromMinute, toHour * 60 + toMinute];
  if (from === end) throw wrong(`${JSON.stringify(text)} has no length: a whole day is 00:00-24:00`);
  return { days: daysFrom(first, last), from, to: end > from ? end : end + DAY_MINUTES };
}

function daysFrom(first: string | undefined, last: string | undefined): ReadonlySet<number> {
  if (first === undefined) return new Set(DAYS.keys());
  const [from, to] = [first, last ?? first].map((day) => {
    const found = DAYS.findIndex((each) => each === day);
    if (found < 0) throw wrong(`${day} is not a day: they are ${DAYS.join(' ')}`);
    return found;
  });
  const start = from ?? 0;
  return new Set(Array.from({ length: (((to ?? 0) - start + 7) % 7) + 1 }, (_, offset) => (start + offset) % 7));
}

function checkZone(zone: string): void {
  try {
    // An offset such as +02:00 is no zone: it knows nothing of summer.
    if (zone === 'UTC' || (zone.includes('/') && localTime(zone, 0) !== null)) return;
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
  }
  const hint = didYouMean(zone, Intl.supportedValuesOf('timeZone'));
  throw wrong(
    `${JSON.stringify(zone.slice(0, 60))} is not a time zone such as Europe/Berlin or UTC${hint === undefined ? '' : `, ${hint}`}`,
  );
}

/** @param at epoch ms. Null where that is not a time. */
export function isWithin({ zone, windows }: Hours, at: number): boolean | null {
  const local = localTime(zone, at);
  if (local === null) return null;
  const { day, minute } = local;
  const weekday = weekdayOf(day);
  return windows.some(
    ({ days, from, to }) =>
      (days.has(weekday) && minute >= from && minute < to) ||
      (to > DAY_MINUTES && days.has((weekday + 6) % 7) && minute < to - DAY_MINUTES),
  );
}

/** Days of the local calendar are counted from 1970-01-01, a Thursday. */
function weekdayOf(day: number): number {
  return (((day + 3) % 7) + 7) % 7;
}

/** @returns epoch ms of the next moment at which `isWithin` answers otherwise than at `at`, or null where none comes in nine days. */
export function nextChange(hours: Hours, at: number): number | null {
  const { zone, windows } = hours;
  const [now, local] = [isWithin(hours, at), localTime(zone, at)];
  if (now === null || local === null) return null;
  const candidates = shiftsWithin(zone, at, 9);
  for (let day = local.day - 2; day <= local.day + 9; day++) {
    for (const { days, from, to } of windows) {
      if (!days.has(weekdayOf(day))) continue;
      candidates.push(...instantsOf(zone, day, from), ...instantsOf(zone, day, to));
    }
  }
  const later = candidates.filter((each) => each > at && isWithin(hours, each) === !now);
  return later.length === 0 ? null : Math.min(...later);
}

/** `Mon 2026-03-30 08:00 Europe/Berlin`. @param at epoch ms. */
export function inZone({ zone }: Pick<Hours, 'zone'>, at: number): string {
  const local = isClockTime(at) ? localTime(zone, at) : null;
  if (local === null) return 'at no known time';
  const date = new Date(local.day * 86_400_000 + local.minute * 60_000).toISOString();
  return `${DAYS[weekdayOf(local.day)] ?? ''} ${date.slice(0, 10)} ${date.slice(11, 16)} ${zone}`;
}

function wrong(message: string): JitError {
  return new JitError({ code: 'ERR_CONFIG', message });
}
