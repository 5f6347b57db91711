/**
 * The broker as an OpenID Connect issuer of its own: clouds trust its public key, so it holds no standing cloud secret.
 * @module
 */
import { SignJWT, importJWK } from 'jose';
import { JitError } from '../../core/errors.ts';
import type { Clock, Random, TokenSigner } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import { loadKeys } from './key-file.ts';
import type { IssuerKey } from './key-file.ts';

const JWKS_PATH = '/.well-known/jwks.json';
/** The longest life of a token: it is exchanged at once, so this only has to cover clocks that differ. */
const MAX_TOKEN_SECONDS = 3_600;

const SKEW_SECONDS = 60;

/** A public key as clouds fetch it (RFC 7517). */
export interface PublicJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: 'ES256';
}

export interface Issuer {
  readonly signer: TokenSigner;
  /** To be served at the `jwks_uri` of the discovery document. */
  readonly jwks: () => { keys: PublicJwk[] };
  /** To be served at `<issuer>/.well-known/openid-configuration` (OpenID Connect Discovery 1.0, section 3). */
  readonly discovery: () => Readonly<Record<string, string | readonly string[]>>;
}

/**
 * Opens the issuer, making its first key where `file` is absent.
 * @param parts.issuer the exact `iss`: an https URL, or http on loopback for the sandbox.
 * @param parts.file 0600, in an existing 0700 folder.
 * Throws `ERR_CONFIG` for another issuer and `ERR_LOCAL_FILE` for a file that others could have read or written.
 */
export async function openIssuer(parts: {
  readonly issuer: string;
  readonly file: string;
  readonly now: Clock;
  readonly random: Random;
}): Promise<Issuer> {
  const { issuer, file, now, random } = parts;
  checkIssuer(issuer);
  const keys = await loadKeys(file, now);
  const published = keys.map(publicJwk);
  return {
    signer: await signerWith(keys, { issuer, now, random }),
    jwks: () => ({ keys: [...published] }),
    discovery: () => ({
      issuer,
      jwks_uri: `${issuer}${JWKS_PATH}`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      claims_supported: ['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti'],
      scopes_supported: ['openid'],
    }),
  };
}

async function signerWith(
  keys: readonly IssuerKey[],
  parts: { readonly issuer: string; readonly now: Clock; readonly random: Random },
): Promise<TokenSigner> {
  const current = keys.find(({ use }) => use === 'current');
  if (current === undefined) throw new JitError({ code: 'ERR_LOCAL_FILE', message: 'the issuer has no current key' });
  const key = await importJWK(current.jwk.expose(), 'ES256');
  const header = { alg: 'ES256', kid: current.kid, typ: 'JWT' };
  return {
    issuer: parts.issuer,
    sign: async (claims, seconds) => {
      if (!Number.isSafeInteger(seconds) || seconds < 1 || seconds > MAX_TOKEN_SECONDS) {
        throw new JitError({ code: 'ERR_UNEXPECTED', message: `a token lives 1 to ${MAX_TOKEN_SECONDS} seconds` });
      }
      const at = Math.floor(parts.now() / 1_000);
      const token = await new SignJWT({
        ...claims,
        iss: parts.issuer,
        iat: at,
        // A verifier whose clock is a little behind must not take a fresh token for one from the future.
        nbf: at - SKEW_SECONDS,
        exp: at + seconds,
        jti: Buffer.from(parts.random(16)).toString('hex'),
      })
        .setProtectedHeader(header)
        .sign(key);
      return new Secret(token);
    },
  };
}

function publicJwk({ kid, jwk }: IssuerKey): PublicJwk {
  const { kty, crv, x, y } = jwk.expose();
  return { kty, crv, x, y, kid, use: 'sig', alg: 'ES256' };
}

function checkIssuer(issuer: string): void {
  const url = URL.canParse(issuer) ? new URL(issuer) : null;
  const loopback = url !== null && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  const sound =
    url !== null &&
    (url.protocol === 'https:' || (url.protocol === 'http:' && loopback)) &&
    url.username === '' &&
    url.password === '' &&
    !/[?#]/.test(issuer) &&
    !issuer.endsWith('/') &&
    // Clouds compare `iss` byte by byte, so only the form that every reader would write is taken.
    `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}` === issuer;
  if (sound) return;
  throw new JitError({
    code: 'ERR_CONFIG',
    message: 'issuer: not a URL that a cloud can trust',
    hint: 'write it like https://jit.example.com, without a final slash',
  });
}
