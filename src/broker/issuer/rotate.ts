/**
 * Making the first key of an issuer, and letting another take over.
 * @module
 */
import { generateKeyPairSync } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { sweepTemps } from '../../local/atomic.ts';
import { localFault, shellWord } from '../../local/fault.ts';
import { withLock } from '../../local/lock.ts';
import { ownUid } from '../../local/private-dir.ts';
import { type KeyFile, PRIVATE_JWK, readKeyFile, type StoredKey, storedKey, writeKeyFile } from './key-file.ts';
import {
  type Algorithm,
  type KeyTimes,
  MOST_KEYS,
  publishedKeys,
  PUBLISHED_AFTER_SECONDS,
  stateOf,
} from './key-ring.ts';

const LOCK = 'issuer';
const LOCK_WAIT_MS = 10_000;

/**
 * With an overlap the new key is published first and signs later; at once is for a key that may have leaked. `algorithm`: of the
 * new key; as the newest has it, if left out.
 */
export type RotationStyle = { readonly algorithm?: Algorithm | undefined } & (
  | { readonly kind: 'overlap'; readonly seconds: number }
  | { readonly kind: 'at-once' }
);

/**
 * Reads the keys, or makes the first one where there is no file. Of two processes that start at once, both end up with
 * the key that is in the file. Keys that are not published any more are destroyed.
 * Throws `ERR_LOCAL_FILE` when the file or its folder belongs to somebody else or can be read by others, or when the
 * file is not one of ours.
 */
export async function openKeyFile(file: string, now: Clock): Promise<KeyFile> {
  await checkFolder(dirname(file));
  const found = readKeyFile(file);
  if (found !== null && isTidy(found, now())) return found;
  return await alone(file, async () => {
    const present = readKeyFile(file);
    if (present !== null && isTidy(present, now())) return present;
    const at = now();
    await writeKeyFile(file, present === null ? [freshKey('ES256', at, at)] : publishedKeys(present.stored, at));
    return reread(file);
  });
}

/**
 * Adds a key that takes over, and says until when the one that signs now stays published.
 * Throws `ERR_NOT_FOUND` where there is no key yet, `ERR_CONFLICT` while an earlier rotation is under way, and
 * `ERR_LOCAL_FILE` as `openKeyFile` does. Killed at any point it leaves the old file or the new one.
 */
export async function rotateKeys(file: string, style: RotationStyle, now: Clock): Promise<KeyFile> {
  await checkFolder(dirname(file));
  return await alone(file, async () => {
    const present = readKeyFile(file);
    if (present === null) throw noKey();
    await writeKeyFile(file, rotated(present.stored, style, now()));
    return reread(file);
  });
}

/** For those who want to see keys and have none made. Throws `ERR_NOT_FOUND` where there is none yet, else as `openKeyFile`. */
export async function lookAtKeyFile(file: string): Promise<KeyFile> {
  if (readKeyFile(file) === null) throw noKey();
  await checkFolder(dirname(file));
  return reread(file);
}

function rotated(keys: readonly StoredKey[], style: RotationStyle, at: number): readonly StoredKey[] {
  const algorithm = style.algorithm ?? (keys.at(-1)?.jwk.kty === 'RSA' ? 'RS256' : 'ES256');
  // They lie in one file: whoever has read one has read all.
  if (style.kind === 'at-once') return [freshKey(algorithm, at, at)];
  const next = keys.find((key) => stateOf(key, keys, at) === 'next');
  if (next !== undefined) {
    const wait = formatDuration(Math.ceil((next.signsFrom - at) / 1_000));
    throw new JitError({
      code: 'ERR_CONFLICT',
      message: `a rotation is under way: the next key signs in ${wait}`,
      hint: 'wait for it; if a key may have leaked, drop all keys at once with: jit-broker keys rotate --now',
    });
  }
  const kept = publishedKeys(keys, at);
  if (kept.length >= MOST_KEYS) {
    const soonest = Math.min(...kept.map(({ retiresAt }) => retiresAt ?? Number.POSITIVE_INFINITY));
    throw new JitError({
      code: 'ERR_CONFLICT',
      message: `${MOST_KEYS} keys are published already`,
      hint: `the oldest goes in ${formatDuration(Math.ceil((soonest - at) / 1_000))}`,
    });
  }
  const signsFrom = at + style.seconds * 1_000;
  const ends = signsFrom + PUBLISHED_AFTER_SECONDS * 1_000;
  return [...kept.map((key) => ({ ...key, retiresAt: key.retiresAt ?? ends })), freshKey(algorithm, at, signsFrom)];
}

function freshKey(algorithm: Algorithm, createdAt: number, signsFrom: number): StoredKey {
  const { privateKey } =
    algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return storedKey(PRIVATE_JWK.parse(privateKey.export({ format: 'jwk' })), { createdAt, signsFrom, retiresAt: null });
}

const isTidy = ({ stored }: KeyFile, at: number): boolean =>
  publishedKeys<KeyTimes>(stored, at).length === stored.length;

async function alone<T>(file: string, work: () => Promise<T>): Promise<T> {
  return await withLock(LOCK, dirname(file), { waitMs: LOCK_WAIT_MS }, async () => {
    // A killed writer leaves a file with keys in it beside ours.
    await sweepTemps(dirname(file));
    return await work();
  });
}

function reread(file: string): KeyFile {
  const kept = readKeyFile(file);
  if (kept !== null) return kept;
  throw new JitError({ code: 'ERR_LOCAL_FILE', message: 'the key file disappeared while it was in use' });
}

function noKey(): JitError {
  return new JitError({
    code: 'ERR_NOT_FOUND',
    message: 'this broker has no signing key yet',
    hint: 'it makes one when it first starts',
  });
}

async function checkFolder(folder: string): Promise<void> {
  const found = await lstat(folder).catch((thrown: unknown) => {
    const hint = `create it with: install -d -m 700 ${shellWord(folder)}`;
    throw localFault(folder, 'the folder cannot be looked at', hint, thrown);
  });
  if (!found.isDirectory()) throw localFault(folder, 'not a folder, or a link to one', 'name the real folder');
  const uid = ownUid();
  if (uid === null) return;
  if (found.uid !== uid) {
    throw localFault(folder, 'belongs to another user', `make it yours with: sudo chown ${uid} ${shellWord(folder)}`);
  }
  if ((found.mode & 0o077) !== 0) {
    throw localFault(folder, 'others can read it', `close it with: chmod 700 ${shellWord(folder)}`);
  }
}
