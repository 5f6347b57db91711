/**
 * A call to a cloud that comes to an end even where its provider, or what that is built on, does not heed the signal.
 * @module
 */
import { JitError } from '../../core/errors.ts';

/** From the signal to the end: for a provider that heeds it, to say what it knows. */
const GRACE_MS = 2_000;

/**
 * @param ms after which the signal fires. @param late is called with what comes when nobody waits for it any more.
 * Throws what the work throws; `ERR_CLOUD_UNKNOWN` where it does not end in time.
 */
export async function bounded<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  late: (value: T) => void = () => undefined,
): Promise<T> {
  const over = Promise.withResolvers<never>();
  const giveUp = AbortSignal.timeout(ms + GRACE_MS);
  const stop = (): void => over.reject(new JitError({ code: 'ERR_CLOUD_UNKNOWN', message: 'no answer in time' }));
  giveUp.addEventListener('abort', stop, { once: true });
  const working = work(AbortSignal.timeout(ms));
  try {
    return await Promise.race([working, over.promise]);
  } catch (thrown) {
    if (giveUp.aborted) void working.then(late, () => undefined);
    throw thrown;
  } finally {
    giveUp.removeEventListener('abort', stop);
  }
}
