/**
 * The two ways in which a proof can fail.
 * @module
 */
import { JitError } from '../../core/errors.ts';

/** A fault of the proof: the same words for each, so that nothing can be probed. @param reason for the log, never with a secret. */
export function refused(reason: string): JitError {
  return new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message: 'this proof of identity is not accepted',
    cause: new Error(reason),
  });
}

/** STS could not be asked, or did not answer as STS does: says nothing about the proof. */
export function unanswered(region: string, reason: string): JitError {
  return new JitError({
    code: 'ERR_IDENTITY_PROVIDER',
    message: `the identity could not be checked with aws sts in ${region}`,
    hint: 'try again in a moment',
    cause: new Error(reason),
  });
}
