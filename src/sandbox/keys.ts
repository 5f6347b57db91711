/**
 * Everything that is derived from the sandbox's one key: access keys, their secrets, and sealed session tokens.
 * @module
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { Secret } from '../core/secret.ts';

/** A long-term or session access key as a client uses it. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The operations that need the key. The key itself never leaves. */
export interface Keyring {
  /** The operator user's access key; the same for the same key. */
  operator(): Secret<AccessKey>;
  /** A fresh access key id of a session. */
  sessionKeyId(): string;
  /** The secret access key that belongs to an access key id. */
  secretFor(accessKeyId: string): Secret<string>;
  /** Encrypts and authenticates, bound to the access key id (AES-256-GCM). The result is base64. */
  seal(accessKeyId: string, content: Buffer): Secret<string>;
  /** The inverse of `seal`, or null for anything that was altered, made for another access key, or made elsewhere. */
  open(accessKeyId: string, token: string): Buffer | null;
}

/** Bytes of the master key. */
export const KEY_BYTES = 32;

const TOKEN_VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** @param master `KEY_BYTES` random bytes. */
export function createKeyring(master: Secret<Buffer>): Keyring {
  const derive = (purpose: string) =>
    Buffer.from(hkdfSync('sha256', master.expose(), '', `jit sandbox ${purpose}`, KEY_BYTES));
  const tokenKey = derive('session token');
  const secretKey = derive('secret access key');
  const operatorId = `AKIA${idFrom(derive('operator'))}`;

  // 30 bytes are 40 characters of base64, the length of AWS's own.
  const secretText = (accessKeyId: string) =>
    createHmac('sha256', secretKey).update(accessKeyId, 'utf8').digest().subarray(0, 30).toString('base64');

  return {
    operator: () => new Secret({ accessKeyId: operatorId, secretAccessKey: secretText(operatorId) }),
    sessionKeyId: () => `ASIA${idFrom(randomBytes(16))}`,
    secretFor: (accessKeyId) => new Secret(secretText(accessKeyId)),
    seal(accessKeyId, content) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', tokenKey, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(accessKeyId, 'utf8'));
      const sealed = Buffer.concat([cipher.update(content), cipher.final()]);
      const parts = [Buffer.of(TOKEN_VERSION), nonce, sealed, cipher.getAuthTag()];
      return new Secret(Buffer.concat(parts).toString('base64'));
    },
    open(accessKeyId, token) {
      const bytes = BASE64.test(token) ? Buffer.from(token, 'base64') : Buffer.alloc(0);
      // Base64 has several spellings of the same bytes; only the one that was handed out is a token.
      if (bytes.toString('base64') !== token) return null;
      if (bytes.length <= 1 + NONCE_BYTES + TAG_BYTES || bytes[0] !== TOKEN_VERSION) return null;
      const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', tokenKey, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(accessKeyId, 'utf8'));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
      } catch {
        return null;
      }
    },
  };
}

/** Sixteen characters of A-Z and 2-7, as in AWS's own ids. */
function idFrom(bytes: Buffer): string {
  return Array.from(bytes.subarray(0, 16), (byte) => ID_ALPHABET[byte % ID_ALPHABET.length]).join('');
}
