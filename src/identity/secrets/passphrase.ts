/**
 * Where the passphrase of the file of secrets comes from: a file that somebody made for it, or a person.
 * @module
 */
import { isAbsolute } from 'node:path';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { openOwnFile } from '../../local/atomic.ts';
import { shellWord } from '../../local/fault.ts';
import { ownUid } from '../../local/private-dir.ts';

/**
 * Asks a person, on the terminal and without echo. `new`: there is no file yet, so whoever asks should ask twice.
 * Rejects where the person gives up.
 */
export type AskPassphrase = (use: 'new' | 'known') => Promise<Secret<string>>;

/** One source of passphrases. Throws `ERR_KEYCHAIN`. */
export interface PassphraseSource {
  /** What messages call it. */
  readonly from: string;
  read(use: 'new' | 'known'): Promise<Secret<string>>;
}

const VARIABLE = 'JIT_SECRET_PASSPHRASE_FILE';
const SHORTEST = 12;
const LONGEST_FILE = 4_096;

/** @param ask null where there is no terminal. Throws `ERR_KEYCHAIN` where neither is to be had, or the variable is relative. */
export function passphraseSource(
  env: Readonly<Record<string, string | undefined>>,
  ask: AskPassphrase | null,
): PassphraseSource {
  const path = env[VARIABLE] ?? '';
  if (path !== '') {
    if (!isAbsolute(path)) {
      throw refusal(
        `${VARIABLE} is not an absolute path: ${display(path, 200)}`,
        'nothing is read from the current directory',
      );
    }
    return { from: display(path), read: () => readFile(path) };
  }
  if (ask !== null)
    return { from: 'your passphrase', read: async (use) => checked(await ask(use), use, 'the passphrase') };
  throw refusal(
    'the file of secrets needs a passphrase, and there is no terminal to ask for it',
    `make one with: (umask 077; openssl rand -base64 32 >~/.jit-passphrase), then set ${VARIABLE} to its absolute path`,
  );
}

async function readFile(path: string): Promise<Secret<string>> {
  const file = await openOwnFile(path, LONGEST_FILE);
  if (file === null) {
    throw refusal(
      `${VARIABLE} names a file that is not there: ${display(path)}`,
      `make it with: (umask 077; openssl rand -base64 32 >${shellWord(path)})`,
    );
  }
  await file.handle.close();
  if (ownUid() !== null && (file.mode & 0o077) !== 0) {
    throw refusal(`${display(path)}: open to other users`, `close it with: chmod 600 ${shellWord(path)}`);
  }
  // Editors and echo end a file with a new line that nobody would type on a terminal.
  const text = file.bytes.toString('utf8').replace(/[\r\n]+$/, '');
  return checked(new Secret(text), 'new', display(path));
}

function checked(passphrase: Secret<string>, use: 'new' | 'known', what: string): Secret<string> {
  if (use === 'new' && passphrase.expose().length < SHORTEST) {
    throw refusal(`${what} has less than ${SHORTEST} characters`, 'make a better one with: openssl rand -base64 32');
  }
  return passphrase;
}

function refusal(message: string, hint: string): JitError {
  return new JitError({ code: 'ERR_KEYCHAIN', message, hint });
}
