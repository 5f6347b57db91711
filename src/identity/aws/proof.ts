/**
 * The proof of an AWS identity: a signed request to STS that the caller hands over instead of sending it.
 * @module
 */
import { canonicalJson } from '../../core/canonical.ts';

/**
 * The one request that can be signed. Both sides write these out for themselves; nothing of them travels in a proof.
 * Source: STS API reference, GetCallerIdentity.
 */
export const CALL = {
  method: 'POST',
  path: '/',
  contentType: 'application/x-www-form-urlencoded; charset=utf-8',
  body: 'Action=GetCallerIdentity&Version=2011-06-15',
} as const;

/** The header that ties the signature to one broker, one nonce, one key and one body. */
export const CHALLENGE_HEADER = 'x-jit-challenge';
/** Characters. Session tokens have no stated limit; what does not fit is refused by both sides alike. */
export const LONGEST_PROOF = 8_192;
export const PROOF_VERSION = 1;

/** What a signature is made over beside the request itself. */
export interface Challenge {
  /** The broker that may take the proof, by the audience of its proofs of identity. */
  readonly audience: string;
  /** The broker's nonce in the DPoP proof of the same call, RFC 9449 section 8. */
  readonly nonce: string;
  /** RFC 7638 thumbprint of the key of that DPoP proof, base64url SHA-256. */
  readonly keyThumbprint: string;
  /** `coveredBody` of the body that carries the proof, base64url SHA-256. */
  readonly body: string;
}

/** The headers of a proof, by their lower-case names. The host is not among them: the broker knows it. */
export interface ProofHeaders {
  readonly authorization: string;
  readonly 'x-amz-date': string;
  /** Only with temporary credentials. */
  readonly 'x-amz-security-token'?: string | undefined;
  readonly [CHALLENGE_HEADER]: string;
}

// Without spaces, which signing folds, and without the separator, so that there is one way to read a challenge.
const PART = /^[\x21-\x3a\x3c-\x7e]{1,1024}$/;
const SHA256 = /^[\w-]{43}$/;

/** `AUDIENCE;NONCE;THUMBPRINT;BODY`, or null where a part could be read in two ways. */
export function challengeText({ audience, nonce, keyThumbprint, body }: Challenge): string | null {
  if (!PART.test(audience) || !PART.test(nonce) || !SHA256.test(keyThumbprint) || !SHA256.test(body)) return null;
  return `${audience};${nonce};${keyThumbprint};${body}`;
}

/** The headers that a signature must cover, all of them and no others, as SigV4 lists them. */
export function signedHeaderList(temporary: 'temporary' | 'long-term'): string {
  const token = temporary === 'temporary' ? 'x-amz-security-token;' : '';
  return `content-type;host;x-amz-date;${token}${CHALLENGE_HEADER}`;
}

/** base64url of canonical JSON: one proof has one form. */
export function writeProof(region: string, headers: ProofHeaders): string {
  const { 'x-amz-security-token': token, ...rest } = headers;
  const all = { ...rest, ...(token === undefined ? {} : { 'x-amz-security-token': token }) };
  return Buffer.from(canonicalJson({ v: PROOF_VERSION, region, headers: all }), 'utf8').toString('base64url');
}
