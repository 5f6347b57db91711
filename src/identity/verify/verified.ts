/**
 * What a proof of identity comes to once it has been checked.
 * @module
 */
import type { Principal } from '../../core/principal.ts';
import type { Secret } from '../../core/secret.ts';
import type { TokenType } from '../../wire/sessions.ts';

export interface Assertion {
  readonly type: TokenType;
  readonly token: Secret<string>;
}

export interface Verified {
  /** The configured identity provider that vouches. */
  readonly provider: string;
  /** With `actsFor` where the proof itself says so by `act`. */
  readonly principal: Principal;
  /** Epoch ms at which the identity provider vouched. */
  readonly issuedAt: number;
  /** Epoch ms at which the proof stops being one. */
  readonly until: number;
  /** The proof's own name, so that it is taken once: base64url SHA-256 of its issuer and `jti`, or of itself without one. */
  readonly once: string;
  /** The `nonce` claim, which ties an ID token to a sign-in and through it to a key; null without one. */
  readonly nonce: string | null;
  /** `fixed`: the proof is handed out once for a whole job or file, so that no newer one can be asked for. */
  readonly renewal: 'on demand' | 'fixed';
}

export interface Verifier {
  /**
   * @param binding what a proof that covers the call itself must cover, such as the key of the new session.
   * Throws `ERR_NOT_SIGNED_IN` for every fault of the proof, always with the same message so that nothing can be probed
   * (the reason is in `cause`, for the log), and `ERR_IDENTITY_PROVIDER` where the keys to check with cannot be had.
   */
  verify(assertion: Assertion, binding: Binding): Promise<Verified>;
}

export interface Binding {
  /** RFC 7638 thumbprint of the DPoP key, base64url SHA-256. */
  readonly keyThumbprint: string;
  /** The nonce of the broker that the DPoP proof of the same call carried. */
  readonly nonce: string;
  /** `coveredBody` of the body that carries the proof. */
  readonly body: string;
}
