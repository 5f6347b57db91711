/**
 * Which kind of token a JWT is: signatures alone do not tell an ID token from an access token (RFC 8725 section 3.11).
 * @module
 */
import { type Claims, textClaim } from './claims.ts';
import type { ProviderConfig } from './config.ts';
import { refused } from './refusal.ts';
import type { Token } from './token.ts';

/** JWT-SVID sections 2 and 2.3: no header but these, and the type in capitals. */
const SPIFFE_HEADERS = new Set(['alg', 'kid', 'typ']);

/** Throws `ERR_NOT_SIGNED_IN` for a token of another kind than the entry is about. */
export function demandKind(config: ProviderConfig, { header, claims }: Token): void {
  const type = textClaim(header, 'typ');
  switch (config.type) {
    case 'spiffe':
      if (![null, 'JWT', 'JOSE'].includes(type)) throw refused('it is not of the type of a JWT-SVID');
      if (![...header.keys()].every((name) => SPIFFE_HEADERS.has(name))) throw refused('no JWT-SVID has that header');
      break;
    case 'oidc':
      demandType(type, ['jwt']);
      demandIdToken(claims);
      break;
    case 'jwt':
      // Whoever has no better way gets an access token (RFC 9068) that is made for this broker.
      demandType(type, ['jwt', 'at+jwt']);
      break;
    case 'github':
    case 'gitlab':
    case 'kubernetes':
    case 'azure':
    case 'google':
      demandType(type, ['jwt']);
      break;
  }
  // Security events and logout tokens (RFC 8417 section 2.2, OpenID Connect Back-Channel Logout 2.4) tell of somebody, they are not from them.
  if (claims.has('events')) throw refused('it tells of an event');
}

/** The prefix may be left out (RFC 7515 section 4.1.9), and media types ignore case. */
function demandType(type: string | null, accepted: readonly string[]): void {
  if (type === null) return;
  const short = type.toLowerCase().replace(/^application\//, '');
  if (!accepted.includes(short)) throw refused('it is of another type');
}

/** Where a provider says in the claims what a token is, it has to be an ID token: Keycloak by `typ`, Cognito by `token_use`, Microsoft and Okta by `scp`. */
function demandIdToken(claims: Claims): void {
  const says = [claims.get('typ') ?? 'ID', claims.get('token_use') ?? 'id'];
  if (says[0] !== 'ID' || says[1] !== 'id' || claims.has('scp')) throw refused('it is not an ID token');
}
