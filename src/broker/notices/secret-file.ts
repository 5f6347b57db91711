/**
 * Secrets of the configuration, read from files that only the broker can read.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { readPrivateFile } from '../../local/private-file.ts';
import type { Rotating } from '../../outbound/rotating.ts';

const LARGEST = 8_192;
const ONE_LINE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * One line of printable ASCII; the line end behind it is not part of it. Links are followed, as in a mounted volume. Throws
 * `ERR_CONFIG` for a file that is missing, others can read, belongs to another user than this one or root, or holds anything else.
 */
export async function readSecretFile(file: string): Promise<Secret<string>> {
  const { bytes } = await readPrivateFile(file, { maxBytes: LARGEST, closed: 'read' });
  const text = bytes.toString('latin1').replace(/\r?\n$/, '');
  if (!ONE_LINE.test(text)) {
    throw new JitError({ code: 'ERR_CONFIG', message: `${file}: one line of printable ASCII is needed` });
  }
  return new Secret(text);
}

/** A secret as the configuration names it: the file, and until when it is used, epoch ms; for ever if left out. */
export interface NamedSecret {
  readonly file: string;
  readonly until?: number | undefined;
}

/**
 * Throws as `readSecretFile`, and what `read` throws.
 * @param beside makes a path of the configuration absolute.
 * @param read checks the form of each secret; `where` is for its message.
 */
export async function readSecretFiles<T>(
  list: readonly NamedSecret[],
  beside: (file: string) => string,
  read: (text: Secret<string>, where: string) => Secret<T>,
): Promise<readonly Rotating<T>[]> {
  const found: Rotating<T>[] = [];
  for (const { file, until = null } of list) {
    found.push({ secret: read(await readSecretFile(beside(file)), beside(file)), until });
  }
  return found;
}
