/**
 * An issuer whose tokens Entra ID takes: it signs with RSA.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { JSONWebKeySet } from 'jose';
import type { TokenSigner } from '../../../src/core/ports.ts';
import { Secret } from '../../../src/core/secret.ts';

export interface TestIssuer {
  readonly signer: TokenSigner;
  readonly jwks: () => JSONWebKeySet;
}

/** One key for all issuers of a process, since an RSA key takes long to make; each has its own when asked for. */
const shared = new Map<string, ReturnType<typeof makeKey>>();

/** @param algorithm `ES256` for one that Entra ID does not take. */
export async function testIssuer(
  now: () => number,
  { algorithm = 'RS256', key = 'one' }: { readonly algorithm?: 'RS256' | 'ES256'; readonly key?: string } = {},
): Promise<TestIssuer> {
  const issuer = 'http://127.0.0.1:9';
  const name = `${algorithm} ${key}`;
  const made = shared.get(name) ?? makeKey(algorithm, name);
  shared.set(name, made);
  const { privateKey, jwk } = await made;
  return {
    signer: {
      issuer,
      sign: async (claims, seconds) => {
        const at = Math.floor(now() / 1_000);
        const token = new SignJWT({ ...claims })
          .setProtectedHeader({ alg: algorithm, kid: name, typ: 'JWT' })
          .setIssuer(issuer)
          .setIssuedAt(at)
          .setNotBefore(at - 60)
          .setExpirationTime(at + seconds)
          .setJti(randomUUID());
        return new Secret(await token.sign(privateKey));
      },
    },
    jwks: () => ({ keys: [jwk] }),
  };
}

async function makeKey(algorithm: string, kid: string) {
  const { publicKey, privateKey } = await generateKeyPair(algorithm);
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' } };
}
