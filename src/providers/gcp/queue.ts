/**
 * Changes of one policy, one writer at a time: those that wait are made together.
 * @module
 */

/** Does work on what waits for a place, one run at a time a place. Every item has an outcome of its own. */
export function queue<I, O>(
  work: (items: readonly I[]) => Promise<readonly PromiseSettledResult<O>[]>,
): (place: string, item: I) => Promise<O> {
  const places = new Map<
    string,
    { readonly waiting: { readonly item: I; readonly settle: PromiseWithResolvers<O> }[] }
  >();

  const run = async (place: string): Promise<void> => {
    for (let line = places.get(place); line !== undefined && line.waiting.length > 0; line = places.get(place)) {
      const batch = line.waiting.splice(0);
      const outcomes = await work(batch.map(({ item }) => item)).catch((reason: unknown) =>
        batch.map((): PromiseRejectedResult => ({ status: 'rejected', reason })),
      );
      for (const [index, { settle }] of batch.entries()) {
        const outcome = outcomes[index];
        if (outcome?.status === 'fulfilled') settle.resolve(outcome.value);
        else settle.reject(outcome?.reason ?? new Error('no outcome'));
      }
    }
    places.delete(place);
  };

  return async (place, item) => {
    const settle = Promise.withResolvers<O>();
    const line = places.get(place);
    if (line === undefined) {
      places.set(place, { waiting: [{ item, settle }] });
      void run(place);
    } else {
      line.waiting.push({ item, settle });
    }
    return await settle.promise;
  };
}

/** The outcome, unless the signal comes first; the work itself goes on for the others who wait for it. */
export async function unlessAborted<T>(outcome: Promise<T>, signal: AbortSignal, fault: () => Error): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(fault());
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([outcome, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
