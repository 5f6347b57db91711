/**
 * Takes the identity provider's refresh token back, RFC 7009. The browser's own session there is the person's, and stays.
 * @module
 */
import type { JitError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { asProviderFault } from './faults.ts';
import { ANSWER_WITHIN_MS } from './fetch.ts';
import { type SignInContext, connect } from './provider.ts';

export interface SignOutContext extends SignInContext {
  readonly refreshToken: Secret<string>;
}

/** `not offered`: the token lives on at the provider until it ends by itself. */
export type SignedOut =
  | { readonly kind: 'revoked' }
  | { readonly kind: 'not offered' }
  | { readonly kind: 'failed'; readonly why: JitError };

/** Never rejects, and takes 10 s at most: somebody who signs out is not kept from it by a provider that is away. */
export async function revokeAtProvider(context: SignOutContext): Promise<SignedOut> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
  try {
    const { oidc, config } = await connect({ ...context, signal });
    if (config.serverMetadata().revocation_endpoint === undefined) return { kind: 'not offered' };
    await oidc.tokenRevocation(config, context.refreshToken.expose(), { token_type_hint: 'refresh_token' });
    return { kind: 'revoked' };
  } catch (thrown) {
    return { kind: 'failed', why: asProviderFault(thrown, context) };
  }
}
