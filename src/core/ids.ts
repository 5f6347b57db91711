/**
 * Names of requests, grants and sessions: a prefix and 26 characters of lower-case Crockford base32 for 128 random bits.
 * An id is a name and never a capability.
 * @module
 */
import { JitError } from './errors.ts';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const BODY = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;

export type RequestId = `req_${string}`;
export type GrantId = `gr_${string}`;
export type SessionId = `ses_${string}`;

function encode(random: Uint8Array): string {
  if (random.length !== 16) throw new RangeError('an id takes 16 random bytes');
  let bits = 0n;
  for (const byte of random) bits = (bits << 8n) | BigInt(byte);
  let text = '';
  for (let index = 0; index < 26; index++) {
    text = `${ALPHABET[Number(bits & 31n)]}${text}`;
    bits >>= 5n;
  }
  return text;
}

/** @param random 16 bytes from a cryptographic source. */
export function requestId(random: Uint8Array): RequestId {
  return `req_${encode(random)}`;
}

/** @param random 16 bytes from a cryptographic source. */
export function grantId(random: Uint8Array): GrantId {
  return `gr_${encode(random)}`;
}

/** @param random 16 bytes from a cryptographic source. */
export function sessionId(random: Uint8Array): SessionId {
  return `ses_${encode(random)}`;
}

export function isSessionId(text: string): text is SessionId {
  return text.startsWith('ses_') && BODY.test(text.slice(4));
}

export function isRequestId(text: string): text is RequestId {
  return text.startsWith('req_') && BODY.test(text.slice(4));
}

export function isGrantId(text: string): text is GrantId {
  return text.startsWith('gr_') && BODY.test(text.slice(3));
}

/** Reads an id typed by a person. Throws `ERR_USAGE` for anything else, so that no other text reaches a path or a query. */
export function parseId(text: string): RequestId | GrantId {
  if (isRequestId(text) || isGrantId(text)) return text;
  throw new JitError({
    code: 'ERR_USAGE',
    message: 'that is not an id of a request or a grant',
    hint: 'ids look like req_… or gr_… and are listed by: jit list',
  });
}
