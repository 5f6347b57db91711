/**
 * What a grant is called at Google: a title from its id, and a text that says whose it is.
 * @module
 */
import { createHash } from 'node:crypto';
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

/** Which grant of jit a grant of Privileged Access Manager stands for, and whose. */
export interface Justified extends Whose {
  readonly grant: GrantId;
}

const JUSTIFICATION =
  /^made and ended by jit; broker ([0-9a-f]{16}); target ([\x21-\x7e]{1,100}); grant (gr_[0-9a-hjkmnp-tv-z]{26})$/;

/** What a grant of Privileged Access Manager says it is for. */
export function justificationOf({ owner, target, grant }: Whose & { readonly grant: string }): string {
  return `made and ended by jit; broker ${owner}; target ${target}; grant ${grant}`;
}

/** @returns null for a text of somebody else's. */
export function readJustification(text: string): Justified | null {
  const [, owner, target, grant] = JUSTIFICATION.exec(text) ?? [];
  if (owner === undefined || target === undefined || grant === undefined || !isGrantId(grant)) return null;
  return { owner, target, grant };
}

/** Namespace of the version 5 UUIDs of requests (RFC 9562 section 5.5). Never changed: Google knows a repeated request by them. */
const NAMESPACE = Buffer.from('8d0c64f15b1e4b0f9a3b7a52c1e96d47', 'hex');

/** The same UUID for the same parts, always. No part contains a newline. */
export function uuidOf(...parts: readonly string[]): string {
  const digest = createHash('sha1').update(NAMESPACE).update(parts.join('\n'), 'utf8').digest().subarray(0, 16);
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
