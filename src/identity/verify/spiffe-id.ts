/**
 * SPIFFE IDs, read as strictly as the standard (SPIFFE-ID sections 2.1 to 2.3) lets them be written.
 * @module
 */

export interface SpiffeId {
  readonly trustDomain: string;
  /** With its leading slash, or empty. */
  readonly path: string;
}

const LONGEST = 2_048;
const LONGEST_DOMAIN = 255;
const DOMAIN = /^[a-z0-9._-]+$/;
const SEGMENT = /^[A-Za-z0-9._-]+$/;

/** @returns null for anything that is not the one way to write an ID: nothing is decoded, lowered or trimmed. */
export function parseSpiffeId(text: string): SpiffeId | null {
  if (text.length > LONGEST || !text.startsWith('spiffe://')) return null;
  const [trustDomain = '', ...segments] = text.slice('spiffe://'.length).split('/');
  if (!isTrustDomain(trustDomain) || !segments.every(isSegment)) return null;
  return { trustDomain, path: segments.map((segment) => `/${segment}`).join('') };
}

export function isTrustDomain(text: string): boolean {
  return text.length <= LONGEST_DOMAIN && DOMAIN.test(text);
}

function isSegment(text: string): boolean {
  return SEGMENT.test(text) && text !== '.' && text !== '..';
}

/** A path, or everything below one: `/ns/prod/sa/web`, `/ns/prod/*`. */
export function isPathPattern(text: string): boolean {
  const path = text.endsWith('/*') ? text.slice(0, -2) : text;
  return text.startsWith('/') && parseSpiffeId(`spiffe://any${path}`) !== null;
}

export function matchesPath(path: string, pattern: string): boolean {
  return pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}
