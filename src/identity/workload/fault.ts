/**
 * What a source says when it has no proof to give. Foreign words in it are short, harmless to print and hold no secret.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';

/** Something is missing or wrong on this side, or whoever vouches says no. */
export function notSignedIn(message: string, hint: string): JitError {
  return new JitError({ code: 'ERR_NOT_SIGNED_IN', message, hint });
}

/** Whoever vouches cannot be reached, is late, or answers something that cannot be used: the same may work later. */
export function noAnswer(label: string, what: string): JitError {
  return new JitError({
    code: 'ERR_IDENTITY_PROVIDER',
    message: `no proof of identity from ${label}: ${what}`,
    hint: 'try again; name another source with --as if this machine has one',
  });
}

// A signed token, whole or cut off, and any other run of characters that is long enough to be a key.
const SECRETS = /\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}|[\w+/=-]{48,}/g;

/** One line of what a server or a library says, without anything in it that may be a secret. */
export function said(text: string): string {
  const [line = ''] = text.trim().split('\n', 1);
  return display(line.replaceAll(SECRETS, '[secret]'), 300).replace(/[.\s]+$/, '');
}
