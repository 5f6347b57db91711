/**
 * Work that many ask for at once, done once for all of them.
 * @module
 */

/**
 * One run at a time. Whoever asks while a run is under way shares the next one, so a run always begins after the last
 * of those whom it serves has asked. A failed run fails those whom it served and nobody else.
 */
export function coalesce<I, O>(work: (items: readonly I[]) => Promise<O>): (item: I) => Promise<O> {
  let waiting: { readonly items: I[]; readonly outcome: Promise<O> } | null = null;
  let running: Promise<unknown> = Promise.resolve();
  return async (item) => {
    if (waiting !== null) {
      waiting.items.push(item);
      return await waiting.outcome;
    }
    const items = [item];
    const before = running;
    const outcome = before.then(async () => {
      waiting = null;
      return await work(items);
    });
    waiting = { items, outcome };
    running = outcome.catch(() => undefined);
    return await outcome;
  };
}

/** The outcome, unless the signal comes first; the work itself goes on for the others who wait for it. */
export async function unlessAborted<T>(outcome: Promise<T>, signal: AbortSignal, fault: () => Error): Promise<T> {
  if (signal.aborted) throw fault();
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(fault());
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([outcome, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
