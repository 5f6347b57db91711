/**
 * Where secrets rest between two commands of jit.
 * @module
 */
import type { Secret } from '../../core/secret.ts';

/**
 * Every method throws `ERR_KEYCHAIN` with the reason and what to do about it: locked, not there, or no answer within two
 * seconds. A store that is locked is never reported as one that is empty.
 */
export interface SecretStore {
  /** What messages call it, such as `the keychain of this desktop (Secret Service)`. */
  readonly label: string;
  /** @param name 1 to 512 printable ASCII characters. @returns null where the store certainly holds nothing of that name. */
  get(name: string): Promise<Secret<string> | null>;
  /** Replaces. Resolves once it can be read back. @param secret at least one character, none of them NUL. */
  set(name: string, secret: Secret<string>): Promise<void>;
  /** What is not there is no error. */
  delete(name: string): Promise<void>;
}

const NAME = /^[\x20-\x7e]{1,512}$/;

/** Throws `RangeError`: names are made by jit, so a wrong one is a mistake in jit. */
export function checkName(name: string): void {
  if (!NAME.test(name)) throw new RangeError('a secret has a name of 1 to 512 printable ASCII characters');
}

/** Throws `RangeError` for what some keychain cannot keep as it is. */
export function checkSecret(secret: Secret<string>): void {
  const text = secret.expose();
  if (text === '' || text.includes('\0')) throw new RangeError('a secret is not empty and has no NUL in it');
}

/** Whether what was read back is what was stored. */
export function isSame(kept: Secret<string> | null, stored: Secret<string>): boolean {
  return kept !== null && kept.expose() === stored.expose();
}
