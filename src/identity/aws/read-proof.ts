/**
 * Everything that can be known about a proof without asking AWS. Nothing is sent before all of it holds.
 * @module
 */
import * as z from 'zod';
import { canonicalJson } from '../../core/canonical.ts';
import { placeOf } from './place.ts';
import type { Place } from './place.ts';
import { CHALLENGE_HEADER, type Challenge, LONGEST_PROOF, PROOF_VERSION } from './proof.ts';
import { type ProofHeaders, challengeText, signedHeaderList } from './proof.ts';

/** A proof that says what it must; only AWS can tell whether it is true. */
export interface Proof {
  readonly place: Place;
  readonly headers: ProofHeaders;
  /** 64 lower-case hexadecimal digits: the same request is never signed alike with another key. */
  readonly signature: string;
  /** Epoch ms, from the signed date. */
  readonly signedAt: number;
}

/** How far the caller's clock may be off, and so how long a proof is one. STS itself would take 15 minutes. */
export const PROOF_MS = 300_000;

// Exact members only: a URL, a method, a body, another header or the same one in other letters has no place to be in.
const SHAPE = z.strictObject({
  v: z.literal(PROOF_VERSION),
  region: z.string().max(32),
  headers: z.strictObject({
    authorization: z.string().max(512),
    'x-amz-date': z.string().max(16),
    'x-amz-security-token': z
      .string()
      .regex(/^[A-Za-z0-9+/=_-]{1,8192}$/)
      .optional(),
    [CHALLENGE_HEADER]: z.string().max(4_096),
  }),
});

// As every SDK writes it. One spelling, so that no second reader could find another credential or signature in it.
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=\w{16,128}\/(\d{8})\/([a-z0-9-]{1,32})\/([a-z0-9-]{1,32})\/aws4_request, SignedHeaders=([a-z0-9;-]{1,256}), Signature=([0-9a-f]{64})$/;
const SALT = /^;[\w-]{22}$/;

/** @returns the proof, or why it is none: for the log, and without anything that is secret. */
export function readProof(token: string, expected: Challenge, now: number): Proof | string {
  const read = decode(token);
  if (typeof read === 'string') return read;
  const { region, headers } = read;
  const place = placeOf(region);
  if (place === null) return 'not a region';
  const [, scopeDate, scopeRegion, service, signedHeaders, signature] = AUTHORIZATION.exec(headers.authorization) ?? [];
  if (signature === undefined) return 'no signature of the one form that is taken';
  if (service !== 'sts') return 'signed for another service';
  if (scopeRegion !== region) return 'signed for another region';
  const temporary = headers['x-amz-security-token'] === undefined ? 'long-term' : 'temporary';
  if (signedHeaders !== signedHeaderList(temporary)) return 'the signature covers other headers than it must';
  const signedAt = instantOf(headers['x-amz-date']);
  if (signedAt === null) return 'not a date';
  if (headers['x-amz-date'].slice(0, 8) !== scopeDate) return 'signed with a key of another day';
  if (Math.abs(now - signedAt) > PROOF_MS) return 'signed too long ago, or in the future';
  if (!answers(headers[CHALLENGE_HEADER], expected)) return 'made for another broker, nonce, key or body';
  return { place, headers, signature, signedAt };
}

function decode(token: string): z.infer<typeof SHAPE> | string {
  if (token.length > LONGEST_PROOF) return 'too long';
  const bytes = Buffer.from(token, 'base64url');
  // Node skips what is not base64url; only the form that it would write itself is one.
  if (bytes.toString('base64url') !== token) return 'not base64url';
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const parsed = SHAPE.safeParse(JSON.parse(text));
    if (!parsed.success) return 'not of the shape of a proof';
    const { region, headers } = parsed.data;
    const { 'x-amz-security-token': sessionToken, ...rest } = headers;
    const all = { ...rest, ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }) };
    // Also refuses a name that appears twice: the parser would have kept the last.
    return canonicalJson({ v: PROOF_VERSION, region, headers: all }) === text ? parsed.data : 'not canonical JSON';
  } catch {
    return 'not JSON in UTF-8';
  }
}

function answers(challenge: string, expected: Challenge): boolean {
  const text = challengeText(expected);
  return text !== null && challenge.startsWith(text) && SALT.test(challenge.slice(text.length));
}

/** Epoch ms of `YYYYMMDDThhmmssZ`, or null where that is no instant, such as the 30th of February. */
function instantOf(text: string): number | null {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const instant = Date.parse(iso);
  return !Number.isNaN(instant) && new Date(instant).toISOString() === iso ? instant : null;
}
