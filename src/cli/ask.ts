/**
 * Questions on the terminal. Whoever asks has made sure that somebody is there.
 * @module
 */
import type * as prompts from '@inquirer/prompts';
import { JitError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { Context } from './context.ts';

type Prompts = typeof prompts;
type Ways = Pick<Context['terminal'], 'input' | 'output'> & { readonly signal: AbortSignal };

export interface TextQuestion {
  readonly message: string;
  /** Throws `JitError` for what cannot be taken; its words are shown, and the question stays. */
  readonly parse: (text: string) => unknown;
  /** What Enter alone means. */
  readonly suggestion?: string;
}

/** Throws `ERR_INTERRUPTED` when it was answered with Ctrl-C or Ctrl-D. */
export async function askText(context: Context, { message, parse, suggestion }: TextQuestion): Promise<string> {
  const validate = (text: string): true | string => complaint(text.trim(), parse);
  const shown = suggestion === undefined ? { message, validate } : { message, validate, default: suggestion };
  return (await ask(context, ({ input }, ways) => input(shown, ways))).trim();
}

/** One of several. Throws as `askText` does. */
export async function askChoice(context: Context, message: string, choices: readonly string[]): Promise<string> {
  const shown = { message, choices: choices.map((value) => ({ value, name: value })) };
  return await ask(context, ({ select }, ways) => select(shown, ways));
}

/** Yes or no; Enter alone means no. Throws as `askText` does. */
export async function askYes(context: Context, message: string): Promise<boolean> {
  return await ask(context, ({ confirm }, ways) => confirm({ message, default: false }, ways));
}

/** What is typed is not shown. Throws as `askText` does. */
export async function askSecret(context: Context, message: string): Promise<Secret<string>> {
  return new Secret(await ask(context, ({ password }, ways) => password({ message }, ways)));
}

async function ask<T>(context: Context, put: (prompts: Prompts, ways: Ways) => Promise<T>): Promise<T> {
  const { signal, terminal } = context;
  // Loaded late: it costs more than everything else in a command that asks nothing.
  const loaded = await import('@inquirer/prompts');
  const closed = closing(terminal.input);
  try {
    return await Promise.race([put(loaded, { ...terminal, signal }), closed.promise]);
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
  // Whoever waits for it is told; a pause after the answer is nobody's failure.
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
