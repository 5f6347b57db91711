/**
 * Where the issuer's private keys are kept: one JSON file that only its owner can read.
 * @module
 */
import { createECDH, createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { z } from 'zod';
import { Secret } from '../../core/secret.ts';
import { replaceFile } from '../../local/atomic.ts';
import { asLocalFault, errnoOf, localFault, shellWord } from '../../local/fault.ts';
import { ownUid } from '../../local/private-dir.ts';
import {
  type IssuerKey,
  isRing,
  type KeyTimes,
  MOST_KEYS,
  type PublicJwk,
  PUBLISHED_AFTER_SECONDS,
} from './key-ring.ts';

const COORDINATE = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const TIME = z.int().nonnegative();

const EC_JWK = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: COORDINATE,
  y: COORDINATE,
  d: COORDINATE,
});
/** Of 2,048 bits; the halves of it for what speeds up signing. */
const [MODULUS, HALF] = [z.string().regex(/^[A-Za-z0-9_-]{342}$/), z.string().regex(/^[A-Za-z0-9_-]{160,172}$/)];
const RSA_JWK = z.strictObject({
  kty: z.literal('RSA'),
  n: MODULUS,
  e: z.literal('AQAB'),
  d: z.string().regex(/^[A-Za-z0-9_-]{320,342}$/),
  p: HALF,
  q: HALF,
  dp: HALF,
  dq: HALF,
  qi: HALF,
});
export const PRIVATE_JWK = z.discriminatedUnion('kty', [EC_JWK, RSA_JWK]);

/** A private key as a JSON Web Key (RFC 7517, RFC 7518 sections 6.2 and 6.3). */
export type PrivateJwk = z.infer<typeof PRIVATE_JWK>;

const KEY = z.strictObject({
  kid: COORDINATE,
  jwk: PRIVATE_JWK,
  createdAt: TIME,
  signsFrom: TIME,
  retiresAt: TIME.nullable(),
});

/** A key as it is written down. */
export type StoredKey = Readonly<z.infer<typeof KEY>>;

const CONTENT = z.discriminatedUnion('v', [
  // Before keys could be rotated.
  z.strictObject({
    v: z.literal(1),
    keys: z
      .array(z.strictObject({ use: z.enum(['current', 'previous']), createdAt: TIME, jwk: EC_JWK }))
      .max(MOST_KEYS)
      .refine((keys) => keys.filter(({ use }) => use === 'current').length === 1, 'exactly one key is current'),
  }),
  z.strictObject({
    v: z.literal(2),
    keys: z
      .array(KEY)
      .min(1)
      .max(MOST_KEYS)
      .refine((keys) => isRing(keys), 'keys hand over to each other')
      .refine((keys) => keys.every(({ kid, jwk }) => kid === thumbprint(jwk)), 'a key is named by its thumbprint'),
  }),
]);

/** What the file held when it was read. */
export interface KeyFile {
  /** In the order in which they sign. */
  readonly stored: readonly StoredKey[];
  /** Another than `markOf` gives later, once the file has been changed or replaced. */
  readonly mark: string;
}

const MAX_BYTES = 65_536;

/**
 * Null where there is no file. Reads in one go, without giving way to anything else: the file is small and read rarely.
 * Throws `ERR_LOCAL_FILE` for a link, a file of somebody else or that others can read, and content that is not ours.
 */
export function readKeyFile(file: string): KeyFile | null {
  try {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = fstatSync(descriptor, { bigint: true });
      checkOwn(file, found);
      const stored = found.size > BigInt(MAX_BYTES) ? null : parseKeys(readFileSync(descriptor, 'utf8'));
      if (stored === null) {
        const hint = 'restore it from a backup; a new key must be trusted by every cloud anew';
        throw localFault(file, 'not a key file of jit', hint);
      }
      return { stored, mark: markFrom(found) };
    } finally {
      closeSync(descriptor);
    }
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return null;
    throw asLocalFault(thrown, file);
  }
}

/** The mark of the file as it is now; a text of its own where it is absent. Throws `ERR_LOCAL_FILE`. */
export function markOf(file: string): string {
  try {
    const found = lstatSync(file, { bigint: true, throwIfNoEntry: false });
    return found === undefined ? 'absent' : markFrom(found);
  } catch (thrown) {
    throw asLocalFault(thrown, file);
  }
}

