/**
 * The claims of a token (RFC 7519), read one by one with what each must be.
 * @module
 */
import { display } from '../../core/display.ts';
import { refused } from './refusal.ts';

/** A map, so that no name of a claim means anything to the language. */
export type Claims = ReadonlyMap<string, unknown>;

export const MOST_GROUPS = 200;
export const LONGEST_GROUP = 256;
const LONGEST_TEXT = 2_048;
const LONGEST_NAME = 256;
/** The end of the year 9999, in seconds. */
const LATEST = 253_402_300_799;

export function claimsOf(value: object): Claims {
  return new Map(Object.entries(value));
}

/** Whether text can be compared, stored and shown: no control, invisible or lone surrogate characters. */
export function isPlain(text: string, longest: number): boolean {
  return text !== '' && text.length <= longest && display(text, longest) === text;
}

/** Null without the claim. Throws `ERR_NOT_SIGNED_IN` where it is not plain text of at most 2048 characters. */
export function textClaim(claims: Claims, name: string): string | null {
  const value = claims.get(name);
  if (value === undefined) return null;
  if (typeof value !== 'string' || !isPlain(value, LONGEST_TEXT)) throw refused(`the claim ${name} is not plain text`);
  return value;
}

/** Throws `ERR_NOT_SIGNED_IN` without the claim as well. */
export function demandText(claims: Claims, name: string): string {
  const value = textClaim(claims, name);
  if (value === null) throw refused(`there is no claim ${name}`);
  return value;
}

/** A NumericDate (RFC 7519 section 2) as epoch ms; null without the claim. Throws `ERR_NOT_SIGNED_IN` for anything else. */
export function timeClaim(claims: Claims, name: string): number | null {
  const value = claims.get(name);
  if (value === undefined) return null;
  if (typeof value !== 'number' || !(value >= 0 && value <= LATEST)) throw refused(`the claim ${name} is not a time`);
  return Math.floor(value * 1_000);
}

function listOf(value: unknown): readonly unknown[] {
  // Safe: it is a list, of whatever.
  return Array.isArray(value) ? (value as readonly unknown[]) : [value];
}

/** Throws `ERR_NOT_SIGNED_IN` unless the audience is this one and no other. */
export function demandAudience(claims: Claims, audience: string): void {
  const value = claims.get('aud');
  const [only, ...others] = listOf(value);
  if (only !== audience || others.length > 0) throw refused('it is for another audience, or for others too');
}

/**
 * Groups from one claim: a list of texts, or one text. None without the claim.
 * Throws `ERR_NOT_SIGNED_IN` for anything else, for too many or too long ones, and where the provider says that they are
 * elsewhere (OpenID Connect Core 5.6.2, as Microsoft Entra does for more than 200): what is left out could be what a policy forbids.
 */
export function groupsClaim(claims: Claims, name: string): readonly string[] {
  const elsewhere = claims.get('_claim_names');
  if (typeof elsewhere === 'object' && elsewhere !== null && Object.hasOwn(elsewhere, name)) {
    throw refused(`the claim ${name} is too long for the token`);
  }
  const value = claims.get(name);
  if (value === undefined) return [];
  const list = listOf(value);
  if (list.length > MOST_GROUPS) throw refused(`the claim ${name} has more than ${MOST_GROUPS} groups`);
  const groups = list.map((group) => {
    if (typeof group === 'string' && isPlain(group, LONGEST_GROUP)) return group;
    throw refused(`the claim ${name} is not a list of groups`);
  });
  return [...new Set(groups)];
}

/** A name to show: the first usable one, cut to 256 characters. */
export function displayName(...choices: readonly [...unknown[], string]): string {
  const usable = choices.find((each) => typeof each === 'string' && isPlain(each, LONGEST_NAME));
  const last = choices.at(-1);
  return String(usable ?? last)
    .slice(0, LONGEST_NAME)
    .toWellFormed();
}

export type Scalar = string | number | boolean;

/** Throws `ERR_NOT_SIGNED_IN` unless each claim has one of its values, or is a list with one of them. Types count: `true` is not `"true"`. */
export function demandClaims(claims: Claims, required: Readonly<Record<string, readonly Scalar[]>>): void {
  for (const [name, allowed] of Object.entries(required)) {
    const value = claims.get(name);
    const values = listOf(value);
    if (!allowed.some((each) => values.includes(each))) throw refused(`the claim ${name} is not as required`);
    if (name === 'email') demandVerifiedEmail(claims);
  }
}

/** An address that nobody has verified is whatever somebody typed. Some providers write the boolean as text. */
export function demandVerifiedEmail(claims: Claims): void {
  const verified = claims.get('email_verified');
  if (verified !== true && verified !== 'true') throw refused('the e-mail address is not verified');
}
