/**
 * Between instants and the wall clock of a time zone, by Intl alone.
 * @module
 */

const MINUTE = 60_000;
const DAY = 86_400_000;
/** No zone is further from UTC, and none ever moved by more than a day. */
const MARGIN = 2 * DAY;

/** What a clock on the wall of the zone shows. */
export interface LocalTime {
  /** Days of its calendar since 1970-01-01. */
  readonly day: number;
  /** Minutes after midnight by the clock, 0 to 1439. */
  readonly minute: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** The last answer for each zone: many policies ask about the same minute. */
const recent = new Map<string, { readonly minute: number; readonly local: LocalTime }>();

/** Whether this is a time that a date can hold, in epoch ms, from 1970 on. */
export function isClockTime(at: number): boolean {
  return Number.isFinite(at) && at >= 0 && at <= 8.64e15 - MARGIN;
}

/** @returns null for what is no time. Throws `RangeError` for an unknown zone. */
export function localTime(zone: string, at: number): LocalTime | null {
  if (!isClockTime(at)) return null;
  const minute = Math.floor(at / MINUTE);
  const last = recent.get(zone);
  if (last?.minute === minute) return last.local;
  const shown = minute * MINUTE + offsetAt(zone, minute * MINUTE);
  const day = Math.floor(shown / DAY);
  const local = { day, minute: Math.floor((shown - day * DAY) / MINUTE) };
  recent.set(zone, { minute, local });
  return local;
}

/** How far the zone's clock is ahead of UTC, in ms. */
function offsetAt(zone: string, at: number): number {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? Number.NaN;
  const shown = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return shown - Math.floor(at / 1_000) * 1_000;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(zone, format);
  return format;
}

/** Every instant at which the zone's clock shows this; for a time that it jumps over, none. @param minute may be past midnight. */
export function instantsOf(zone: string, day: number, minute: number): number[] {
  const shown = day * DAY + minute * MINUTE;
  const offsets = new Set([shown - DAY, shown + DAY].map((near) => offsetAt(zone, Math.max(0, near))));
  return [...offsets]
    .map((offset) => shown - offset)
    .filter((at) => isClockTime(at) && offsetAt(zone, at) === shown - at);
}

/** The instants in the next so many days at which the zone's clock is moved. */
export function shiftsWithin(zone: string, from: number, days: number): number[] {
  const found: number[] = [];
  for (let start = from - DAY; start < from + days * DAY; start += DAY) {
    let [low, high] = [Math.floor(Math.max(0, start) / MINUTE), Math.floor((start + DAY) / MINUTE)];
    const before = offsetAt(zone, low * MINUTE);
    if (high <= low || offsetAt(zone, high * MINUTE) === before) continue;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offsetAt(zone, middle * MINUTE) === before) low = middle;
      else high = middle;
    }
    found.push(high * MINUTE);
  }
  return found;
}
