/**
 * What a sign-in comes to.
 * @module
 */
import type { TokenEndpointResponse, TokenEndpointResponseHelpers } from 'openid-client';
import { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { misconfigured, nameOf } from './faults.ts';
import type { SignInContext } from './provider.ts';

export interface SignedIn {
  /** The proof of identity for the broker; its claims have been checked. */
  readonly idToken: Secret<string>;
  /** Of the identity provider, never for the broker. Null where it gives none, so that each renewal needs the person. */
  readonly refreshToken: Secret<string> | null;
  /** The `iss` claim. */
  readonly issuer: string;
  /** The `sub` claim. */
  readonly subject: string;
  /** Epoch ms at which the ID token stops being one. */
  readonly expiresAt: number;
}

/** What a broker takes, see src/wire/sessions.ts. */
const LONGEST_TOKEN = 16_384;

/** The access token is dropped: nobody is called with it. Throws `ERR_IDENTITY_PROVIDER` without an ID token, `ERR_CONFIG` where one is too long. */
export function signedIn(
  reply: TokenEndpointResponse & TokenEndpointResponseHelpers,
  context: SignInContext,
): SignedIn {
  const who = nameOf(context.provider);
  const claims = reply.claims();
  if (reply.id_token === undefined || claims === undefined) {
    throw new JitError({ code: 'ERR_IDENTITY_PROVIDER', message: `${who} gave no ID token` });
  }
  const [idToken, refreshToken] = [new Secret(reply.id_token), reply.refresh_token];
  if (reply.id_token.length > LONGEST_TOKEN || (refreshToken?.length ?? 0) > LONGEST_TOKEN) {
    throw misconfigured(`${who} gave a token of more than ${LONGEST_TOKEN} characters: too many groups?`, context);
  }
  return {
    idToken,
    refreshToken: refreshToken === undefined ? null : new Secret(refreshToken),
    issuer: claims.iss,
    subject: claims.sub,
    expiresAt: claims.exp * 1_000,
  };
}
