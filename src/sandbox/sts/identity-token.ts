/**
 * Web identity tokens: verified for real, then read for what AWS reads in them.
 * Source: STS API reference, AssumeRoleWithWebIdentity; IAM user guide, "Pass session tags in AWS STS".
 * @module
 */
import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet, JWTPayload } from 'jose';
import { z } from 'zod';
import { fault } from '../fault.ts';
import type { Fault } from '../fault.ts';
import type { SessionTag } from '../session.ts';
import type { TrustedIssuer } from '../world.ts';

/** An issuer that the account knows, with the keys that it signs with. */
export interface IssuerKeys extends TrustedIssuer {
  readonly jwks: JSONWebKeySet;
}

/** What a good token says. */
export interface IdentityToken {
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
  readonly tags: readonly SessionTag[];
  readonly sourceIdentity: string | undefined;
}

/** Verifies a token. `now` is epoch milliseconds. */
export type TokenVerifier = (token: string, now: number) => Promise<IdentityToken | Fault>;

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];
const TAGS_CLAIM = 'https://aws.amazon.com/tags';
const SOURCE_CLAIM = 'https://aws.amazon.com/source_identity';

// A value may stand alone or in a list of one: identity providers write both.
const TAG_VALUE = z.union([z.string(), z.tuple([z.string()]).transform(([value]) => value)]);
const TAGS = z.strictObject({
  principal_tags: z.record(z.string(), TAG_VALUE).default({}),
  transitive_tag_keys: z.array(z.string()).default([]),
});

function invalidToken(message: string): Fault {
  return fault('InvalidIdentityToken', 400, message);
}

function malformed(): Fault {
  return invalidToken('The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)');
}

function claimsOf(token: string): JWTPayload | null {
  try {
    return decodeJwt(token);
  } catch {
    return null;
  }
}

/** Reads the tags claim. Keys are compared without regard to case. */
function readTags(claim: unknown): readonly SessionTag[] | Fault {
  if (claim === undefined) return [];
  const outcome = TAGS.safeParse(claim);
  // A record drops this name without a word, and a tag must not vanish.
  const vanishing = JSON.stringify(claim).includes('"__proto__"');
  if (!outcome.success || vanishing) return invalidToken(`The ${TAGS_CLAIM} claim does not have the documented form.`);
  const { principal_tags: tags, transitive_tag_keys: keys } = outcome.data;
  const transitive = new Set(keys.map((key) => key.toLowerCase()));
  const list = Object.entries(tags).map(([key, value]) => ({
    key,
    value,
    transitive: transitive.has(key.toLowerCase()),
  }));
  const known = new Set(list.map(({ key }) => key.toLowerCase()));
  if ([...transitive].some((key) => !known.has(key))) {
    return fault(
      'InvalidParameterValue',
      400,
      'The specified transitive tag key must be included in the requested tags.',
    );
  }
  return list;
}

function verificationFault(error: unknown, claims: JWTPayload, now: number): Fault {
  if (error instanceof errors.JWTExpired) {
    const message = `Token expired: current date/time ${Math.floor(now / 1_000)} must be before the expiration date/time ${String(claims.exp)}`;
    return fault('ExpiredTokenException', 400, message);
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.claim === 'aud'
      ? invalidToken('Incorrect token audience')
      : invalidToken(`The token's ${error.claim} claim is missing or not acceptable.`);
  }
  return invalidToken('The signature of the token could not be verified with the keys of its issuer.');
}

/** Prepares the keys of every issuer once; jose keeps each imported key. */
export function tokenVerifier(issuers: readonly IssuerKeys[]): TokenVerifier {
  const known = issuers.map((one) => ({ ...one, keys: createLocalJWKSet(one.jwks) }));
  return async (token, now) => {
    const claims = claimsOf(token);
    if (claims === null || typeof claims.iss !== 'string') return malformed();
    const named = known.filter(({ issuer }) => issuer === claims.iss);
    if (named.length === 0) {
      return invalidToken(`No OpenIDConnect provider found in your account for ${claims.iss.slice(0, 256)}`);
    }
    const audience = Array.isArray(claims.aud) && claims.aud.length === 1 ? claims.aud[0] : claims.aud;
    const match = named.find((one) => one.audience === audience);
    if (match === undefined) return invalidToken('Incorrect token audience');
    try {
      const { payload } = await jwtVerify(token, match.keys, {
        algorithms: ALGORITHMS,
        issuer: match.issuer,
        audience: match.audience,
        currentDate: new Date(now),
        requiredClaims: ['exp', 'iat', 'sub'],
      });
      return described(payload, match);
    } catch (error) {
      return verificationFault(error, claims, now);
    }
  };
}

function described(payload: JWTPayload, match: TrustedIssuer): IdentityToken | Fault {
  const tags = readTags(payload[TAGS_CLAIM]);
  if ('fault' in tags) return tags;
  const source = payload[SOURCE_CLAIM];
  if (source !== undefined && typeof source !== 'string')
    return invalidToken(`The ${SOURCE_CLAIM} claim is not a text.`);
  const { issuer, audience } = match;
  return { issuer, audience, subject: payload.sub ?? '', tags, sourceIdentity: source };
}
