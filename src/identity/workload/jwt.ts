/**
 * A first look at a signed token before it leaves the machine. It proves nothing, since no signature is checked here, but it
 * keeps a token that is good elsewhere from being handed to a broker, and says what the broker's one answer cannot.
 * @module
 */
import { display } from '../../core/display.ts';
import type { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { notSignedIn } from './fault.ts';

/** Characters of a token, as the broker takes them. */
export const LONGEST_TOKEN = 16_384;
/** How far clocks may differ before a token counts as over. */
const SKEW_MS = 60_000;

export interface TokenRules {
  /** What the token is, such as `the token in JIT_ID_TOKEN`. */
  readonly what: string;
  /** The only audience that it may have; null where whoever issued it names its audiences otherwise. */
  readonly audience: string | null;
  /** Epoch ms. */
  readonly now: number;
  /** How to get a good one. */
  readonly hint: string;
}

/** Throws `ERR_NOT_SIGNED_IN` for what is no JWT in compact form (RFC 7519), is for anybody else, or is over. */
export function readToken(text: string, rules: TokenRules): Secret<string> {
  const wrong = (what: string): JitError => notSignedIn(`${rules.what} ${what}`, rules.hint);
  const token = text.trim();
  if (token === '') throw wrong('is empty');
  if (token.length > LONGEST_TOKEN) throw wrong(`is longer than ${LONGEST_TOKEN} characters`);
  const claims = claimsOf(token);
  if (claims === null) throw wrong('is not a signed JSON Web Token');
  if (rules.audience !== null) {
    const audiences = audiencesOf(claims['aud']);
    if (audiences.length === 0) throw wrong('names no audience');
    const other = audiences.find((each) => each !== rules.audience);
    if (other !== undefined) {
      throw wrong(`is for ${display(other, 200)}, and this broker is ${display(rules.audience, 200)}`);
    }
  }
  const { exp } = claims;
  if (typeof exp === 'number' && exp * 1_000 + SKEW_MS <= rules.now) throw wrong('is over');
  return new Secret(token);
}

// RFC 7519 section 4.1.3: one string or a list of them.
function audiencesOf(aud: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return list.filter((each) => typeof each === 'string' && each !== '').map(String);
}

const COMPACT = /^[\w-]+\.([\w-]+)\.[\w-]+$/;

function claimsOf(token: string): Readonly<Record<string, unknown>> | null {
  const payload = COMPACT.exec(token)?.[1];
  if (payload === undefined) return null;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : null;
  } catch {
    return null;
  }
}
