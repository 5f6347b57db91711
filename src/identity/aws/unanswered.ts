/**
 * That STS could not be asked. Faults of the proof itself are refused as every other proof is, see src/identity/verify.
 * @module
 */
import { JitError } from '../../core/errors.ts';

/** Or did not answer as STS does: says nothing about the proof. @param reason for the operator's log only. */
export function unanswered(region: string, reason: string): JitError {
  return new JitError({
    code: 'ERR_IDENTITY_PROVIDER',
    message: `the identity could not be checked with aws sts in ${region}`,
    hint: 'try again in a moment',
    cause: new Error(reason),
  });
}
