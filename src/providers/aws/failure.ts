/**
 * What a failed call to AWS means: surely nothing happened, try again, or nobody knows.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';

/**
 * `refused`: AWS answered no. `busy`: nothing happened and it may work later. `unknown`: it may have happened.
 * `name` is AWS's own word for it, or the operating system's.
 */
export interface Failure {
  readonly kind: 'refused' | 'busy' | 'unknown';
  readonly name: string;
  /** Null where no answer came. */
  readonly status: number | null;
  readonly message: string;
}

const BUSY_NAMES: ReadonlySet<string> = new Set([
  'BandwidthLimitExceeded',
  // STS could not fetch the issuer's keys: "This error is often transient" (STS API reference).
  'IDPCommunicationError',
  'IDPCommunicationErrorException',
  'PriorRequestNotComplete',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'TooManyRequestsException',
]);

/** Failures before a connection stands: not a byte of the request has left. */
const BEFORE_SENDING: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
]);

const UNTRUSTED = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

/** Judges whatever the SDK threw. */
export function judge(thrown: unknown): Failure {
  const error = thrown instanceof Error ? thrown : new Error('not an error');
  const status = statusOf(error);
  const code = textOf(error, 'code') ?? '';
  const message = error.message;
  if (status !== null) {
    const base = { name: error.name, status, message };
    if (BUSY_NAMES.has(error.name) || status === 429 || status === 503) return { ...base, kind: 'busy' };
    // Also an answer that says yes and cannot be read.
    return { ...base, kind: status >= 300 && status < 500 ? 'refused' : 'unknown' };
  }
  const base = { name: code === '' ? error.name : code, status: null, message };
  if (error.name === 'CredentialsProviderError' || UNTRUSTED.test(code)) return { ...base, kind: 'refused' };
  const connecting = textOf(error, 'syscall') === 'connect' || textOf(error, 'syscall') === 'getaddrinfo';
  if (BEFORE_SENDING.has(code) || connecting || /did not establish a connection/.test(message)) {
    return { ...base, kind: 'busy' };
  }
  return { ...base, kind: 'unknown' };
}

/** Whether a connection broke under a request: what a kept connection does that the other side has just given up. */
export function isBroken(failure: Failure): boolean {
  return failure.status === null && (failure.name === 'ECONNRESET' || failure.name === 'EPIPE');
}

const MISSING: ReadonlySet<string> = new Set([
  'InvalidAction',
  'NotImplemented',
  'NotImplementedException',
  'UnknownOperationException',
  'UnsupportedOperation',
]);

/** Whether a server that speaks AWS's language lacks the call. */
export function isMissing({ name, status }: Failure): boolean {
  return status === 501 || MISSING.has(name);
}

/** Whether the caller's own rights do not reach. */
export function isDenied({ name }: Failure): boolean {
  return name === 'AccessDenied' || name === 'AccessDeniedException';
}

/** What was being done, for messages: `assume arn:aws:iam::…`. */
export interface Attempt {
  readonly doing: string;
  /** What the operator has to check when AWS says no. */
  readonly needs: string;
}

/**
 * The error that the port promises. AWS's own text is reduced to the action that it names: nothing that an answer could
 * echo, such as a token, reaches a log.
 */
export function cloudFault(failure: Failure, attempt: Attempt): JitError {
  const why = reason(failure);
  switch (failure.kind) {
    case 'refused':
      return new JitError({
        code: 'ERR_CLOUD',
        message: `aws refused to ${attempt.doing}${why}`,
        hint: HINTS.get(failure.name) ?? attempt.needs,
      });
    case 'busy':
      return new JitError({
        code: 'ERR_CLOUD_BUSY',
        message: `aws could not ${attempt.doing} now${why}`,
        hint:
          failure.status === null
            ? 'check the network, the region and the endpoint of the target'
            : 'try again in a moment',
      });
    case 'unknown':
      return new JitError({
        code: 'ERR_CLOUD_UNKNOWN',
        message: `no clear answer from aws to: ${attempt.doing}${why}`,
      });
  }
}

function reason({ name, status, message }: Failure): string {
  const action = /not authorized to perform: ([A-Za-z0-9-]{1,40}:[A-Za-z0-9]{1,80})/.exec(message)?.[1];
  const facts = [display(name, 60), status === null ? '' : `HTTP ${status}`, action ?? ''].filter(
    (fact) => fact !== '',
  );
  return ` (${facts.join(', ')})`;
}

const CLOCK = 'check the clock of the broker, and the expiry of the credentials that it runs under';
const AMBIENT = 'the broker has no AWS credentials that work: check its environment, its ~/.aws or its instance role';

const HINTS: ReadonlyMap<string, string> = new Map([
  ['CredentialsProviderError', AMBIENT],
  ['ExpiredToken', CLOCK],
  ['ExpiredTokenException', CLOCK],
  ['IDPRejectedClaim', 'the token does not meet the trust policy of the role: compare its audience and subject'],
  [
    'IDPRejectedClaimException',
    'the token does not meet the trust policy of the role: compare its audience and subject',
  ],
  ['InvalidClientTokenId', AMBIENT],
  [
    'InvalidIdentityToken',
    'the account needs an OpenID provider for the issuer of the broker, with audience sts.amazonaws.com, and AWS must reach it',
  ],
  [
    'InvalidIdentityTokenException',
    'the account needs an OpenID provider for the issuer of the broker, with audience sts.amazonaws.com, and AWS must reach it',
  ],
  ['MalformedPolicyDocument', 'aws does not take the session policy: see it with --plan'],
  ['MalformedPolicyDocumentException', 'aws does not take the session policy: see it with --plan'],
  ['PackedPolicyTooLarge', 'ask for fewer resources or operations at once'],
  ['PackedPolicyTooLargeException', 'ask for fewer resources or operations at once'],
  ['RegionDisabledException', 'activate STS for the region of the target in the account settings of IAM'],
  ['RequestExpired', CLOCK],
  ['SignatureDoesNotMatch', CLOCK],
  ['UnrecognizedClientException', AMBIENT],
  ['ValidationError', 'session_seconds of the target must not exceed the maximum session duration of the role'],
]);

function statusOf(error: Error): number | null {
  const metadata: unknown = '$metadata' in error ? error.$metadata : null;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return null;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : null;
}

function textOf(error: Error, name: 'code' | 'syscall'): string | null {
  const value: unknown = name in error ? Object.getOwnPropertyDescriptor(error, name)?.value : null;
  return typeof value === 'string' ? value : null;
}
