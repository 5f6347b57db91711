/**
 * A refusal in the cloud's own terms. Faults are values, not exceptions: they are ordinary answers of a cloud.
 * @module
 */

/** The word that every error message of the sandbox ends with, so that nobody mistakes it for AWS. */
export const SANDBOX_MARK = '(jit sandbox, not AWS)';

/** One refusal: the AWS error code, its HTTP status and a message that never holds a secret. */
export interface Fault {
  readonly fault: string;
  readonly status: number;
  readonly message: string;
}

/** @param code an error code that AWS documents for the call. */
export function fault(code: string, status: number, message: string): Fault {
  return { fault: code, status, message };
}

/** Tells a refusal from a result. Results never have a member called `fault`. */
export function isFault(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && 'fault' in value;
}

/** `ValidationError`, the Query APIs' answer to a parameter that breaks a documented constraint. */
export function invalidParameter(message: string): Fault {
  return fault('ValidationError', 400, message);
}

/** `MalformedPolicyDocument`, with the reason that AWS leaves out. */
export function malformedPolicy(reason: string): Fault {
  return fault('MalformedPolicyDocument', 400, `Syntax errors in policy: ${reason}.`);
}

/** `NotImplemented`: the sandbox has no such feature, and ignoring the request for it would be a lie. */
export function notImplemented(what: string): Fault {
  return fault('NotImplemented', 501, `${what} is not implemented.`);
}
