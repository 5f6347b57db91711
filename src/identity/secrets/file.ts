/**
 * Secrets in one encrypted file, for machines without a keychain. Only ever by explicit setting.
 * @module
 */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { display } from '../../core/display.ts';
import { asJitError, JitError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { type Expectation, openOwnFile, replaceFile, sweepTemps } from '../../local/atomic.ts';
import { shellWord } from '../../local/fault.ts';
import { withLock } from '../../local/lock.ts';
import type { LocalPaths } from '../../local/paths.ts';
import { ensurePrivateDir, ownUid } from '../../local/private-dir.ts';
import type { PassphraseSource } from './passphrase.ts';
import * as set from './seal.ts';
import { checkName, checkSecret, isSame, type SecretStore } from './store.ts';

export interface FilePlace {
  readonly paths: Pick<LocalPaths, 'state' | 'locks'>;
  readonly passphrase: PassphraseSource;
  /** Says one line to the person, on stderr. */
  readonly note: (line: string) => void;
}

const LONGEST_FILE = 4_194_304;
const WAIT = { waitMs: 10_000 };

/**
 * The file is `secrets.json` in the state folder, 0600. It is never made or changed in plain, and one that cannot be read
 * is never written over. The passphrase is not asked for before it is needed, and once in a process.
 */
export function openSecretFile({ paths, passphrase, note }: FilePlace): SecretStore {
  const path = join(paths.state, 'secrets.json');
  const key = keyring(path, passphrase);

  async function change(make: (before: set.Sealed | null) => Promise<set.Sealed | null>): Promise<void> {
    await ensurePrivateDir(paths.state);
    await withLock('secrets', paths.locks, WAIT, async () => {
      await sweepTemps(paths.state);
      const file = await readSealed(path);
      const after = await make(file?.sealed ?? null);
      if (after === null) return;
      const done = await replaceFile(path, set.format(after), { mode: 0o600, expect: file ?? 'absent' });
      if (done === 'changed') {
        throw fault(`${display(path)}: another program has just changed it`, 'nothing was written; try again');
      }
    });
  }

  async function get(name: string): Promise<Secret<string> | null> {
    const sealed = (await readSealed(path))?.sealed;
    return sealed === undefined || !sealed.entries.has(name) ? null : openEntry(sealed, await key.of(sealed), name);
  }

  function openEntry(sealed: set.Sealed, opened: KeyObject, name: string): Secret<string> {
    const secret = set.openEntry(sealed, opened, name);
    if (secret === null) throw damaged(path, 'an entry does not open, although the passphrase is the right one');
    return secret;
  }

  return {
    label: `the encrypted file ${display(path)}`,
    get: (name) => {
      checkName(name);
      return asKeychainFault(get(name));
    },
    set: (name, secret) => {
      checkName(name);
      checkSecret(secret);
      const store = async (): Promise<void> => {
        // Before the lock is taken: a person may take long to type.
        await key.prepare((await readSealed(path))?.sealed ?? null);
        await change(async (before) => {
          const base = before ?? (await key.forNew());
          if (before === null) note(warning(path, passphrase.from));
          return set.withEntry(base, await key.of(base), name, secret);
        });
        if (!isSame(await get(name), secret)) throw damaged(path, 'what was written is not what can be read');
      };
      return asKeychainFault(store());
    },
    delete: (name) => {
      checkName(name);
      const remove = change(async (before) =>
        before === null || !before.entries.has(name) ? null : set.withoutEntry(before, name),
      );
      return asKeychainFault(remove);
    },
  };
}

interface Keyring {
  /** The key of a set. Throws where the passphrase is another one. */
  of(sealed: set.Sealed): Promise<KeyObject>;
  /** Gets the passphrase that the set, or a new one, needs. */
  prepare(sealed: set.Sealed | null): Promise<void>;
  /** An empty set under a new salt, for the first secret. */
  forNew(): Promise<set.Sealed>;
}

function keyring(path: string, source: PassphraseSource): Keyring {
  const keys = new Map<string, KeyObject>();
  let passphrase: Secret<string> | null = null;
  const self: Keyring = {
    prepare: async (sealed) => {
      if (sealed === null) passphrase ??= await source.read('new');
      else await self.of(sealed);
    },
    of: async (sealed) => {
      const known = keys.get(sealed.salt);
      if (known !== undefined) return known;
      passphrase ??= await source.read('known');
      const key = await set.keyFrom(passphrase, sealed.salt);
      if (!set.fits(sealed, key)) {
        passphrase = null;
        throw fault(
          `${source.from} does not open ${display(path)}: it was made with another passphrase`,
          `give that one; if it is lost, so are the secrets: mv ${shellWord(path)} ${shellWord(`${path}.old`)} and sign in again`,
        );
      }
      keys.set(sealed.salt, key);
      return key;
    },
    forNew: async () => {
      passphrase ??= await source.read('new');
      const salt = set.newSalt();
      const key = await set.keyFrom(passphrase, salt);
      keys.set(salt, key);
      return set.emptySet(salt, key);
    },
  };
  return self;
}

type SealedFile = Exclude<Expectation, 'absent'> & { readonly sealed: set.Sealed };

async function readSealed(path: string): Promise<SealedFile | null> {
  const file = await openOwnFile(path, LONGEST_FILE);
  if (file === null) return null;
  await file.handle.close();
  if (ownUid() !== null && (file.mode & 0o077) !== 0) {
    throw fault(`${display(path)}: open to other users`, `close it with: chmod 600 ${shellWord(path)}`);
  }
  const sealed = set.parse(file.bytes);
  if ('damage' in sealed) throw damaged(path, sealed.damage);
  return { ino: file.ino, bytes: file.bytes, sealed };
}

function warning(path: string, passphrase: string): string {
  return `secrets are kept in ${display(path)}, encrypted: whoever has that file and ${passphrase} has your sessions`;
}

function damaged(path: string, what: string): JitError {
  return fault(
    `${display(path)} is damaged: ${what}`,
    `restore it, or move it away and sign in again: mv ${shellWord(path)} ${shellWord(`${path}.old`)}`,
  );
}

function fault(message: string, hint: string): JitError {
  return new JitError({ code: 'ERR_KEYCHAIN', message, hint });
}

/** The troubles of a file are those of this store; their words are good as they are. */
async function asKeychainFault<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    const { code, message, hint } = asJitError(thrown);
    if (code !== 'ERR_LOCAL_FILE') throw thrown;
    throw new JitError({ code: 'ERR_KEYCHAIN', message, hint, cause: thrown });
  }
}
