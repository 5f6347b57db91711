/**
 * Ending access early: everything of the grant is deleted, seen to be gone, and no API server remembers its token.
 * @module
 */
import type { Clock, Mark, Revocation } from '../../core/ports.ts';
import type { Cluster } from './client.ts';
import type { Handle } from './handle.ts';
import { LEEWAY_SECONDS, SETTLE_SECONDS } from './plan.ts';
import { removeAll } from './remove.ts';

export interface Revoker {
  /** Throws what calls throw. */
  revoke(cluster: Cluster, handle: Handle, mark: Mark): Promise<Revocation>;
}

const SETTLE_MS = SETTLE_SECONDS * 1_000;
const LEEWAY_MS = LEEWAY_SECONDS * 1_000;
/** When something was deleted is of no use to anybody after this. */
const FORGET_MS = 3_600_000;

const DELETED =
  'account, secret, roles and bindings were read back as not found, for longer than any api server remembers a token';
const PAST = 'account, secret, roles and bindings were read back as not found, and the last token is past its end';

export function revoker(now: Clock): Revoker {
  /** By handle, epoch ms: since when nothing of it has been there, as far as this process knows. */
  const absentSince = new Map<string, number>();
  const forget = (at: number): void => {
    for (const [key, since] of absentSince) if (Math.abs(at - since) > FORGET_MS) absentSince.delete(key);
  };
  return {
    revoke: async (cluster, handle, mark) => {
      const before = await removeAll(cluster, handle);
      const at = now();
      forget(at);
      if (before === 'leaving') {
        absentSince.set(mark.handle, at);
        return { kind: 'pending', checkAt: at + SETTLE_MS };
      }
      if (at > mark.notAfter + LEEWAY_MS) return { kind: 'gone', tidyAt: null, proof: PAST };
      // A clock that was set back makes it wait anew, and never less.
      const since = Math.min(absentSince.get(mark.handle) ?? at, at);
      absentSince.set(mark.handle, since);
      if (at - since >= SETTLE_MS) return { kind: 'gone', tidyAt: null, proof: DELETED };
      return { kind: 'pending', checkAt: since + SETTLE_MS };
    },
  };
}
