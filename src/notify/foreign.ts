/**
 * Text that somebody else typed, made harmless for chat and mail, where programs turn words into links by themselves.
 * @module
 */
import { display } from '../core/display.ts';

/** Every character that a resolver of names takes for a dot (UTS 46, section 2.3). */
const DOT = /(?<=[\p{L}\p{N}_-])[.\u3002\uff0e\uff61](?=\p{L}[\p{L}\p{N}-])|(?<=www)[.\u3002\uff0e\uff61]/giu;
const SCHEME = /:(?=\/)|(?<=(?:mailto|tel|sms|callto|skype|sip|im|data|javascript|vbscript|msteams|slack|file)):/giu;
/** Two in a row begin the name of a Windows share. */
const SHARE = /\\(?=\\)/g;

/**
 * One line without anything that a client would make a link of by itself: `https://evil.example` becomes
 * `https[:]//evil[.]example`. Controls and invisible characters are escaped, as on a terminal. It says nothing about the markup of
 * a medium: that is never given a text like this as markup.
 * @param limit characters of the original that are kept; a longer text says how many were left out.
 */
export function foreign(text: string, limit = 300): string {
  return display(text, limit).replace(SHARE, '[\\]').replace(SCHEME, '[:]').replace(DOT, '[$&]');
}

/** Whether `foreign` with that limit says all of it. */
export function isWhole(text: string, limit = 300): boolean {
  return Array.from(text).length <= limit;
}
