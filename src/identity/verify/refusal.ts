/**
 * How a proof of identity is refused: to whoever sent it always in the same words.
 * @module
 */
import { JitError } from '../../core/errors.ts';

/** @param reason for the operator's log only; it never holds the proof. */
export function refused(reason: string): JitError {
  return new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message: 'that does not prove an identity that this broker knows',
    hint: 'sign in with: jit login',
    cause: new Error(reason),
  });
}

/** The keys to check with cannot be had. @param detail for the log. */
export function unavailable(detail: string, cause?: unknown): JitError {
  return new JitError({
    code: 'ERR_IDENTITY_PROVIDER',
    message: 'the keys of the identity provider cannot be had, so nothing can be checked with them',
    hint: 'try again in a minute; the log of the broker says what is wrong',
    cause: new Error(detail, { cause }),
  });
}

/** What was wrong, as the log should have it: the detail of an error of ours, the message of any other. */
export function detailOf(thrown: unknown): string {
  if (thrown instanceof JitError && thrown.cause instanceof Error) return thrown.cause.message;
  return thrown instanceof Error ? thrown.message : String(thrown);
}
