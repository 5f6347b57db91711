/**
 * A fresh ID token without the person: the identity provider says once more who it is, or that it does not vouch any more.
 * @module
 */
import type { Secret } from '../../core/secret.ts';
import { asProviderFault } from './faults.ts';
import { providerFetch } from './fetch.ts';
import { type SignInContext, connect } from './provider.ts';
import { type SignedIn, signedIn } from './tokens.ts';

export interface RefreshContext extends SignInContext {
  /** The latest that the provider gave. */
  readonly refreshToken: Secret<string>;
}

export interface Refreshed extends SignedIn {
  /** To be kept in place of the one that was used; the same where the provider does not rotate. */
  readonly refreshToken: Secret<string>;
}

/**
 * The refresh grant, https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokens.
 * Throws `ERR_NOT_SIGNED_IN` with the command that signs in where the provider does not vouch any more,
 * `ERR_IDENTITY_PROVIDER`, `ERR_CONFIG`. The signal counts until the token has been sent: an answer that nobody reads
 * would take the next token with it, and the whole sign-in where the provider notices reuse.
 */
export async function refreshSignIn(context: RefreshContext): Promise<Refreshed> {
  const { refreshToken, signal } = context;
  const { oidc, config, issuer } = await connect(context);
  try {
    signal.throwIfAborted();
    config[oidc.customFetch] = providerFetch(issuer, null);
    // The signature is left to the broker: fetching the keys could fail, and take the next token with it.
    const reply = await oidc.refreshTokenGrant(config, refreshToken.expose());
    const result = signedIn(reply, context);
    return { ...result, refreshToken: result.refreshToken ?? refreshToken };
  } catch (thrown) {
    throw asProviderFault(thrown, context);
  }
}
