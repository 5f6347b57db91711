/**
 * Secrets in the keychain of the operating system: Secret Service, macOS Keychain, Windows Credential Manager.
 *
 * keytar stores and deletes, and on macOS and Windows it reads, each time in a process that can be killed. Of the Secret
 * Service jit reads by itself: keytar cannot tell a locked keyring from an empty one, and a process costs ten times as much.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { ownUid } from '../../local/private-dir.ts';
import { sessionBus } from './dbus.ts';
import type { KeytarCall, KeytarOutcome } from './keytar.ts';
import { lookFor, type Question, readFrom, type Trouble } from './secret-service.ts';
import { checkName, checkSecret, isSame, type SecretStore } from './store.ts';

export interface KeychainPlace {
  /** That of this process: the keychain's own library reads it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
}

/** How long each single question to a keychain may take. A change is up to three of them. */
export const LIMIT_MS = 2_000;
/** How to do without a keychain; a hint of every message about one that is not there. */
export const USE_A_FILE =
  'to keep sessions in an encrypted file instead, set JIT_SECRET_STORE=file and JIT_SECRET_PASSPHRASE_FILE=/path/of/a/0600/file';

/** Of the 2,560 bytes that the Windows Credential Manager takes in an entry. */
const LONGEST_ON_WINDOWS = 2_400;
/** The service under which every entry of jit is filed; the account is the name. */
const SERVICE = 'jit';
const WITHOUT_DESKTOP =
  'without a desktop: gnome-keyring-daemon --replace --unlock --components=secrets, which reads the password from its stdin';

/**
 * The keychain is asked only when a secret is.
 * Throws `ERR_KEYCHAIN` at once where there cannot be one.
 */
export function openKeychain({ env, platform }: KeychainPlace): SecretStore {
  return platform === 'darwin' || platform === 'win32' ? nativeKeychain({ env, platform }) : secretService(env);
}

function secretService(env: KeychainPlace['env']): SecretStore {
  const bus = sessionBus(env);
  if ('missing' in bus) throw faultOf({ kind: 'absent', reason: bus.missing });
  const label = 'the keychain of this desktop (Secret Service)';
  const questionOf = (account: string): Question => ({
    socket: bus.socket,
    uid: ownUid() ?? 0,
    limitMs: LIMIT_MS,
    // As keytar files them.
    attributes: { service: SERVICE, account, 'xdg:schema': 'org.freedesktop.Secret.Generic' },
  });
  const call = (account: string, task: KeytarCall['task']): Promise<KeytarOutcome> =>
    callKeytar({ task, service: SERVICE, account, longest: null, env, limitMs: LIMIT_MS, late: 'kill' });

  async function get(name: string): Promise<Secret<string> | null> {
    checkName(name);
    const found = await readFrom(questionOf(name));
    if (found.kind === 'there') return found.secret;
    if (found.kind === 'nothing' || found.kind === 'no keyring') return null;
    throw faultOf(found);
  }

  return {
    label,
    get,
    set: async (name, secret) => {
      checkName(name);
      checkSecret(secret);
      // Looked at first, since keytar would ask for the password of a locked keyring in a dialog, or wait for ever.
      const found = await lookFor(questionOf(name));
      if (found.kind === 'no keyring') {
        throw fault(
          'the keychain has no default keyring',
          `make one in the desktop's password program; ${WITHOUT_DESKTOP}`,
        );
      }
      if (found.kind !== 'there' && found.kind !== 'nothing') throw faultOf(found);
      afterCall(await call(name, { op: 'set', secret }), 'linux');
      if (!isSame(await get(name), secret)) throw notKept();
    },
    delete: async (name) => {
      checkName(name);
      const found = await lookFor(questionOf(name));
      if (found.kind === 'nothing' || found.kind === 'no keyring') return;
      if (found.kind !== 'there') throw faultOf(found);
      afterCall(await call(name, { op: 'delete' }), 'linux');
      if ((await get(name)) !== null) throw notGone();
    },
  };
}

