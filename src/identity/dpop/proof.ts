/**
 * The client's side of RFC 9449: a key of its own, and a proof for each call that this call comes from whoever holds it.
 * @module
 */
import { createHash } from 'node:crypto';
import type { CryptoKey } from 'jose';
import { JitError } from '../../core/errors.ts';
import type { Random } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';

const ALG = 'ES256';

/** RFC 7518 section 6.2: the four members, each 32 bytes in base64url. */
export interface PrivateJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly d: string;
}

/** A P-256 key pair. */
export interface ProofKey {
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
  /** As it is stored. */
  readonly jwk: Secret<PrivateJwk>;
  readonly publicJwk: Omit<PrivateJwk, 'd'>;
  /** Signs, and cannot be read. */
  readonly signing: CryptoKey;
}

export interface ProofPlan {
  readonly key: ProofKey;
  readonly method: string;
  /** As called; query and fragment stay out of the proof. */
  readonly url: URL;
  /** The broker's last one; null before the first. */
  readonly nonce: string | null;
  /** The token that the same call carries. */
  readonly accessToken?: Secret<string>;
  /** Epoch ms. */
  readonly now: number;
  readonly random: Random;
}

/** A new key. */
export async function makeProofKey(): Promise<ProofKey> {
  const { subtle } = globalThis.crypto;
  const { privateKey } = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const { x = '', y = '', d = '' } = await subtle.exportKey('jwk', privateKey);
  return await readProofKey(new Secret({ kty: 'EC', crv: 'P-256', x, y, d }));
}

/** A key as it was stored. Throws `ERR_KEYCHAIN` where it is not a key. */
export async function readProofKey(jwk: Secret<PrivateJwk>): Promise<ProofKey> {
  // Imported in part: the whole of jose takes three times as long to load.
  const [{ importJWK }, { calculateJwkThumbprint }] = await Promise.all([
    import('jose/key/import'),
    import('jose/jwk/thumbprint'),
  ]);
  const { d: _, ...publicJwk } = jwk.expose();
  try {
    const signing = await importJWK({ ...jwk.expose(), alg: ALG }, ALG, { extractable: false });
    if (signing instanceof Uint8Array) throw new TypeError('a secret is not a key pair');
    return { thumbprint: await calculateJwkThumbprint(publicJwk, 'sha256'), jwk, publicJwk, signing };
  } catch (thrown) {
    throw new JitError({ code: 'ERR_KEYCHAIN', message: 'the stored key is not one', cause: thrown });
  }
}

/** The value of the header `DPoP` for one call, sent once: RFC 9449 section 4.2. */
export async function makeProof(plan: ProofPlan): Promise<string> {
  const { key, method, url, nonce, accessToken, now, random } = plan;
  const { SignJWT } = await import('jose/jwt/sign');
  const claims = {
    jti: Buffer.from(random(16)).toString('base64url'),
    htm: method,
    htu: `${url.origin}${url.pathname}`,
    iat: Math.floor(now / 1_000),
    ...(nonce === null ? {} : { nonce }),
    ...(accessToken === undefined ? {} : { ath: hashed(accessToken) }),
  };
  return await new SignJWT(claims)
    .setProtectedHeader({ typ: 'dpop+jwt', alg: ALG, jwk: key.publicJwk })
    .sign(key.signing);
}

function hashed(token: Secret<string>): string {
  return createHash('sha256').update(token.expose()).digest('base64url');
}
