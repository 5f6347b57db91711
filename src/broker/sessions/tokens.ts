/**
 * Tokens of sessions and of their confirmations: 256 random bits, known to their holder and to the store only by their hash.
 * @module
 */
import { createHash } from 'node:crypto';
import type { Random } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';

/** The prefixes let scanners of repositories and logs recognise a token that got out. */
const PREFIXES = { access: 'jit_at_', refresh: 'jit_rt_', confirmation: 'jit_cf_' } as const;
const SHAPE = /^jit_(?:at|rt|cf)_[\w-]{43}$/;

export function newToken(kind: keyof typeof PREFIXES, random: Random): Secret<string> {
  return new Secret(`${PREFIXES[kind]}${Buffer.from(random(32)).toString('base64url')}`);
}

/** @returns hex SHA-256; null for what cannot be a token of ours. Unsalted: there is nothing to guess in 256 random bits. */
export function tokenHash(token: string): string | null {
  return SHAPE.test(token) ? createHash('sha256').update(token).digest('hex') : null;
}

/** The same of a token that is one of ours. */
export function hashOf(token: string): string {
  const hash = tokenHash(token);
  if (hash === null) throw new RangeError('a fresh token has the shape of a token');
  return hash;
}
