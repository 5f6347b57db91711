/**
 * Asks on the terminal for what a request lacks; elsewhere says which flag to add.
 * @module
 */
import { parseDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import { parseReason } from '../../core/request.ts';
import { askText } from '../ask.ts';
import type { Context } from '../context.ts';
import type { AccessOptions, AccessTerms } from './flags.ts';

/** A request that lacks nothing. */
export type CompleteAccess = AccessOptions & { readonly seconds: number; readonly reason: string };

/** Throws `ERR_MISSING_INPUT` where nobody can be asked, `ERR_INTERRUPTED` when the question was answered with Ctrl-C. */
export async function completeAccess(context: Context, options: AccessOptions): Promise<CompleteAccess> {
  const { seconds, reason } = options;
  if (seconds !== null && reason !== null) return { ...options, seconds, reason };
  if (!context.terminal.interactive || options.format === 'json') throw missing(lacksOf(options));
  return {
    ...options,
    seconds:
      seconds ?? parseDuration(await askText(context, { message: 'for how long? (15m, 1h30m)', parse: parseDuration })),
    reason: reason ?? parseReason(await askText(context, { message: 'what for?', parse: parseReason })),
  };
}

/** A flag that has to be there, and what to add. */
export type Lack = readonly [flag: string, example: string];

export function lacksOf({ seconds, reason }: Pick<AccessTerms, 'seconds' | 'reason'>): readonly Lack[] {
  return [
    ...(seconds === null ? [['--for', '--for 15m'] as const] : []),
    ...(reason === null ? [['--reason', "--reason 'why you need it'"] as const] : []),
  ];
}

/** `ERR_MISSING_INPUT` with the exact flags to add. @param more goes behind them. */
export function missing(lacks: readonly Lack[], more = ''): JitError {
  const names = lacks.map(([flag]) => flag);
  const listed = names.length < 3 ? names.join(' and ') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return new JitError({
    code: 'ERR_MISSING_INPUT',
    message: `${listed} ${names.length === 1 ? 'is' : 'are'} missing`,
    hint: `add: ${lacks.map(([, example]) => example).join(' ')}${more}`,
  });
}
