/**
 * A proof of identity, checked by whoever it is about, and tied to the key of the call that brought it.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Person, Principal } from '../../core/principal.ts';
import { Secret } from '../../core/secret.ts';
import type { Proof } from '../../identity/dpop/check.ts';
import type { Verified, Verifier } from '../../identity/verify/verified.ts';
import type { TokenType } from '../../wire/sessions.ts';
import type { Log } from '../service/log.ts';
import type { SpentProof } from '../store/sessions.ts';

export interface ProvingParts {
  readonly verifier: Verifier;
  /** Names of the providers that allow the device flow, whose ID tokens cannot be tied to a key. */
  readonly deviceProviders: ReadonlySet<string>;
  readonly log: Log;
}

/**
 * How an ID token is tied to the key. A renewed one may carry no nonce (OpenID Connect Core 12.2): what ties it is the session
 * that it is about.
 */
export type Tie = 'tied to the key' | 'tied if it has a nonce' | 'as it is';

/** A proof of identity in the body of a call. */
export interface Carried {
  readonly type: TokenType;
  readonly token: string;
  readonly tie: Tie;
  /** `coveredBody` of that body. */
  readonly body: string;
}

/** @param proof that of the call's key. Throws `ERR_NOT_SIGNED_IN` for a proof that does not hold, `ERR_IDENTITY_PROVIDER`. */
export type Prove = (carried: Carried, proof: Proof) => Promise<Verified>;

const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';

export function makeProving({ verifier, deviceProviders, log }: ProvingParts): Prove {
  /** A sign-in in a browser carries the key's thumbprint as its nonce: an ID token that was made for another key is somebody else's. */
  const isTied = ({ nonce, provider }: Verified, tie: Tie, { keyThumbprint }: Proof): boolean =>
    nonce === null ? tie !== 'tied to the key' || deviceProviders.has(provider) : nonce === keyThumbprint;

  return async ({ type, token, tie, body }, proof) => {
    const { keyThumbprint, nonce } = proof;
    try {
      const verified = await verifier.verify({ type, token: new Secret(token) }, { keyThumbprint, nonce, body });
      if (type !== ID_TOKEN || tie === 'as it is' || isTied(verified, tie, proof)) return verified;
      throw notProven(new Error('it was made for another key'));
    } catch (thrown) {
      if (thrown instanceof JitError) {
        const cause = thrown.cause instanceof Error ? thrown.cause.message : '';
        log.info('a proof of identity was refused', { code: thrown.code, cause });
      }
      throw thrown;
    }
  };
}

/** A proof is remembered somewhat longer than it counts, for clocks that differ. */
const SKEW_MS = 120_000;

/** What the store remembers of a proof that was taken. */
export function spentBy({ once, until }: Verified): SpentProof {
  return { once, until: until + SKEW_MS };
}

export function isPerson(principal: Principal): principal is Person {
  return principal.kind === 'user' && principal.actsFor === undefined;
}

/** @param cause for the log. */
export function notProven(cause?: Error): JitError {
  return new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message: 'that does not prove an identity that this broker knows',
    hint: 'sign in with: jit login',
    cause,
  });
}
