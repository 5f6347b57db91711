/**
 * The store of secrets that this user has chosen.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { Secret } from '../../core/secret.ts';
import type { LocalPaths } from '../../local/paths.ts';
import type { AskPassphrase } from './passphrase.ts';
import type { SecretStore } from './store.ts';

/** Where secrets may rest. */
export const SECRET_CHOICES = ['keychain', 'file'] as const;
export type SecretChoice = (typeof SECRET_CHOICES)[number];

export interface SecretPlace {
  /** Of JIT_SECRET_STORE or the settings; `keychain` where neither says anything. Never guessed. */
  readonly choice: SecretChoice;
  /** That of this process, which the keychain's own library reads too. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly paths: Pick<LocalPaths, 'state' | 'locks'>;
  readonly platform: NodeJS.Platform;
  /** Says one line to the person, on stderr. */
  readonly note: (line: string) => void;
  /** Null where there is no terminal. */
  readonly ask: AskPassphrase | null;
}

/**
 * Quick: neither the keychain nor the file is looked at before a secret is asked for.
 * Throws `ERR_KEYCHAIN`, naming the setting that helps, where this machine surely has no such store.
 */
export async function openSecretStore({ choice, ...place }: SecretPlace): Promise<SecretStore> {
  if (choice === 'keychain') {
    const { openKeychain } = await import('./keychain.ts');
    return openKeychain(place);
  }
  const [{ openSecretFile }, { passphraseSource }] = await Promise.all([
    import('./file.ts'),
    import('./passphrase.ts'),
  ]);
  return openSecretFile({ ...place, passphrase: passphraseSource(place.env, place.ask) });
}

/**
 * Stores, reads and deletes something worthless. For the moment before a person is sent to a browser: a sign-in whose
 * result cannot be kept is better not begun. Throws `ERR_KEYCHAIN`.
 */
export async function proveStore(store: SecretStore): Promise<void> {
  const name = `trial/${randomBytes(8).toString('hex')}`;
  await store.set(name, new Secret('worth nothing'));
  await store.delete(name);
}
