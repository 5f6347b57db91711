/**
 * Every grant that the keeper holds, and what can be asked of them.
 * @module
 */
import { namedIn } from '../client/ref.ts';
import { JitError } from '../core/errors.ts';
import type { GrantId } from '../core/ids.ts';
import type { Usable } from './cache.ts';
import { overError } from './ending.ts';
import type { Holding } from './holding.ts';
import { type Adoption, type HeldGrant, refOf } from './protocol.ts';
import type { Channel } from './uses.ts';

export interface Shelf {
  /**
   * Resolves once the grant's credentials are here: the broker takes back what nobody fetches, and what cannot be issued
   * is better known at once. Throws what fetching them throws; the grant is held nevertheless.
   */
  adopt(adoption: Adoption): Promise<void>;
  /** Throws `ERR_NOT_FOUND` for a grant that is not held, `ERR_GRANT_ENDED` for one that is over. */
  credential(grant: GrantId, target: string | undefined, channel: Channel): Promise<Usable>;
  /** Soonest end first, and by id where that is the same. */
  list(): readonly HeldGrant[];
  /** Throws `ERR_LOCAL_FILE` when something is left; it is retried. */
  release(grant: GrantId): Promise<void>;
  /** Throws the first failure after having tried all. */
  releaseAll(): Promise<void>;
  /** `leave` of every grant: the keeper ends, the grants do not. Never rejects. */
  leaveAll(): Promise<void>;
}

/** A grant that was held here: the name of its broker and why it is over, for what is said of it, and its end as known here. */
interface Over {
  readonly broker: string | undefined;
  readonly expiresAt: string;
  readonly why: string | null;
}

/** Ended grants that are remembered, so that asking for one again is answered without a broker. */
const REMEMBERED = 1_000;

/** @param onChange called with the number of grants held, after each change. */
export function openShelf(holdGrant: (adoption: Adoption) => Holding, onChange: (held: number) => void): Shelf {
  const held = new Map<GrantId, Holding>();
  const ended = new Map<GrantId, Over>();

  function forget(grant: GrantId, broker: string | undefined): void {
    const holding = held.get(grant);
    held.delete(grant);
    ended.set(grant, { broker, expiresAt: holding?.describe().expiresAt ?? '', why: holding?.why() ?? null });
    const [oldest] = ended.keys();
    if (ended.size > REMEMBERED && oldest !== undefined) ended.delete(oldest);
    onChange(held.size);
  }

  return {
    adopt: async (adoption) => {
      const known = held.get(adoption.grant);
      const broker = namedIn(refOf(adoption.broker));
      const before = ended.get(adoption.grant);
      // With a later end than it had here it was renewed, and the word of it came too late.
      const renewed = before !== undefined && Date.parse(adoption.expiresAt) > Date.parse(before.expiresAt);
      if (known?.describe().state === 'wiping' || (before !== undefined && !renewed)) {
        throw overError(known?.why() ?? before?.why ?? null, broker);
      }
      ended.delete(adoption.grant);
      if (known !== undefined) {
        known.update(adoption);
        await known.takeUp();
        return;
      }
      const holding = holdGrant(adoption);
      held.set(adoption.grant, holding);
      onChange(held.size);
      void holding.gone.then(() => forget(adoption.grant, broker));
      await holding.takeUp();
    },
    credential: async (grant, target, channel) => {
      const holding = held.get(grant);
      if (holding !== undefined) return holding.credential(target, channel);
      const over = ended.get(grant);
      if (over !== undefined) throw overError(over.why, over.broker);
      throw new JitError({ code: 'ERR_NOT_FOUND', message: 'the keeper does not hold that grant' });
    },
    list: () =>
      [...held.values()].map((holding) => holding.describe()).toSorted((a, b) => (place(a) < place(b) ? -1 : 1)),
    release: async (grant) => {
      await held.get(grant)?.end('released');
    },
    releaseAll: async () => {
      const results = await Promise.allSettled([...held.values()].map((holding) => holding.end('released')));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
    leaveAll: async () => {
      await Promise.all([...held.values()].map((holding) => holding.leave()));
    },
  };
}

// Not by the time left: that is read for one after the other, and the order of equals would change from call to call.
function place({ expiresAt, grant }: HeldGrant): string {
  return `${expiresAt} ${grant}`;
}
