/**
 * The broker as an OpenID Connect issuer of its own: clouds trust its public key, so it holds no standing cloud secret.
 * @module
 */
import { SignJWT } from 'jose';
import { asJitError, JitError } from '../../core/errors.ts';
import type { Clock, Random, TokenSigner } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import { localFault } from '../../local/fault.ts';
import type { Log } from '../service/log.ts';
import { issuerKey, type KeyFile, markOf, readKeyFile } from './key-file.ts';
import { type IssuerKey, MAX_TOKEN_SECONDS, type PublicJwk, publishedKeys, signingKey } from './key-ring.ts';
import { openKeyFile } from './rotate.ts';

const JWKS_PATH = '/.well-known/jwks.json';
const SKEW_SECONDS = 60;
const LOOK_MS = 1_000;

export interface Issuer {
  readonly signer: TokenSigner;
  /** To be served at the `jwks_uri` of the discovery document. */
  readonly jwks: () => { keys: PublicJwk[] };
  /** To be served at `<issuer>/.well-known/openid-configuration` (OpenID Connect Discovery 1.0, section 3). */
  readonly discovery: () => Readonly<Record<string, string | readonly string[]>>;
}

/** Where the key set of an issuer is fetched. */
export const jwksUri = (issuer: string): string => `${issuer}${JWKS_PATH}`;

/**
 * Opens the issuer, making its first key where `file` is absent. A later change of the file is noticed at the next use, at
 * most a second late; a file that is then damaged, foreign or gone is logged, and the keys that are known stay in use.
 * @param parts.issuer the exact `iss`: an https URL, or http on loopback for the sandbox.
 * @param parts.file 0600, in an existing 0700 folder.
 * Throws `ERR_CONFIG` for another issuer and `ERR_LOCAL_FILE` for a file that others could have read or written.
 */
export async function openIssuer(parts: {
  readonly issuer: string;
  readonly file: string;
  readonly now: Clock;
  readonly random: Random;
  readonly log: Log;
}): Promise<Issuer> {
  const { issuer, file, now, random, log } = parts;
  checkIssuer(issuer);
  const keys = followKeys(await openKeyFile(file, now), { file, now, log });
  return {
    signer: signerWith(keys, { issuer, now, random }),
    jwks: () => ({ keys: publishedKeys(keys(), now()).map(({ publicJwk }) => publicJwk) }),
    discovery: () => ({
      issuer,
      jwks_uri: jwksUri(issuer),
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [
        ...new Set(publishedKeys(keys(), now()).map(({ publicJwk }) => publicJwk.alg)),
      ],
      claims_supported: ['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti'],
      scopes_supported: ['openid'],
    }),
  };
}

/** The keys as the file has them, looked at anew on use. */
function followKeys(
  opened: KeyFile,
  parts: { readonly file: string; readonly now: Clock; readonly log: Log },
): () => readonly IssuerKey[] {
  const { file, now, log } = parts;
  let known = { mark: opened.mark, keys: opened.stored.map(issuerKey) };
  let lookedAt = now();
  let complaint: string | null = null;
  const look = (): void => {
    if (markOf(file) === known.mark) return;
    const found = readKeyFile(file);
    if (found === null) throw localFault(file, 'the file is gone', 'restore it from a backup');
    known = { mark: found.mark, keys: found.stored.map(issuerKey) };
    log.info('the signing keys have changed', { keys: known.keys.length, signing: signingKey(known.keys, now()).kid });
  };
  return () => {
    if (Math.abs(now() - lookedAt) < LOOK_MS) return known.keys;
    lookedAt = now();
    try {
      look();
      complaint = null;
    } catch (thrown) {
      const { message, hint = '' } = asJitError(thrown);
      if (message !== complaint)
        log.error('the key file is refused; the keys read before stay in use', { message, hint });
      complaint = message;
    }
    return known.keys;
  };
}

function signerWith(
  keys: () => readonly IssuerKey[],
  parts: { readonly issuer: string; readonly now: Clock; readonly random: Random },
): TokenSigner {
  return {
    issuer: parts.issuer,
    sign: async (claims, seconds) => {
      if (!Number.isSafeInteger(seconds) || seconds < 1 || seconds > MAX_TOKEN_SECONDS) {
        throw new JitError({ code: 'ERR_UNEXPECTED', message: `a token lives 1 to ${MAX_TOKEN_SECONDS} seconds` });
      }
      const { kid, privateKey, publicJwk } = signingKey(keys(), parts.now());
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
        .setProtectedHeader({ alg: publicJwk.alg, kid, typ: 'JWT' })
        .sign(privateKey.expose());
      return new Secret(token);
    },
  };
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
