/**
 * One line on the terminal that says what is being waited for, and for how long already.
 * @module
 */
import { worded } from '../core/errors.ts';
import type { Context } from './context.ts';
import { roughly } from './time.ts';

/** What takes less than this is not worth a line that flashes. */
const QUIET_MS = 300;

export interface Waiting {
  /** Lower case, such as `waiting for approval`. */
  readonly what: string;
  /** The shared broker that it is about. */
  readonly broker?: string | undefined;
  /** Epoch ms at which the waiting ends by itself; null when it has no end of its own. */
  readonly until: number | null;
}

/** Shows the line while `work` runs and erases it before the outcome is known to anybody. Nothing off a terminal. */
export async function withProgress<T>(context: Context, waiting: Waiting, work: () => Promise<T>): Promise<T> {
  const { out, now } = context;
  if (!out.live) return await work();
  const startedAt = now();
  const show = (): void => out.progress(progressText(waiting, startedAt, now()));
  let every: NodeJS.Timeout | undefined;
  const first = setTimeout(() => {
    show();
    every = setInterval(show, 1_000);
  }, QUIET_MS);
  try {
    return await work();
  } finally {
    clearTimeout(first);
    clearInterval(every);
    out.progress(null);
  }
}

/** `jit: waiting for approval · 12s · gives up in 9m48s`. */
export function progressText(waiting: Waiting, startedAt: number, now: number): string {
  const left = waiting.until === null ? '' : ` · gives up in ${roughly(Math.max(0, waiting.until - now))}`;
  return `jit: ${worded({ broker: waiting.broker, message: waiting.what })} · ${roughly(now - startedAt)}${left}`;
}

/** Settles as `promise` does, unless the user stops first: then it throws what the signal says. */
export async function unlessStopped<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([promise, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
