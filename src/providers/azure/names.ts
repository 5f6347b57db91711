/**
 * The names and marks by which jit's own things are known again in Azure.
 * @module
 */
import { createHash } from 'node:crypto';
import { isGrantId } from '../../core/ids.ts';
import type { GrantId } from '../../core/ids.ts';

/** Namespace of jit's version 5 UUIDs (RFC 9562 section 5.5). Never changed: it is part of every name. */
const NAMESPACE = Buffer.from('b0f5a1c27d3e4c589e0a6d1f2b7c8390', 'hex');

/** Audience that Entra ID asks for in tokens of other issuers (Microsoft Entra, "Workload identity federation"). */
export const EXCHANGE_AUDIENCE = 'api://AzureADTokenExchange';
/** The name of the one federated credential of an identity. */
export const FEDERATION = 'jit';
export const OWNER_TAG = 'jit-owner';
export const GRANT_TAG = 'jit-grant';
export const UNTIL_TAG = 'jit-until';

/** The same GUID for the same parts, always. No part contains a newline. */
export function guidOf(...parts: readonly string[]): string {
  const digest = createHash('sha1').update(NAMESPACE).update(parts.join('\n'), 'utf8').digest().subarray(0, 16);
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Names of identities have 3 to 128 letters, digits, `-` and `_` (ARM naming rules). */
export function identityName(grant: GrantId): string {
  return `jit-${grant.slice('gr_'.length)}`;
}

/** The subject of the tokens with which the holder of a grant becomes its identity. */
export function subjectOf(grant: string): string {
  return `jit:${grant}`;
}

/** The grants that an assignment stands for, and the end of each, epoch ms. */
export type Holders = ReadonlyMap<GrantId, number>;

const MARK = /^jit ([0-9a-f]{16})((?: gr_[0-9a-z]{26}@\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)+)$/;

/** What an assignment says about itself, such as `jit 0123456789abcdef gr_…@2026-11-22T14:00:00Z`. Ends are in whole seconds, rounded up. */
export function writeMark(owner: string, holders: Holders): string {
  const list = [...holders].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return ['jit', owner, ...list.map(([grant, end]) => `${grant}@${isoSeconds(end)}`)].join(' ');
}

/** Null for anything that `writeMark` did not write. */
export function readMark(text: string | undefined): { readonly owner: string; readonly holders: Holders } | null {
  const [, owner, list] = MARK.exec(text ?? '') ?? [];
  if (owner === undefined || list === undefined) return null;
  const holders = new Map<GrantId, number>();
  for (const entry of list.trim().split(' ')) {
    const [grant = '', end = ''] = entry.split('@');
    const at = Date.parse(end);
    if (!isGrantId(grant) || Number.isNaN(at)) return null;
    holders.set(grant, at);
  }
  return { owner, holders };
}

/** In whole seconds, rounded up. */
export function isoSeconds(at: number): string {
  return new Date(Math.ceil(at / 1_000) * 1_000).toISOString().replace('.000Z', 'Z');
}