function nativeKeychain({ env, platform }: KeychainPlace): SecretStore {
  const call = async (account: string, task: KeytarCall['task']): Promise<Secret<string> | null> => {
    checkName(account);
    // The macOS Keychain asks in a dialog when Node itself has changed since the entry was made.
    const late = platform === 'darwin' ? 'leave' : 'kill';
    const longest = platform === 'win32' ? LONGEST_ON_WINDOWS : null;
    const entry = { service: SERVICE, account, longest };
    return afterCall(await callKeytar({ ...entry, task, env, limitMs: LIMIT_MS, late }), platform);
  };
  return {
    label: platform === 'darwin' ? 'the macOS Keychain' : 'the Windows Credential Manager',
    get: (name) => call(name, { op: 'get' }),
    set: async (name, secret) => {
      checkSecret(secret);
      if (!isSame(await call(name, { op: 'set', secret }), secret)) throw notKept();
    },
    delete: async (name) => {
      if ((await call(name, { op: 'delete' })) !== null) throw notGone();
    },
  };
}

// Loaded late: reading, which most commands do, goes without it on Linux.
async function callKeytar(call: KeytarCall): Promise<KeytarOutcome> {
  return await (await import('./keytar.ts')).callKeytar(call);
}

/** What is stored after a call of keytar. Throws `ERR_KEYCHAIN`. */
function afterCall(outcome: KeytarOutcome, platform: NodeJS.Platform): Secret<string> | null {
  switch (outcome.kind) {
    case 'done':
      return outcome.value;
    case 'silent':
      throw silent(platform);
    case 'not installed':
      throw fault(
        'keytar, through which jit stores secrets in the keychain, is not installed or lacks a library',
        platform === 'linux'
          ? `install libsecret (Debian and Ubuntu: apt-get install libsecret-1-0), and jit with its optional dependencies; ${USE_A_FILE}`
          : `install jit again, with its optional dependencies; ${USE_A_FILE}`,
      );
    case 'crashed':
      throw fault('keytar, through which jit uses the keychain, has crashed', USE_A_FILE);
    case 'refused':
      // errSecInteractionNotAllowed in Apple's words, in a session without a screen.
      if (/interaction is not allowed/i.test(outcome.message)) throw locked('security unlock-keychain');
      throw fault(`the keychain refuses: ${display(outcome.message, 200)}`, USE_A_FILE);
  }
}

function faultOf(trouble: Trouble): JitError {
  switch (trouble.kind) {
    case 'absent':
      return new JitError({
        code: 'ERR_NO_KEYCHAIN',
        message: `this machine has no keychain: ${trouble.reason}`,
        hint: USE_A_FILE,
      });
    case 'locked':
      return locked(`the desktop's password program; ${WITHOUT_DESKTOP}`);
    case 'silent':
      return silent('linux');
    case 'broken':
      return fault(`the keychain cannot be used: ${display(trouble.reason, 200)}`, USE_A_FILE);
  }
}

function locked(how: string): JitError {
  return fault('the keychain is locked', `unlock it with: ${how}`);
}

function silent(platform: NodeJS.Platform): JitError {
  return fault(
    `the keychain did not answer within ${LIMIT_MS / 1_000}s`,
    platform === 'darwin'
      ? 'if it shows a dialog, choose "Always Allow" there; then repeat the command'
      : `log out of the desktop and in again, or end the keyring's process; ${USE_A_FILE}`,
  );
}

function notKept(): JitError {
  return fault('the keychain did not keep what was stored in it', USE_A_FILE);
}

function notGone(): JitError {
  return fault('the keychain still has what was deleted from it', 'delete the entries of jit in the password program');
}

function fault(message: string, hint: string): JitError {
  return new JitError({ code: 'ERR_KEYCHAIN', message, hint });
}
