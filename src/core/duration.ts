/**
 * Lengths of time as people write them: `90s`, `15m`, `1h30m`, `2h`. Always whole seconds.
 * @module
 */
import { JitError } from './errors.ts';

const SHAPE = /^(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?$/;

/** The longest that can be asked for at all, whatever a policy says: 30 days. */
export const LONGEST_SECONDS = 30 * 86_400;

/** @returns whole seconds, 1 to `LONGEST_SECONDS`. Throws `ERR_DURATION`. */
export function parseDuration(text: string): number {
  const match = text.length <= 24 ? SHAPE.exec(text) : null;
  const [days, hours, minutes, seconds] = (match ?? []).slice(1).map((part) => Number(part ?? 0));
  const total = (days ?? 0) * 86_400 + (hours ?? 0) * 3_600 + (minutes ?? 0) * 60 + (seconds ?? 0);
  if (match === null || total === 0) {
    throw new JitError({
      code: 'ERR_DURATION',
      message: 'that is not a duration',
      hint: 'write it like 90s, 15m, 1h30m or 2h',
    });
  }
  if (total > LONGEST_SECONDS) {
    throw new JitError({
      code: 'ERR_DURATION',
      message: 'the longest duration is 30d',
      hint: 'write it like 15m or 2h',
    });
  }
  return total;
}

/** The inverse of `parseDuration`: the largest units first, zero parts left out, `0s` for nothing. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor((whole % 86_400) / 3_600), 'h'],
    [Math.floor((whole % 3_600) / 60), 'm'],
    [whole % 60, 's'],
  ] as const;
  const text = parts.map(([amount, unit]) => (amount === 0 ? '' : `${amount}${unit}`)).join('');
  return text === '' ? '0s' : text;
}
