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
  /** Replaces. Resolves once it can be read back. */
  set(name: string, secret: Secret<string>): Promise<void>;
  /** What is not there is no error. */
  delete(name: string): Promise<void>;
}
