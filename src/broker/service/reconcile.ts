/**
 * What a broker does first after it starts: everything that its predecessor left half done is ended.
 * @module
 */
import { applyEvent } from './apply.ts';
import type { World } from './world.ts';

const PAGE = 1_000;

/**
 * Grants that were being issued when the last process stopped have an unknown outcome, and nobody is waiting for them: they
 * are revoked by their deterministic names. Only for a process that has the store to itself.
 * @returns how many grants were ended.
 */
export async function reconcile(world: World): Promise<number> {
  await world.store.releaseClaims();
  let ended = 0;
  for (;;) {
    const found = await world.store.grants({ states: ['issuing'], limit: PAGE });
    for (const { grant } of found) {
      const leg = grant.legs.find(({ state }) => state !== 'issued') ?? grant.legs[0];
      const problem = 'the broker stopped while asking the cloud';
      const at = world.now();
      if (leg === undefined)
        await applyEvent(world, grant.id, { type: 'end', reason: 'failed', at }, { actor: 'broker' });
      else
        await applyEvent(
          world,
          grant.id,
          { type: 'issue-unknown', target: leg.target, at, problem },
          { actor: 'broker' },
        );
      ended++;
    }
    if (found.length < PAGE) return ended;
  }
}
