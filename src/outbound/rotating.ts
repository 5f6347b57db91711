/**
 * Secrets that change over: for a while an old one and a new one are good side by side.
 * @module
 */
import type { Secret } from '../core/secret.ts';

/** A secret that is in use until `until`, epoch ms, or for ever. */
export interface Rotating<T> {
  readonly secret: Secret<T>;
  readonly until: number | null;
}

/** Those in use at `now`, epoch ms. */
export function current<T>(secrets: readonly Rotating<T>[], now: number): readonly Secret<T>[] {
  return secrets.filter(({ until }) => until === null || now < until).map(({ secret }) => secret);
}
