/**
 * Every configured kind of proof of identity behind one verifier.
 * @module
 */
import { JitError } from '../core/errors.ts';
import type { Verifier } from '../identity/verify/verified.ts';
import type { TokenType } from '../wire/sessions.ts';

/** A kind of proof without a verifier proves nothing here. */
export function verifierByType(byType: ReadonlyMap<TokenType, Verifier>): Verifier {
  return {
    verify: async (assertion, binding) => {
      const verifier = byType.get(assertion.type);
      if (verifier !== undefined) return verifier.verify(assertion, binding);
      throw new JitError({
        code: 'ERR_NOT_SIGNED_IN',
        message: 'that does not prove an identity that this broker knows',
        hint: 'sign in with: jit login',
      });
    },
  };
}
