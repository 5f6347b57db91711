/**
 * What a grant is called in a policy: a title from its id, and a description that says whose it is.
 * @module
 */
import { isGrantId } from '../../core/ids.ts';
import type { GrantId } from '../../core/ids.ts';

const TITLE = /^jit-([0-9a-hjkmnp-tv-z]{26})$/;

/** At most 100 characters, as titles of conditions are. */
export function titleOf(grant: string): string {
  return `jit-${grant.slice('gr_'.length)}`;
}

export function grantOf(title: string): GrantId | null {
  const id = `gr_${TITLE.exec(title)?.[1] ?? ''}`;
  return isGrantId(id) ? id : null;
}

/** Tells the brokers of a project apart. @param owner 16 hexadecimal digits. */
export function descriptionOf(owner: string): string {
  return `made and removed by jit; broker ${owner}`;
}
