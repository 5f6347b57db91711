/**
 * When a broker may end: when it is told to, or, embedded, when nobody needs it any more.
 * @module
 */
import { LIVE } from '../broker/service/revocation.ts';
import type { World } from '../broker/service/world.ts';

const LOOK_MS = 2_000;

/** Resolves when `stop` fires, or after `idleSeconds` with no call, no live grant and nothing in hand. */
export async function untilIdle(watch: {
  readonly world: World;
  /** How much is in hand. */
  readonly busy: () => number;
  readonly stop: AbortSignal;
  readonly idleSeconds: number | null;
  readonly lastCall: () => number;
}): Promise<void> {
  const { world, busy, stop, idleSeconds, lastCall } = watch;
  while (!stop.aborted) {
    await wait(LOOK_MS, stop);
    if (idleSeconds === null || world.now() - lastCall() < idleSeconds * 1_000 || busy() > 0) continue;
    const live = await world.store.grants({ states: LIVE, limit: 1 }).catch(() => null);
    if (live?.length === 0) return;
  }
}

async function wait(ms: number, stop: AbortSignal): Promise<void> {
  if (stop.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      stop.removeEventListener('abort', done);
      resolve();
    }
    stop.addEventListener('abort', done, { once: true });
  });
}
