/**
 * What stands at a scope: Azure keeps one assignment of a role to a principal at a scope, so grants of one person on one
 * thing share it, and its mark says which they are and until when.
 * @module
 */
import type { GrantId } from '../../core/ids.ts';
import type { Arm } from './clients.ts';
import type { Holders } from './names.ts';

/** A role to a principal at a scope: of this there is one at most. */
export interface Place {
  readonly scope: string;
  readonly roleId: string;
  readonly principalId: string;
}

/** An assignment as it was found. */
export type Found = Place & {
  /** The name of the assignment, or of the request by which it came to be. */
  readonly ref: string;
  /** Epoch ms at which Azure ends it by itself, or null. */
  readonly until: number | null;
  /** Epoch ms, or null where Azure does not say. */
  readonly since: number | null;
} & (
    | { readonly whose: 'ours'; readonly holders: Holders }
    /** Of another broker of jit. */
    | { readonly whose: 'jit' }
    | { readonly whose: 'foreign'; readonly conditional: boolean }
  );

export type Ours = Extract<Found, { whose: 'ours' }>;

export interface Reach {
  readonly arm: Arm;
  readonly owner: string;
  readonly signal: AbortSignal;
}

/** `exists`: Azure has one there that was not seen before. `not yet`: Azure does not find the new principal. */
export type Put = 'done' | 'exists' | 'not yet';

/** `floor`: privileged identity management does not remove it before `at`, epoch ms. */
export type Removed = { readonly kind: 'removed' } | { readonly kind: 'floor'; readonly at: number };

/** The two ways of assigning. Each call fails as the port of providers promises. */
export interface Standing {
  /** Assignments exactly at that scope. @param principalId null for those of anybody. */
  find(reach: Reach, at: { readonly scope: string; readonly principalId: string | null }): Promise<readonly Found[]>;
  /** Makes it, or gives it other holders. Comes back once it stands. @param before as it was found. */
  put(reach: Reach, place: Place, how: PutHow): Promise<Put>;
  remove(reach: Reach, found: Ours): Promise<Removed>;
  /** Ends what was asked for under this grant and does not stand yet. */
  cancel(
    reach: Reach,
    at: { readonly scope: string; readonly principalId: string; readonly grant: GrantId },
  ): Promise<void>;
  /** Everything of this broker in the subscription. */
  all(reach: Reach, subscription: string): Promise<readonly Ours[]>;
}

export interface PutHow {
  readonly holders: Holders;
  readonly before: Ours | null;
  /** Of an identity that has just been made, which Azure may not find in its directory yet. */
  readonly fresh: 'service principal' | 'somebody known';
}

/** What the holders come to: the latest of their ends, epoch ms. */
export function latestOf(holders: Holders): number {
  return Math.max(...holders.values());
}

/** So many fit into the text that carries them. */
export const MOST_HOLDERS = 8;
