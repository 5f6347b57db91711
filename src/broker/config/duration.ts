/**
 * Durations in the configuration.
 * @module
 */
import * as z from 'zod';
import { parseDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';

/** A duration as people write it, read as whole seconds within bounds. */
export function duration(least: number, most: number): z.ZodType<number, string> {
  return z.string().transform((text, context) => {
    try {
      const seconds = parseDuration(text);
      if (seconds >= least && seconds <= most) return seconds;
      context.addIssue({ code: 'custom', message: `from ${least}s to ${most}s` });
    } catch (thrown) {
      if (!(thrown instanceof JitError)) throw thrown;
      context.addIssue({ code: 'custom', message: thrown.hint ?? thrown.message });
    }
    return z.NEVER;
  });
}
