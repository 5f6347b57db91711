/**
 * Marks of grants at a permission set. An assignment can carry nothing of its own, so that what it is there for stands beside
 * it: in a tag of the permission set, whose key names the grant and whose value the assignment and its end.
 * @module
 */
import { isGrantId } from '../../../core/ids.ts';
import type { GrantId } from '../../../core/ids.ts';

/** One grant's hold on an assignment. */
export interface Hold {
  readonly owner: string;
  readonly grant: GrantId;
  readonly account: string;
  /** The user in the identity store. */
  readonly user: string;
  /** Epoch ms, a whole second. */
  readonly endsAt: number;
  /** Epoch ms at which the assignment was seen to be gone, or null while the grant holds it. */
  readonly goneAt: number | null;
}

const KEY = /^jit\/([0-9a-f]{16})\/(gr_[0-9a-z]{26})$/;
const VALUE = /^(\d{12})\/([0-9a-fA-F-]{36,47})\/(\d{1,12})(?:\/gone-(\d{1,12}))?$/;

/** The tag's key. */
export function holdKey({ owner, grant }: Pick<Hold, 'owner' | 'grant'>): string {
  return `jit/${owner}/${grant}`;
}

/** The tag's value, in characters that tags may have. Times are in whole seconds, rounded up. */
export function holdValue({ account, user, endsAt, goneAt }: Hold): string {
  const seconds = (at: number): number => Math.ceil(at / 1_000);
  return `${account}/${user}/${seconds(endsAt)}${goneAt === null ? '' : `/gone-${seconds(goneAt)}`}`;
}

/** Null for every tag that is none of jit's. */
export function readHold(key: string, value: string): Hold | null {
  const [, owner, grant = ''] = KEY.exec(key) ?? [];
  const [, account, user, ends, gone] = VALUE.exec(value) ?? [];
  if (owner === undefined || account === undefined || user === undefined || !isGrantId(grant)) return null;
  return {
    owner,
    grant,
    account,
    user,
    endsAt: Number(ends) * 1_000,
    goneAt: gone === undefined ? null : Number(gone) * 1_000,
  };
}
