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

/** Whose a binding is: of which broker, and for which of the targets that it may have in one project. */
export interface Whose {
  /** 16 hexadecimal digits. */
  readonly owner: string;
  readonly target: string;
}

const DESCRIPTION = /^made and removed by jit; broker ([0-9a-f]{16}); target ([\x21-\x7e]{1,100})$/;

/** At most 256 characters, as descriptions of conditions are. */
export function descriptionOf({ owner, target }: Whose): string {
  return `made and removed by jit; broker ${owner}; target ${target}`;
}

/** @returns null for a text of somebody else's. */
export function readDescription(text: string): Whose | null {
  const [, owner, target] = DESCRIPTION.exec(text) ?? [];
  return owner === undefined || target === undefined ? null : { owner, target };
}