/** Replaces the file as a whole. The caller holds the lock. Throws `ERR_LOCAL_FILE` with the old file intact. */
export async function writeKeyFile(file: string, keys: readonly StoredKey[]): Promise<void> {
  const content = CONTENT.parse({ v: 2, keys });
  await replaceFile(file, Buffer.from(`${JSON.stringify(content)}\n`), { mode: 0o600 });
}

/** The key with its private half out of sight. */
export function issuerKey({ kid, jwk, createdAt, signsFrom, retiresAt }: StoredKey): IssuerKey {
  return {
    kid,
    createdAt,
    signsFrom,
    retiresAt,
    publicJwk: publicHalf(jwk, kid),
    privateKey: new Secret(createPrivateKey({ key: jwk, format: 'jwk' })),
  };
}

function publicHalf(jwk: PrivateJwk, kid: string): PublicJwk {
  if (jwk.kty === 'RSA') return { kty: 'RSA', n: jwk.n, e: jwk.e, kid, use: 'sig', alg: 'RS256' };
  return { kty: 'EC', crv: jwk.crv, x: jwk.x, y: jwk.y, kid, use: 'sig', alg: 'ES256' };
}

/** @returns `jwk` as it is written down. */
export function storedKey(jwk: PrivateJwk, times: KeyTimes): StoredKey {
  const { createdAt, signsFrom, retiresAt } = times;
  return { kid: thumbprint(jwk), jwk, createdAt, signsFrom, retiresAt };
}

/** Null for anything but keys of ours. What exactly was wrong is not said: it could quote a part of a key. */
function parseKeys(text: string): readonly StoredKey[] | null {
  const parsed = CONTENT.safeParse(asJson(text));
  if (!parsed.success || !parsed.data.keys.every(({ jwk }) => isPair(jwk))) return null;
  if (parsed.data.v === 2) return parsed.data.keys;
  const current = parsed.data.keys.find(({ use }) => use === 'current');
  if (current === undefined) return null;
  const handedOver = current.createdAt;
  const previous = parsed.data.keys
    .filter(({ use }) => use === 'previous')
    .map(({ jwk, createdAt }) => ({ jwk, createdAt, signsFrom: Math.min(createdAt, handedOver) }))
    .toSorted((a, b) => a.signsFrom - b.signsFrom)
    .map((key) => storedKey(key.jwk, { ...key, retiresAt: handedOver + PUBLISHED_AFTER_SECONDS * 1_000 }));
  return [...previous, storedKey(current.jwk, { createdAt: handedOver, signsFrom: handedOver, retiresAt: null })];
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Whether the public half belongs to the private one: otherwise clouds would be shown a key that verifies nothing. */
function isPair(jwk: PrivateJwk): boolean {
  try {
    if (jwk.kty === 'RSA') return isRsaPair(jwk);
    const { x, y, d } = jwk;
    const curve = createECDH('prime256v1');
    curve.setPrivateKey(Buffer.from(d, 'base64url'));
    // An uncompressed point: SEC 1, section 2.3.3.
    return curve
      .getPublicKey()
      .equals(Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]));
  } catch {
    return false;
  }
}

function isRsaPair(jwk: z.infer<typeof RSA_JWK>): boolean {
  const { kty, n, e } = jwk;
  const sample = Buffer.from('a sample');
  const signature = sign('sha256', sample, createPrivateKey({ key: jwk, format: 'jwk' }));
  return verify('sha256', sample, createPublicKey({ key: { kty, n, e }, format: 'jwk' }), signature);
}

/** RFC 7638 section 3: the required members in the order of their names, without white space. */
function thumbprint(jwk: PrivateJwk): string {
  const { kty } = jwk;
  const required = jwk.kty === 'RSA' ? { e: jwk.e, kty, n: jwk.n } : { crv: jwk.crv, kty, x: jwk.x, y: jwk.y };
  return createHash('sha256').update(JSON.stringify(required)).digest('base64url');
}

function markFrom({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

function checkOwn(file: string, found: BigIntStats): void {
  if (!found.isFile()) throw localFault(file, 'not a regular file', 'name the real file');
  const uid = ownUid();
  if (uid === null) return;
  if (found.uid !== BigInt(uid)) {
    throw localFault(file, 'belongs to another user', `make it yours with: sudo chown ${uid} ${shellWord(file)}`);
  }
  if ((found.mode & 0o077n) !== 0n) {
    throw localFault(file, 'others can read it', `close it with: chmod 600 ${shellWord(file)}`);
  }
  if (found.nlink > 1n) {
    throw localFault(file, 'has a second name (hard link)', `find it with: find / -xdev -samefile ${shellWord(file)}`);
  }
}
