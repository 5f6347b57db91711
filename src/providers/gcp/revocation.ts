/**
 * Ending a binding before its time, and knowing when nobody is let in by it any more.
 * @module
 */
import type { Clock, Mark, Revocation } from '../../core/ports.ts';
import { readEnd } from './condition.ts';
import { endOf } from './ends.ts';
import { keyOf, ours } from './policy.ts';
import type { PolicyWriter } from './policy-writer.ts';
import type { Reach } from './target.ts';

/**
 * Seconds until a change of a policy has reached everything. IAM documentation, "Access change propagation": "typically 2 minutes,
 * potentially 7 minutes or longer"; nobody can ask on behalf of the person, so the time itself is the proof.
 */
export const SPREAD_SECONDS = 420;
const SPREAD_MS = SPREAD_SECONDS * 1_000;

/** A binding to be ended. */
export interface Ending {
  readonly reach: Reach;
  readonly owner: string;
  readonly target: string;
  readonly mark: Mark;
}

export interface BindingRevoker {
  revoke(ending: Ending, signal: AbortSignal): Promise<Revocation>;
}

const ENDED = 'past the end in the condition of the binding';
const SPREAD = 'the binding was removed 7 minutes ago, and is not in the policy';

export function bindingRevoker({
  now,
  writer,
}: {
  readonly now: Clock;
  readonly writer: PolicyWriter;
}): BindingRevoker {
  /** Since when each is known to be out of the policy, by handle. Forgotten with the process: then it is waited for anew. */
  const absentSince = new Map<string, number>();

  return {
    revoke: async ({ reach, owner, target, mark }, signal) => {
      const end = endOf(mark);
      if (now() >= end) {
        absentSince.delete(mark.handle);
        return { kind: 'gone', tidyAt: now(), proof: ENDED };
      }
      const policy = await writer.read(reach, signal);
      const place = { grant: mark.grant, target };
      const found = ours(policy, owner).filter((one) => keyOf(one) === keyOf(place));
      const ends = found.map(({ expression }) => readEnd(expression));
      if (found.length > 0 && ends.every((at) => at !== null && at <= now())) {
        return { kind: 'gone', tidyAt: now(), proof: ENDED };
      }
      if (found.length > 0) {
        absentSince.delete(mark.handle);
        await writer.change({ reach, owner, edit: { ...place, wanted: [] } }, signal);
      }
      const since = absentSince.get(mark.handle) ?? now();
      absentSince.set(mark.handle, since);
      // Read once more at the end of that time: a write of which nobody had heard may have arrived in it.
      if (now() >= since + SPREAD_MS) {
        absentSince.delete(mark.handle);
        return { kind: 'gone', tidyAt: null, proof: SPREAD };
      }
      return { kind: 'pending', checkAt: Math.min(since + SPREAD_MS, end) };
    },
  };
}
