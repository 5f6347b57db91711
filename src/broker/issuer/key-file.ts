/**
 * Where the issuer's private keys are kept: one JSON file that only its owner can read.
 * @module
 */
import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import { readOwnFile, replaceFile } from '../../local/atomic.ts';
import { localFault, shellWord } from '../../local/fault.ts';
import { withLock } from '../../local/lock.ts';
import { ownUid } from '../../local/private-dir.ts';

const COORDINATE = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

const PRIVATE_JWK = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: COORDINATE,
  y: COORDINATE,
  d: COORDINATE,
});

/** A P-256 private key as a JSON Web Key (RFC 7517, RFC 7518 section 6.2). */
export type PrivateJwk = z.infer<typeof PRIVATE_JWK>;

const CONTENT = z.strictObject({
  v: z.literal(1),
  keys: z
    .array(
      z.strictObject({
        use: z.enum(['current', 'previous']),
        createdAt: z.int().nonnegative(),
        jwk: PRIVATE_JWK,
      }),
    )
    .min(1)
    .max(8)
    .refine((keys) => keys.filter(({ use }) => use === 'current').length === 1, 'exactly one key is current'),
});

/** A key with its RFC 7638 thumbprint. `current` signs; `previous` ones are only published, until their tokens are dead. */
export interface IssuerKey {
  readonly kid: string;
  readonly use: 'current' | 'previous';
  /** Epoch ms. */
  readonly createdAt: number;
  readonly jwk: Secret<PrivateJwk>;
}

const MAX_BYTES = 16_384;
const LOCK = 'issuer';
const LOCK_WAIT_MS = 10_000;

/**
 * Reads the keys, or makes the first one where there is no file. Of two processes that start at once, both end up with
 * the key that is in the file. Throws `ERR_LOCAL_FILE` when the file or its folder belongs to somebody else or can be
 * read by others, or when the file is not one of ours.
 */
export async function loadKeys(file: string, now: Clock): Promise<readonly IssuerKey[]> {
  await checkPrivate(dirname(file), 'folder');
  // Under a lock, because between the look and the renaming of `replaceFile` another broker could put its own key.
  const found =
    (await readKeys(file)) ??
    (await withLock(LOCK, dirname(file), { waitMs: LOCK_WAIT_MS }, async () => {
      return (await readKeys(file)) ?? (await createKeys(file, now));
    }));
  return await Promise.all(
    found.keys.map(async ({ use, createdAt, jwk }) => ({
      kid: await calculateJwkThumbprint(jwk, 'sha256'),
      use,
      createdAt,
      jwk: new Secret(jwk),
    })),
  );
}

async function readKeys(file: string): Promise<z.infer<typeof CONTENT> | null> {
  const bytes = await readOwnFile(file, MAX_BYTES);
  if (bytes === null) return null;
  await checkPrivate(file, 'file');
  const parsed = CONTENT.safeParse(asJson(bytes.toString('utf8')));
  // What zod found is left out: it could quote a part of the key.
  if (!parsed.success) {
    throw localFault(
      file,
      'not a key file of jit',
      'restore it from a backup; a new key must be trusted by every cloud anew',
    );
  }
  return parsed.data;
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function createKeys(file: string, now: Clock): Promise<z.infer<typeof CONTENT>> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const { kty, crv, x, y, d } = await exportJWK(privateKey);
  const content = CONTENT.parse({ v: 1, keys: [{ use: 'current', createdAt: now(), jwk: { kty, crv, x, y, d } }] });
  const bytes = Buffer.from(`${JSON.stringify(content)}\n`);
  await replaceFile(file, bytes, { mode: 0o600, expect: 'absent' });
  const kept = await readKeys(file);
  if (kept !== null) return kept;
  throw new JitError({ code: 'ERR_LOCAL_FILE', message: 'the key file disappeared while it was being made' });
}

async function checkPrivate(path: string, kind: 'file' | 'folder'): Promise<void> {
  const found = await lstat(path).catch((thrown: unknown) => {
    throw localFault(
      path,
      `the ${kind} cannot be looked at`,
      `create it with: install -d -m 700 ${shellWord(path)}`,
      thrown,
    );
  });
  if (kind === 'folder' && !found.isDirectory()) {
    throw localFault(path, 'not a folder, or a link to one', 'name the real folder');
  }
  if (kind === 'file' && !found.isFile()) throw localFault(path, 'not a regular file', 'name the real file');
  const uid = ownUid();
  if (uid === null) return;
  if (found.uid !== uid) {
    throw localFault(path, 'belongs to another user', `make it yours with: sudo chown ${uid} ${shellWord(path)}`);
  }
  if ((found.mode & 0o077) !== 0) {
    const mode = kind === 'file' ? '600' : '700';
    throw localFault(path, 'others can read it', `close it with: chmod ${mode} ${shellWord(path)}`);
  }
}
