/**
 * Secrets in the keeper's memory, for workloads on machines without a keychain: inside, the vault; outside, a store like
 * any other. Nothing of it is ever on disk, and it ends with the keeper.
 * @module
 */
import { LONGEST_SECONDS } from '../core/duration.ts';
import { asJitError, JitError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { checkName, checkSecret, isSame, type SecretStore } from '../identity/secrets/store.ts';
import { type Clocks, deadline, type Deadline, judge, waitUntilOver } from '../local/clock.ts';
import { type Keeper, type KeeperOptions, openKeeper, peekKeeper } from './connect.ts';
import { type Ask, LONGEST_SECRET } from './protocol.ts';

/** The secrets that this keeper holds. All of them are live: one that is over is gone. */
export interface Vault {
  get(name: string): Secret<string> | null;
  /** @param until epoch milliseconds. Throws `ERR_KEYCHAIN` when full, for a secret above 64 KiB, and for a time that is over or over 30 days away. */
  set(name: string, secret: Secret<string>, until: number): void;
  delete(name: string): void;
  size(): number;
  /** Forgets all, for the end of the keeper. */
  clear(): void;
}

const MOST_SECRETS = 20;

interface Entry {
  readonly secret: Secret<string>;
  readonly until: Deadline;
  readonly gone: AbortController;
}

/** @param onChange called after each change of `size`. */
export function openVault(read: () => Clocks, onChange: () => void): Vault {
  const entries = new Map<string, Entry>();

  function remove(name: string): void {
    const entry = entries.get(name);
    if (entry === undefined) return;
    entries.delete(name);
    entry.gone.abort();
    onChange();
  }

  return {
    get: (name) => {
      const entry = entries.get(name);
      if (entry === undefined) return null;
      // Looked at anew: a timer may be late by a suspend.
      if (judge(entry.until, read()).state === 'live') return entry.secret;
      remove(name);
      return null;
    },
    set: (name, secret, until) => {
      const now = read();
      if (until <= now.wallMs) throw refusal('the time until which the secret should be held is over');
      if (until > now.wallMs + LONGEST_SECONDS * 1_000) throw refusal('the keeper holds a secret for 30 days at most');
      if (Buffer.byteLength(secret.expose()) > LONGEST_SECRET) throw refusal('the secret is larger than 64 KiB');
      if (!entries.has(name) && entries.size >= MOST_SECRETS) {
        throw refusal(`the keeper holds ${MOST_SECRETS} secrets already`);
      }
      entries.get(name)?.gone.abort();
      const entry: Entry = { secret, until: deadline(until, now), gone: new AbortController() };
      entries.set(name, entry);
      waitUntilOver(entry.until, read, entry.gone.signal).then(
        () => remove(name),
        () => undefined,
      );
      onChange();
    },
    delete: remove,
    size: () => entries.size,
    clear: () => {
      for (const { gone } of entries.values()) gone.abort();
      entries.clear();
    },
  };
}

/** What is asked of the vault. */
export type SecretAsk = Extract<Ask, { op: `secret-${string}` }>;

/** Whether a question is for the vault. */
export function isSecretAsk(ask: Ask): ask is SecretAsk {
  return ask.op.startsWith('secret-');
}

/** The members of the answer. Throws as the vault does. */
export function answerFromVault(ask: SecretAsk, vault: Vault): Readonly<Record<string, unknown>> {
  switch (ask.op) {
    case 'secret-get': {
      const secret = vault.get(ask.name);
      return { secret: secret === null ? null : Buffer.from(secret.expose()).toString('base64') };
    }
    case 'secret-set':
      vault.set(ask.name, new Secret(Buffer.from(ask.secret, 'base64').toString('utf8')), ask.until);
      return {};
    case 'secret-delete':
      vault.delete(ask.name);
      return {};
  }
}

/** Where the keeper is, and how long it shall hold what is stored. */
export interface KeeperSecrets extends KeeperOptions {
  /** Epoch milliseconds; asked anew for each secret that is stored. */
  readonly until: () => number;
}

/** Only storing starts a keeper: one that does not run holds nothing. */
export function keeperSecrets({ until, ...options }: KeeperSecrets): SecretStore {
  const running = (): Promise<Keeper | null> => peekKeeper(options.paths);
  return {
    label: "the memory of jit's background process",
    get: (name) => {
      checkName(name);
      return asKeychainFault(async () => (await (await running())?.getSecret(name)) ?? null);
    },
    set: (name, secret) => {
      checkName(name);
      checkSecret(secret);
      return asKeychainFault(async () => {
        const keeper = await openKeeper(options);
        await keeper.setSecret(name, secret, until());
        if (!isSame(await keeper.getSecret(name), secret)) throw refusal('the keeper did not keep the secret');
      });
    },
    delete: (name) => {
      checkName(name);
      return asKeychainFault(async () => (await running())?.deleteSecret(name));
    },
  };
}

/** Whatever is wrong with the keeper is wrong with this store; its words are good as they are. */
async function asKeychainFault<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const { code, message, hint } = asJitError(thrown);
    if (code === 'ERR_UNEXPECTED' || code === 'ERR_INTERRUPTED' || code === 'ERR_TERMINATED') throw thrown;
    throw new JitError({ code: 'ERR_KEYCHAIN', message, hint, cause: thrown });
  }
}

function refusal(message: string): JitError {
  return new JitError({ code: 'ERR_KEYCHAIN', message, hint: 'sign out where you no longer work, then sign in again' });
}
