/**
 * One at a time for each name, so that two grants of one person never rewrite the same assignment at once.
 * @module
 */

export type Lock = <T>(name: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** @param fault what a caller gets whose signal comes before its turn; its work is then never begun. */
export function makeLock(fault: () => Error): Lock {
  const last = new Map<string, Promise<void>>();
  return async (name, signal, work) => {
    const before = last.get(name) ?? Promise.resolve();
    const { promise: mine, resolve: release } = Promise.withResolvers<void>();
    const settled = before.then(() => mine);
    last.set(name, settled);
    try {
      await turn(before, signal, fault);
      return await work();
    } finally {
      release();
      if (last.get(name) === settled) last.delete(name);
    }
  };
}

async function turn(before: Promise<void>, signal: AbortSignal, fault: () => Error): Promise<void> {
  if (signal.aborted) throw fault();
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(fault());
  signal.addEventListener('abort', stop, { once: true });
  try {
    await Promise.race([before, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
