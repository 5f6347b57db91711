/**
 * Which proofs have been used. In memory: nonces are, too, so that no proof outlives the process that could have seen it.
 * @module
 */
import { JitError } from '../../core/errors.ts';

export interface Replays {
  /** Remembers it. @returns whether it was known already. Throws `ERR_STORE` when there is no room: nothing is forgotten early. */
  seen(proof: string): boolean;
}

/** @param forMs how long each is remembered at least. */
export function makeReplays(now: () => number, forMs: number, most = 500_000): Replays {
  // Two generations instead of a timer for each: the older one goes when all in it are old enough.
  let [young, old] = [new Set<string>(), new Set<string>()];
  let turnsAt = now() + forMs;
  return {
    seen: (proof) => {
      if (now() >= turnsAt) {
        [young, old] = [new Set(), now() >= turnsAt + forMs ? new Set() : young];
        turnsAt = now() + forMs;
      }
      if (young.has(proof) || old.has(proof)) return true;
      if (young.size >= most) throw new JitError({ code: 'ERR_STORE', message: 'too many calls at once' });
      young.add(proof);
      return false;
    },
  };
}
