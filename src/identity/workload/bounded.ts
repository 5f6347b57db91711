/**
 * The time that a source may take.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { asJitError, JitError } from '../../core/errors.ts';
import { noAnswer } from './fault.ts';

/** For the whole of one `fetch`, repetitions included. */
export const LIMIT_MS = 15_000;

export interface Bounds {
  /** Who is asked, for the message. */
  readonly label: string;
  readonly signal: AbortSignal | undefined;
  readonly limitMs: number;
}

/**
 * Gives `work` a signal and stops waiting for it once that is aborted, since not every library listens to one.
 * Throws `ERR_IDENTITY_PROVIDER` at the limit, and for an aborted command the error that it was aborted with.
 */
export async function bounded<T>(bounds: Bounds, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = AbortSignal.timeout(bounds.limitMs);
  const signal = bounds.signal === undefined ? limit : AbortSignal.any([limit, bounds.signal]);
  const over = (): JitError => {
    if (bounds.signal?.aborted !== true) {
      return noAnswer(bounds.label, `there is no answer within ${bounds.limitMs / 1_000}s`);
    }
    const error = asJitError(bounds.signal.reason);
    return error.code === 'ERR_UNEXPECTED' ? new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted' }) : error;
  };
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(over());
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([aborted, work(signal)]);
  } catch (thrown) {
    throw signal.aborted ? over() : thrown;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

const ATTEMPTS = 3;

/** What one attempt came to: a value, or a fault that another attempt may not meet although its code says otherwise. */
export type Attempt<T> = { readonly value: T } | { readonly passing: JitError };

/** Asks up to three times, as long as the fault may pass; throws the last one. */
export async function persistently<T>(signal: AbortSignal, attempt: () => Promise<Attempt<T>>): Promise<T> {
  for (let count = 1; ; count += 1) {
    const result = await attempt().catch((thrown: unknown) => {
      if (thrown instanceof JitError && thrown.facts.retryable) return { passing: thrown };
      throw thrown;
    });
    if ('value' in result) return result.value;
    if (count >= ATTEMPTS) throw result.passing;
    await sleep(150 * 2 ** count, undefined, { signal });
  }
}
