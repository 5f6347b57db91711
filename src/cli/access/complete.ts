/**
 * Asks on the terminal for what a request lacks; elsewhere says which flag to add.
 * @module
 */
import { parseDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import { parseReason } from '../../core/request.ts';
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
    seconds: seconds ?? parseDuration(await ask(context, 'for how long? (15m, 1h30m)', parseDuration)),
    reason: reason ?? parseReason(await ask(context, 'what for?', parseReason)),
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

async function ask(context: Context, message: string, parse: (text: string) => unknown): Promise<string> {
  const { signal, terminal } = context;
  // Loaded late: it costs more than everything else in a command that asks nothing.
  const { input } = await import('@inquirer/prompts');
  const closed = closing(terminal.input);
  try {
    const answer = input({ message, validate: (text) => complaint(text.trim(), parse) }, { ...terminal, signal });
    return (await Promise.race([answer, closed.promise])).trim();
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    // The library's own error for Ctrl-C, which in raw mode is a key and not a signal.
    if (thrown instanceof Error && thrown.name === 'ExitPromptError') throw interrupted();
    throw thrown;
  } finally {
    closed.forget();
  }
}

/** Rejects when the terminal's input ends: Ctrl-D would otherwise leave the question open for ever. */
function closing(input: NodeJS.ReadableStream): { promise: Promise<never>; forget: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  // An answered question pauses the stream too, but has resolved by then.
  const onPause = (): void => void setTimeout(() => reject(interrupted()), 20);
  promise.catch(() => undefined);
  input.on('pause', onPause);
  return { promise, forget: () => void input.off('pause', onPause) };
}

function interrupted(): JitError {
  return new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted; nothing was asked for' });
}

function complaint(text: string, parse: (text: string) => unknown): true | string {
  try {
    parse(text);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof JitError)) throw thrown;
    return [thrown.message, thrown.hint].filter((part) => part !== undefined).join('; ');
  }
}
