/**
 * A set of secrets as text that is worthless without its passphrase.
 * @module
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  type KeyObject,
  randomBytes,
  scrypt,
} from 'node:crypto';
import { promisify } from 'node:util';
import { Secret } from '../../core/secret.ts';

/** Secrets by name, each sealed for that name; `check` opens with the right passphrase only. */
export interface Sealed {
  readonly salt: string;
  readonly check: string;
  readonly entries: ReadonlyMap<string, string>;
}

const SCHEMA = 'jit.secrets/v1';
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
// OWASP Password Storage Cheat Sheet, scrypt with 32 MiB. Part of the schema, so that no file can ask for more or less.
const COST = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 * 1024 * 1024 } as const;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

const derive = promisify<string, Buffer, number, typeof COST, Buffer>(scrypt);

/** The key that a passphrase makes with a salt; takes about 0.2 s on purpose. */
export async function keyFrom(passphrase: Secret<string>, salt: string): Promise<KeyObject> {
  return createSecretKey(await derive(passphrase.expose(), Buffer.from(salt, 'base64'), 32, COST));
}

/** A salt for a new set. */
export function newSalt(): string {
  return randomBytes(SALT_BYTES).toString('base64');
}

/** An empty set. @param key made with this salt. */
export function emptySet(salt: string, key: KeyObject): Sealed {
  return { salt, check: seal(key, aadOf(salt, ''), ''), entries: new Map() };
}

/** Whether it is the key of this set. */
export function fits({ salt, check }: Sealed, key: KeyObject): boolean {
  return open(key, aadOf(salt, ''), check) !== null;
}

/** The same set with one entry put in. AES-256-GCM with a fresh nonce, so that equal secrets never look alike. */
export function withEntry(sealed: Sealed, key: KeyObject, name: string, secret: Secret<string>): Sealed {
  const entry = seal(key, aadOf(sealed.salt, name), secret.expose());
  return { ...sealed, entries: new Map([...sealed.entries, [name, entry]]) };
}

/** The same set without one entry. */
export function withoutEntry(sealed: Sealed, name: string): Sealed {
  return { ...sealed, entries: new Map([...sealed.entries].filter(([each]) => each !== name)) };
}

/** Null where the entry is not what was sealed under that name. */
export function openEntry(sealed: Sealed, key: KeyObject, name: string): Secret<string> | null {
  const entry = sealed.entries.get(name);
  const text = entry === undefined ? null : open(key, aadOf(sealed.salt, name), entry);
  return text === null ? null : new Secret(text);
}

/** As it is kept in a file. */
export function format({ salt, check, entries }: Sealed): Buffer {
  const head = { schema: SCHEMA, salt, check, sum: sumOf(salt, check) };
  return Buffer.from(`${JSON.stringify({ ...head, entries: Object.fromEntries(entries) }, null, 2)}\n`);
}

/** The inverse. @returns what is wrong with it, in words, for anything that `format` did not make. */
export function parse(bytes: Buffer): Sealed | { readonly damage: string } {
  const members = membersOf(parseJson(bytes.toString('utf8')));
  if (members === null) return { damage: 'it is cut short or not JSON' };
  if (members.get('schema') !== SCHEMA) return { damage: `it is not of the kind ${SCHEMA}` };
  const salt = members.get('salt');
  const check = members.get('check');
  const listed = membersOf(members.get('entries'));
  if (!isBase64(salt) || !isBase64(check) || listed === null) return { damage: 'a part of it is missing' };
  // Without this sum a flipped bit here would look like a wrong passphrase.
  if (members.get('sum') !== sumOf(salt, check)) return { damage: 'its head has been changed' };
  const entries = new Map<string, string>();
  for (const [name, entry] of listed) {
    if (!isBase64(entry)) return { damage: 'an entry is not what jit wrote' };
    entries.set(name, entry);
  }
  return { salt, check, entries };
}

// The name is authenticated with the secret: an entry cannot be moved to another name or another file.
function aadOf(salt: string, name: string): Buffer {
  return Buffer.from([SCHEMA, salt, name].join('\0'));
}

function seal(key: KeyObject, aad: Buffer, text: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
}

function open(key: KeyObject, aad: Buffer, sealed: string): string | null {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const [nonce, tag] = [bytes.subarray(0, NONCE_BYTES), bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)];
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad);
    decipher.setAuthTag(tag);
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}

function sumOf(salt: string, check: string): string {
  return createHash('sha256').update([SCHEMA, salt, check].join('\0')).digest('hex');
}

function isBase64(value: unknown): value is string {
  return typeof value === 'string' && BASE64.test(value);
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
