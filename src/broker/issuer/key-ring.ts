/**
 * Which of the issuer's keys does what at a moment. Keys change hands by time alone, so that brokers that read the same
 * file agree without talking to each other.
 * @module
 */
import type { KeyObject } from 'node:crypto';
import type { Secret } from '../../core/secret.ts';

/** The longest life of a token: it is exchanged at once, so this only has to cover clocks that differ. */
export const MAX_TOKEN_SECONDS = 3_600;

/** How long a key stays published after it last signed: the longest token, and 5 minutes for verifiers whose clocks are behind. */
export const PUBLISHED_AFTER_SECONDS = MAX_TOKEN_SECONDS + 300;

/** The most keys that are published at once. */
export const MOST_KEYS = 8;

/** How keys sign (RFC 7518, section 3.1). Small and quick, or with RSA for clouds that take nothing else. */
export const ALGORITHMS = ['ES256', 'RS256'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** A public key as clouds fetch it (RFC 7517). */
export type PublicJwk = { readonly kid: string; readonly use: 'sig' } & (
  | { readonly alg: 'ES256'; readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string }
  | { readonly alg: 'RS256'; readonly kty: 'RSA'; readonly n: string; readonly e: string }
);

/** When a key does what. Epoch ms. */
export interface KeyTimes {
  readonly createdAt: number;
  /** The key is published from its making on, and signs from here until its successor does. */
  readonly signsFrom: number;
  /** When it is no longer published; null for the newest, which has no successor yet. */
  readonly retiresAt: number | null;
}

export interface IssuerKey extends KeyTimes {
  /** The RFC 7638 SHA-256 thumbprint. */
  readonly kid: string;
  readonly publicJwk: PublicJwk;
  readonly privateKey: Secret<KeyObject>;
}

/** `next` is published and signs later; `published` has stopped signing; `retired` is not even published any more. */
export type KeyState = 'next' | 'signing' | 'published' | 'retired';

/**
 * The newest key whose time to sign has come.
 * @param keys in the order of `signsFrom`, at least one.
 */
export function signingKey<T extends KeyTimes>(keys: readonly T[], now: number): T {
  // Where the clock was turned back behind all of them, the oldest is the one that clouds know best.
  const key = keys.findLast(({ signsFrom }) => signsFrom <= now) ?? keys[0];
  if (key === undefined) throw new RangeError('an issuer has at least one key');
  return key;
}

/** @param keys in the order of `signsFrom`; `key` is one of them. */
export function stateOf<T extends KeyTimes>(key: T, keys: readonly T[], now: number): KeyState {
  if (key === signingKey(keys, now)) return 'signing';
  if (key.signsFrom > now) return 'next';
  return key.retiresAt === null || key.retiresAt > now ? 'published' : 'retired';
}

/** Everything that a verifier may need now: the keys that sign, will sign, or signed tokens that may still live. */
export function publishedKeys<T extends KeyTimes>(keys: readonly T[], now: number): readonly T[] {
  return keys.filter((key) => stateOf(key, keys, now) !== 'retired');
}

/** Whether the keys hand over without a gap: in order, only the last without an end, and each published until its successor signs. */
export function isRing(keys: readonly KeyTimes[]): boolean {
  return keys.every(({ signsFrom, retiresAt }, index) => {
    const next = keys[index + 1];
    if (next === undefined) return retiresAt === null;
    return signsFrom <= next.signsFrom && retiresAt !== null && retiresAt >= next.signsFrom;
  });
}
