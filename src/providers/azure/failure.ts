/**
 * What a failed call to Azure means: surely nothing happened, try again, or nobody knows.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { Unanswered } from './http.ts';

/**
 * `refused`: Azure answered no. `busy`: nothing happened and it may work later. `unknown`: it may have happened.
 * `name` is Azure's own word for it, such as `AuthorizationFailed`, or the operating system's.
 */
export interface Failure {
  readonly kind: 'refused' | 'busy' | 'unknown';
  readonly name: string;
  /** Null where no answer came. */
  readonly status: number | null;
}

/** Entra ID gave the broker no token, so that the call itself was never made. */
export class NoToken extends Error {
  override readonly name = 'NoToken';
  readonly kind: 'refused' | 'busy';
  /** Such as `AADSTS700016`, or a code of the network. */
  readonly reason: string;

  constructor(kind: 'refused' | 'busy', reason: string) {
    super(`no token (${reason})`);
    this.kind = kind;
    this.reason = reason;
  }
}

/** Answers with which Azure asks to come again, besides 429. */
const BUSY: ReadonlySet<string> = new Set([
  'AnotherOperationInProgress',
  'ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity',
  'OperationThrottled',
  'SubscriptionRequestsThrottled',
  'TooManyRequests',
]);

const UNTRUSTED = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

/** Judges whatever the SDK threw. @param effect a call that only reads cannot have changed anything. */
export function judge(thrown: unknown, effect: 'reads' | 'writes'): Failure {
  const unclear = effect === 'reads' ? 'busy' : 'unknown';
  if (thrown instanceof NoToken) return { kind: thrown.kind, name: thrown.reason, status: null };
  if (thrown instanceof Unanswered) {
    if (UNTRUSTED.test(thrown.code)) return { kind: 'refused', name: thrown.code, status: null };
    return { kind: thrown.sent === 'no' ? 'busy' : unclear, name: thrown.code, status: null };
  }
  const error = thrown instanceof Error ? thrown : new Error('not an error');
  const status = numberOf(error, 'statusCode');
  const name = textOf(error, 'code') ?? error.name;
  if (status === null) return { kind: unclear, name, status };
  if (status === 429 || BUSY.has(name)) return { kind: 'busy', name, status };
  // Also an answer that says yes and cannot be read.
  return { kind: status >= 300 && status < 500 ? 'refused' : unclear, name, status };
}

/** What was being done, for messages. */
export interface Attempt {
  readonly doing: string;
  readonly effect: 'reads' | 'writes';
  /** What the operator has to check when Azure says no. */
  readonly needs: string;
}

/** Does one thing at Azure; whatever it throws becomes the error that the port promises. */
export async function attempt<T>(what: Attempt, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw thrown instanceof JitError ? thrown : cloudFault(judge(thrown, what.effect), what);
  }
}

/** Azure's own text is reduced to its code: nothing that an answer could echo, such as a token, reaches a log. */
export function cloudFault(failure: Failure, { doing, needs }: Attempt): JitError {
  const facts = [display(failure.name, 80), failure.status === null ? '' : `HTTP ${failure.status}`];
  const why = ` (${facts.filter((fact) => fact !== '').join(', ')})`;
  switch (failure.kind) {
    case 'refused':
      return new JitError({
        code: 'ERR_CLOUD',
        message: `azure refused to ${doing}${why}`,
        hint: hintOf(failure.name) ?? needs,
      });
    case 'busy':
      return new JitError({
        code: 'ERR_CLOUD_BUSY',
        message: `azure could not ${doing} now${why}`,
        hint: failure.status === null ? 'check the network and the endpoint of the target' : 'try again in a moment',
      });
    case 'unknown':
      return new JitError({ code: 'ERR_CLOUD_UNKNOWN', message: `no clear answer from azure to: ${doing}${why}` });
  }
}

function hintOf(name: string): string | undefined {
  if (HINTS.has(name)) return HINTS.get(name);
  // Microsoft Entra authentication error codes: no federated credential matches issuer, subject or audience.
  if (/^AADSTS7002(?:1|11|12|13)/.test(name)) return FEDERATION;
  return name.startsWith('AADSTS') ? SIGN_IN : undefined;
}

const FEDERATION =
  'the client_id of the target needs a federated credential for the issuer of the broker, and Entra ID must reach that issuer';
const SIGN_IN = 'check tenant and client_id of the target, and the credentials that the broker runs under';

const HINTS: ReadonlyMap<string, string> = new Map([
  ['AADSTS5002738', 'entra id takes tokens that are signed with RSA only: jit-broker keys rotate --algorithm RS256'],
  ['AadPremiumLicenseRequired', 'the tenant has no licence for privileged identity management: use assignment direct'],
  ['ResourceGroupNotFound', 'check the resource group: under identities of the target, or in what was asked for'],
  ['RoleAssignmentLimitExceeded', 'the subscription has as many role assignments as Azure allows'],
  [
    'RoleAssignmentRequestPolicyValidationFailed',
    'the role settings in privileged identity management do not allow this assignment',
  ],
  ['ScopeLocked', 'a lock on the resource keeps its role assignments from being changed'],
]);

function numberOf(error: Error, name: string): number | null {
  const value: unknown = Object.getOwnPropertyDescriptor(error, name)?.value;
  return typeof value === 'number' ? value : null;
}

function textOf(error: Error, name: string): string | null {
  const value: unknown = Object.getOwnPropertyDescriptor(error, name)?.value;
  return typeof value === 'string' && value !== '' ? value : null;
}
