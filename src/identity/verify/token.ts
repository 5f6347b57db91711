/**
 * A JWT (RFC 7519) in compact form, taken apart and looked at before any key is.
 * @module
 */
import { jsonProblem } from '../../core/json.ts';
import { type Claims, claimsOf } from './claims.ts';
import { refused } from './refusal.ts';

/** Characters of a token. */
export const LONGEST_TOKEN = 16_384;
const LIMITS = { depth: 16, members: 4_000 };

export interface Token {
  readonly compact: string;
  /** What is signed: the header and the claims as they were sent. */
  readonly signed: string;
  readonly header: Claims;
  readonly claims: Claims;
}

/** Headers that bring keys along, name where to get them, or change what a signature means. */
const FORBIDDEN = ['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64'];

/** Throws `ERR_NOT_SIGNED_IN` for whatever is not a JWS of two JSON objects in the one way to write it. */
export function readToken(compact: string): Token {
  if (compact.length > LONGEST_TOKEN) throw refused(`longer than ${LONGEST_TOKEN} characters`);
  const [header, payload, signature, ...rest] = compact.split('.');
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    throw refused('not a token of three parts');
  }
  // Where the last character has bits to spare, two spellings would be one signature.
  if (decode(signature).length === 0) throw refused('a token without a signature');
  const token = {
    compact,
    signed: `${header}.${payload}`,
    header: readObject(header, 'header'),
    claims: readObject(payload, 'payload'),
  };
  const extra = FORBIDDEN.find((name) => token.header.has(name));
  if (extra !== undefined) throw refused(`the header ${extra} is not accepted`);
  return token;
}

function decode(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) throw refused('not base64url in its one spelling');
  return bytes;
}

function readObject(part: string, what: string): Claims {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(decode(part));
    const problem = jsonProblem(text, LIMITS);
    if (problem !== null) throw refused(`the ${what}: ${problem}`);
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(`the ${what} is no object`);
    return claimsOf(value);
  } catch (thrown) {
    throw thrown instanceof SyntaxError || thrown instanceof TypeError ? refused(`the ${what} is not JSON`) : thrown;
  }
}
