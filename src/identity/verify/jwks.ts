/**
 * A JWK Set (RFC 7517) as published by an identity provider, or the bundle of a SPIFFE trust domain.
 * @module
 */
import type { JWK } from 'jose';
import * as z from 'zod';
import { type Algorithm, type KeyShape, SHAPES } from './algorithms.ts';
import { unavailable } from './refusal.ts';

/** Keys of one set. */
export const MOST_KEYS = 100;
/** RSA moduli of more than 8192 bits only cost time. */
const LONGEST_NUMBER = 1_366;

/** What the keys of a set are for, by their `use`: `jwt-svid` is that of SPIFFE bundles (JWT-SVID section 6). */
export type KeyUse = 'sig' | 'jwt-svid';

export interface PublicKey extends KeyShape {
  readonly kid: string | null;
  /** Null where the set does not say. */
  readonly alg: string | null;
  /** The public numbers alone, frozen: jose remembers by identity what it made of it. */
  readonly jwk: Readonly<Pick<JWK, 'kty' | 'n' | 'e' | 'crv' | 'x' | 'y'>>;
}

const number = z.base64url().min(1).max(LONGEST_NUMBER);
const about = {
  kid: z.string().min(1).max(512).optional(),
  use: z.string().optional(),
  key_ops: z.array(z.string()).optional(),
  alg: z.string().optional(),
  // A set that publishes private keys is not one to believe in that key.
  d: z.undefined().optional(),
};
const key = z.discriminatedUnion('kty', [
  z.object({ ...about, kty: z.literal('RSA'), n: number, e: number }),
  z.object({ ...about, kty: z.literal('EC'), crv: z.string(), x: number, y: number }),
  z.object({ ...about, kty: z.literal('OKP'), crv: z.string(), x: number }),
]);
const set = z.object({ keys: z.array(z.unknown()).max(MOST_KEYS) });

/**
 * The keys that can check signatures; those of other kinds and uses are left out, as both standards ask.
 * Throws `ERR_IDENTITY_PROVIDER` for what is no set, or one of more than 100 keys.
 */
export function readKeys(document: unknown, use: KeyUse): readonly PublicKey[] {
  const read = set.safeParse(document);
  if (!read.success) throw unavailable(`not a JWK Set of at most ${MOST_KEYS} keys`);
  return read.data.keys.flatMap((each) => {
    const parsed = key.safeParse(each);
    return parsed.success && usable(parsed.data, use) ? [publicKey(parsed.data)] : [];
  });
}

type Jwk = z.infer<typeof key>;

function usable({ use, key_ops, kid }: Jwk, wanted: KeyUse): boolean {
  if (wanted === 'jwt-svid') return use === 'jwt-svid' && kid !== undefined;
  return (use === undefined || use === 'sig') && (key_ops === undefined || key_ops.includes('verify'));
}

function publicKey(jwk: Jwk): PublicKey {
  const base = { kid: jwk.kid ?? null, alg: jwk.alg ?? null };
  switch (jwk.kty) {
    case 'RSA':
      return { ...base, kty: 'RSA', crv: null, jwk: Object.freeze({ kty: 'RSA', n: jwk.n, e: jwk.e }) };
    case 'EC': {
      const { crv, x, y } = jwk;
      return { ...base, kty: 'EC', crv, jwk: Object.freeze({ kty: 'EC', crv, x, y }) };
    }
    case 'OKP':
      return { ...base, kty: 'OKP', crv: jwk.crv, jwk: Object.freeze({ kty: 'OKP', crv: jwk.crv, x: jwk.x }) };
  }
}

/** The keys that a token with this header may have been signed by: with its `kid` where it names one, and fit for its algorithm. */
export function candidates(keys: readonly PublicKey[], alg: Algorithm, kid: string | null): readonly PublicKey[] {
  const shape = SHAPES[alg];
  return keys
    .filter((each) => kid === null || each.kid === kid)
    .filter((each) => each.kty === shape.kty && each.crv === shape.crv && (each.alg === null || each.alg === alg));
}
