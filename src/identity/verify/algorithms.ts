/**
 * Signature algorithms (RFC 7518 section 3.1, RFC 8037, RFC 9864) and the keys that each may be used with.
 * @module
 */

/** Of JWT-SVID, section 2.1. */
export const SPIFFE_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
] as const;

/** All that can be allowed: `none` and the symmetric ones are not among them. */
export const ALGORITHMS = [...SPIFFE_ALGORITHMS, 'EdDSA', 'Ed25519'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** What a key must be. */
export interface KeyShape {
  readonly kty: 'RSA' | 'EC' | 'OKP';
  /** Null for RSA. */
  readonly crv: string | null;
}

const RSA: KeyShape = { kty: 'RSA', crv: null };
const ED25519: KeyShape = { kty: 'OKP', crv: 'Ed25519' };

/** A key of another kind is never tried: that is how one algorithm is made to pass for another (CVE-2023-48223 and its kin). */
export const SHAPES: Readonly<Record<Algorithm, KeyShape>> = {
  RS256: RSA,
  RS384: RSA,
  RS512: RSA,
  PS256: RSA,
  PS384: RSA,
  PS512: RSA,
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: ED25519,
  Ed25519: ED25519,
};
