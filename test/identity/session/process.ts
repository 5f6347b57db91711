/**
 * One real process that makes a call with the session in a file, and may be killed at a certain point of it.
 * Run as: node process.ts BROKER FOLDER AHEAD_MS [begun | answered | stored]
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openClient } from '../../../src/client/client.ts';
import { parseBrokerUrl } from '../../../src/client/ref.ts';
import { asJitError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { SecretStore } from '../../../src/identity/secrets/store.ts';
import { openSession } from '../../../src/identity/session/session.ts';

/** A store that other processes see: one file for each secret. Only for tests: it encrypts nothing. */
export function folderStore(folder: string, onSet: (text: string, step: 'before' | 'after') => void): SecretStore {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fileOf = (name: string): string => join(folder, Buffer.from(name).toString('base64url'));
  return {
    label: 'a folder',
    get: async (name) => {
      try {
        return new Secret(readFileSync(fileOf(name), 'utf8'));
      } catch {
        return null;
      }
    },
    set: async (name, secret) => {
      onSet(secret.expose(), 'before');
      const fresh = `${fileOf(name)}.${randomBytes(4).toString('hex')}`;
      writeFileSync(fresh, secret.expose(), { mode: 0o600 });
      renameSync(fresh, fileOf(name));
      onSet(secret.expose(), 'after');
    },
    delete: async (name) => rmSync(fileOf(name), { force: true }),
  };
}

async function main([address = '', folder = '', aheadMs = '0', point = '']: readonly string[]): Promise<number> {
  const ref = parseBrokerUrl(address, 'work');
  const now = (): number => Date.now() + Number(aheadMs);
  const store = folderStore(join(folder, 'keychain'), (text, step) => {
    const begun = /"renewal":"begun"/.test(text);
    const here = begun ? 'begun' : step === 'before' ? 'answered' : 'stored';
    if (here === point && (step === 'after' || point === 'answered')) process.kill(process.pid, 'SIGKILL');
  });
  const empty: SecretStore = {
    label: 'nothing',
    get: async () => null,
    set: async () => undefined,
    delete: async () => undefined,
  };
  const session = openSession({
    ref,
    keychain: async () => store,
    memory: async () => empty,
    openClient: (authorizer) => openClient(ref, { userAgent: 'test', authorizer }),
    locks: join(folder, 'locks'),
    now,
    random: (bytes) => randomBytes(bytes),
    refreshIdp: async () => {
      throw new TypeError('not in this test');
    },
    note: () => undefined,
    workloads: {
      detect: async () => [],
      lookedFor: [],
      restore: () => {
        throw new TypeError('not in this test');
      },
    },
  });
  const client = openClient(ref, { userAgent: 'test', authorizer: session });
  try {
    await client.grants({ live: true });
    return 0;
  } catch (thrown) {
    const error = asJitError(thrown);
    process.stderr.write(`${error.message}\n`);
    return error.facts.exit;
  } finally {
    client.close();
  }
}

if (process.argv[1] === import.meta.filename) process.exitCode = await main(process.argv.slice(2));
