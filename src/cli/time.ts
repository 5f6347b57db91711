/**
 * Moments as people read them: how far away, and when by the clock on the wall.
 * @module
 */
import { formatDuration } from '../core/duration.ts';

/** At most two units, such as `1h29m` or `45s`; a started second counts whole, so that nothing live reads as `0s`. */
export function roughly(ms: number): string {
  const seconds = Math.ceil(Math.abs(ms) / 1_000);
  if (seconds >= 86_400) return formatDuration(seconds - (seconds % 3_600));
  if (seconds >= 3_600) return formatDuration(seconds - (seconds % 60));
  return formatDuration(seconds);
}

/** `in 1m30s` or `2h5m ago`. */
export function relative(at: number, now: number): string {
  if (Math.abs(at - now) < 1_000) return 'now';
  return at > now ? `in ${roughly(at - now)}` : `${roughly(now - at)} ago`;
}

/** Local wall time: `14:03:20` today, with the date on any other day. */
export function clockTime(at: number, now: number): string {
  const moment = new Date(at);
  const time = [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(twoDigits).join(':');
  return sameDay(moment, new Date(now)) ? time : `${calendarDate(moment)} ${time}`;
}

/** `in 1m30s (14:03:20)`. */
export function bothTimes(at: number, now: number): string {
  return `${relative(at, now)} (${clockTime(at, now)})`;
}

/** Goes behind the end of a grant: `, or when idle for 15m`; nothing for one that may rest. */
export function orWhenIdle(idleSeconds: number | null): string {
  return idleSeconds === null ? '' : `, or when idle for ${formatDuration(idleSeconds)}`;
}

/** `14:03:20 (in 1m30s)`, always with the date: for a record that is read later. */
export function recordedTime(at: number, now: number): string {
  return `${calendarDate(new Date(at))} ${clockTime(at, at)} (${relative(at, now)})`;
}

function calendarDate(moment: Date): string {
  return [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()].map(twoDigits).join('-');
}

function sameDay(a: Date, b: Date): boolean {
  return a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
