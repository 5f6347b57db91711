/**
 * Work that is done one after the other.
 * @module
 */

/** Begins when all that came before has ended, however it ended. */
export type Line = <T>(work: () => Promise<T>) => Promise<T>;

export function makeLine(): Line {
  let last: Promise<unknown> = Promise.resolve();
  return async (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}
