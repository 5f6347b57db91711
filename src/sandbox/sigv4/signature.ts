/**
 * The arithmetic of Signature Version 4.
 * Source: IAM user guide, "Create a signed AWS API request".
 * @module
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { CloudRequest } from '../request.ts';
import type { Claim } from './claim.ts';

/** SHA-256 in lower-case hexadecimal digits. Strings are taken as latin1, one character per byte. */
export function sha256Hex(content: Buffer | string): string {
  const hash = createHash('sha256');
  return (typeof content === 'string' ? hash.update(content, 'latin1') : hash.update(content)).digest('hex');
}

function hmac(key: Buffer | string, content: string): Buffer {
  return createHmac('sha256', key).update(content, 'latin1').digest();
}

/** Percent-encodes bytes (latin1 characters) as AWS does: everything but letters, digits and `-._~`. */
function awsEncode(latin1: string, kept: RegExp): string {
  return latin1.replace(kept, (character) => {
    const digits = character.charCodeAt(0).toString(16).toUpperCase();
    return `%${digits.padStart(2, '0')}`;
  });
}

const NOT_NAME = /[^A-Za-z0-9\-._~]/g;
const NOT_PATH = /[^A-Za-z0-9\-._~/]/g;

function canonicalQuery(request: CloudRequest, claim: Claim): string {
  return [...request.query]
    .filter(([name]) => !(claim.via === 'query' && name === 'X-Amz-Signature'))
    .map(([name, value]) => [awsEncode(name, NOT_NAME), awsEncode(value, NOT_NAME)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** The canonical request, one character per byte (latin1). `payload` is the hash or marker that was declared. */
export function canonicalRequest(request: CloudRequest, claim: Claim, payload: string): string {
  const headers = claim.signedHeaders.map((name) => {
    const value = request.headers.get(name) ?? '';
    return `${name}:${value.trim().replace(/ +/g, ' ')}\n`;
  });
  return [
    request.method,
    awsEncode(request.path, NOT_PATH),
    canonicalQuery(request, claim),
    headers.join(''),
    claim.signedHeaders.join(';'),
    payload,
  ].join('\n');
}

/** `DATE/REGION/SERVICE/aws4_request`. */
export function scopeOf(claim: Claim): string {
  return `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
}

/** A key that is good for one day, region and service. */
export function signingKey(secretAccessKey: string, claim: Claim): Buffer {
  const day = hmac(Buffer.from(`AWS4${secretAccessKey}`, 'utf8'), claim.date);
  return hmac(hmac(hmac(day, claim.region), claim.service), 'aws4_request');
}

/** The signature over a text, in lower-case hexadecimal digits. */
export function sign(key: Buffer, stringToSign: string): string {
  return hmac(key, stringToSign).toString('hex');
}

/** The signature that a request ought to have. */
export function requestSignature(key: Buffer, claim: Claim, canonical: string): string {
  return sign(key, ['AWS4-HMAC-SHA256', claim.timestamp, scopeOf(claim), sha256Hex(canonical)].join('\n'));
}

/** Compares in constant time. Texts of different lengths are unequal. */
export function sameSignature(a: string, b: string): boolean {
  const left = Buffer.from(a, 'latin1');
  const right = Buffer.from(b, 'latin1');
  return left.length === right.length && timingSafeEqual(left, right);
}
