/**
 * Asks on the terminal for what a request lacks; elsewhere says which flag to add.
 * @module
 */
import { parseDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import { parseReason } from '../../core/request.ts';
import { askText } from '../ask.ts';
import type { Context } from '../context.ts';
import type { AccessOptions } from './flags.ts';

/** A request that lacks nothing. */
export type CompleteAccess = AccessOptions & { readonly seconds: number; readonly reason: string };

/** Throws `ERR_MISSING_INPUT` where nobody can be asked, `ERR_INTERRUPTED` when the question was answered with Ctrl-C. */
export async function completeAccess(context: Context, options: AccessOptions): Promise<CompleteAccess> {
  const { seconds, reason } = options;
  if (seconds !== null && reason !== null) return { ...options, seconds, reason };
  if (!context.terminal.interactive || options.format === 'json') throw missing(options);
  return {
    ...options,
    seconds:
      seconds ?? parseDuration(await askText(context, { message: 'for how long? (15m, 1h30m)', parse: parseDuration })),
    reason: reason ?? parseReason(await askText(context, { message: 'what for?', parse: parseReason })),
  };
}

function missing({ seconds, reason }: AccessOptions): JitError {
  const lacks = [...(seconds === null ? ['--for'] : []), ...(reason === null ? ['--reason'] : [])];
  const flags = [
    ...(seconds === null ? ['--for 15m'] : []),
    ...(reason === null ? ["--reason 'why you need it'"] : []),
  ];
  return new JitError({
    code: 'ERR_MISSING_INPUT',
    message: `${lacks.join(' and ')} ${lacks.length === 1 ? 'is' : 'are'} missing`,
    hint: `add: ${flags.join(' ')}`,
  });
}
