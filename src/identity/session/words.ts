/**
 * What is said about a session: about which broker, and with the command that goes on.
 * @module
 */
import type { Refusal } from '../../client/authorizer.ts';
import { brokerWord, namedIn } from '../../client/ref.ts';
import { display } from '../../core/display.ts';
import { asJitError, JitError } from '../../core/errors.ts';
import type { SharedBroker } from './record.ts';

export function loginCommand(ref: SharedBroker, ...flags: readonly string[]): string {
  return ['jit login', brokerWord(ref), ...flags].join(' ');
}

/** @param lookedFor what of workloads was looked for in vain; empty where a person is expected. */
export function notSignedIn(ref: SharedBroker, lookedFor: readonly string[] = []): JitError {
  if (lookedFor.length === 0) return refused(ref, 'you are not signed in');
  return new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message: `nobody is signed in, and no identity of a workload was found; looked for: ${lookedFor.join('; ')}`,
    hint: `give this job one of these identities, or sign in at a terminal with: ${loginCommand(ref)}`,
    broker: namedIn(ref),
  });
}

/** @param trouble why there is no keychain, and what to set instead. */
export function notSignedInAnywhere(ref: SharedBroker, lookedFor: readonly string[], trouble: JitError): JitError {
  const found =
    lookedFor.length === 0 ? '' : `, and no identity of a workload was found; looked for: ${lookedFor.join('; ')}`;
  return new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message: `nobody is signed in: ${trouble.message}${found}`,
    hint: `${lookedFor.length === 0 ? '' : 'give this job one of these identities; or, '}${trouble.hint ?? ''}; then sign in with: ${loginCommand(ref)}`,
    broker: namedIn(ref),
    cause: trouble,
  });
}

/** The lock of a session could not be had. */
export function notAlone(ref: SharedBroker, thrown: unknown): JitError {
  const { code, message, hint } = asJitError(thrown);
  const about = `the session cannot be changed now: ${message}`;
  return new JitError({ code, message: about, hint, broker: namedIn(ref), cause: thrown });
}

export function isOfTheKeychain({ code }: JitError): boolean {
  return code === 'ERR_KEYCHAIN' || code === 'ERR_NO_KEYCHAIN';
}

/** `ERR_NOT_SIGNED_IN` with the command that signs in. */
export function refused(ref: SharedBroker, message: string, flags: readonly string[] = []): JitError {
  return new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message,
    hint: `sign in with: ${loginCommand(ref, ...flags)}`,
    broker: namedIn(ref),
  });
}

export function over(
  ref: SharedBroker,
  why: 'its time is over' | 'the broker has ended it' | 'it cannot be renewed',
): JitError {
  return refused(ref, `your session is over: ${why}`);
}

/** The broker's answer to a refresh token that was used up without its answer being stored. */
export function interruptedRenewal(ref: SharedBroker): JitError {
  return refused(
    ref,
    'your session is over: a renewal of it was cut off before its answer was stored, and a renewal works once',
  );
}

export function cannotConfirm(ref: SharedBroker, provider: string): JitError {
  return refused(
    ref,
    `the broker wants a word of ${display(provider, 256)} before each thing that it issues, and there is no way to ask for it without you: no refresh token came with the sign-in`,
    ['--force'],
  );
}

/** The broker does not go on without a word either. @param silence why there is none. */
export function notWithoutWord(
  ref: SharedBroker,
  silence: JitError,
  { title, hint }: Pick<Refusal, 'title' | 'hint'>,
): JitError {
  return new JitError({
    code: 'ERR_IDENTITY_PROVIDER',
    message: title === null ? silence.message : `${silence.message}; ${title}`,
    hint: hint ?? silence.hint,
    broker: namedIn(ref),
    cause: silence,
  });
}

export function doneWithoutWord({ message }: JitError): string {
  return `${message}: the broker found the same, so this was done without its word, and the audit log says so`;
}

/** A broker tells nobody why a proof does not hold. @param by who vouched. */
export function notTaken(ref: SharedBroker, by: string, cause: JitError): JitError {
  return new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message: `the broker does not take the identity that ${display(by, 256)} vouches for`,
    hint: "the broker's log says why; a token that is given once, to a job or in a file, also signs in once only",
    broker: namedIn(ref),
    cause,
  });
}

export function damaged(ref: SharedBroker, store: string): JitError {
  return new JitError({
    code: 'ERR_KEYCHAIN',
    message: `what ${store} holds about your session is damaged`,
    hint: `remove it, then sign in again: jit logout ${brokerWord(ref)}`,
    broker: namedIn(ref),
  });
}
