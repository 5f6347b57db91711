/**
 * One error type for every layer, and one table that says what each code means outside the process.
 * @module
 */

/** What a code means to a shell (`exit`), to an HTTP client (`http`), and whether the same call may succeed later. */
export interface ErrorFacts {
  readonly exit: number;
  readonly http: number;
  readonly retryable: boolean;
}

const final = (exit: number, http: number): ErrorFacts => ({ exit, http, retryable: false });
const passing = (exit: number, http: number): ErrorFacts => ({ exit, http, retryable: true });

/** Every code that a user, a script or a client of the API can meet. Exit numbers are never reused for another meaning. */
export const ERRORS = {
  ERR_UNEXPECTED: final(1, 500),
  ERR_STORE: passing(1, 503),
  ERR_CONFLICT: passing(1, 409),
  ERR_CONFIG: final(2, 500),
  ERR_USAGE: final(2, 400),
  ERR_MISSING_INPUT: final(2, 400),
  ERR_DURATION: final(2, 400),
  ERR_REASON: final(2, 400),
  ERR_TICKET: final(2, 400),
  ERR_OPERATION: final(2, 400),
  ERR_RESOURCE: final(2, 400),
  ERR_TARGET: final(2, 400),
  ERR_PROFILE_NAME: final(2, 400),
  ERR_PROFILE_EXISTS: final(2, 409),
  ERR_BODY: final(2, 400),
  ERR_TOO_LARGE: final(2, 413),
  ERR_PERMISSION_SIZE: final(2, 422),
  ERR_IDEMPOTENCY: final(2, 422),
  ERR_NOT_SIGNED_IN: final(4, 401),
  // The three that a client with a session answers by itself: another nonce, another token, another look at the identity provider.
  ERR_PROOF_NONCE: final(4, 401),
  ERR_TOKEN_EXPIRED: final(4, 401),
  ERR_IDENTITY_STALE: final(4, 401),
  ERR_DENIED: final(5, 403),
  ERR_NEEDS_APPROVAL: final(5, 403),
  ERR_DECIDED: final(5, 409),
  ERR_PENDING: final(6, 409),
  ERR_GRANT_ENDED: final(7, 410),
  ERR_BROKER_UNREACHABLE: passing(8, 503),
  ERR_BROKER_REPLY: final(8, 502),
  ERR_IDENTITY_PROVIDER: passing(8, 503),
  ERR_INCIDENT_SOURCE: passing(8, 503),
  ERR_NOT_FOUND: final(9, 404),
  ERR_METHOD: final(9, 405),
  ERR_CLOUD: final(10, 502),
  ERR_CLOUD_BUSY: passing(10, 503),
  ERR_CLOUD_UNKNOWN: passing(10, 504),
  ERR_LOCAL_FILE: final(11, 500),
  ERR_KEEPER: passing(11, 500),
  ERR_KEYCHAIN: final(11, 500),
  ERR_NO_KEYCHAIN: final(11, 500),
  ERR_INTERRUPTED: final(130, 499),
  ERR_TERMINATED: final(143, 499),
} as const satisfies Record<string, ErrorFacts>;

/** A stable name for one reason to fail: scripts may compare it, so a code is never renamed. */
export type ErrorCode = keyof typeof ERRORS;

/** Whether a string received from elsewhere is one of our codes. Safe for hostile input such as `__proto__`. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value);
}

/** The parts of an error. `message` and `hint` are lower case, without a final period, and never hold a secret. */
export interface ErrorParts {
  readonly code: ErrorCode;
  readonly message: string;
  /** What to do next, ideally a line that can be pasted. */
  readonly hint?: string | undefined;
  /** The id of the request or grant that lives on despite the error. */
  readonly subject?: string | undefined;
  /** The shared broker that it is about, as its user knows it; the message then says "the broker" and leaves the name to `worded`. */
  readonly broker?: string | undefined;
  readonly cause?: unknown;
}

/** The only error that jit throws on purpose. Anything else that reaches an edge is reported as `ERR_UNEXPECTED`. */
export class JitError extends Error {
  override readonly name = 'JitError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly subject: string | undefined;
  readonly broker: string | undefined;

  constructor(parts: ErrorParts) {
    super(parts.message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.code = parts.code;
    this.hint = parts.hint;
    this.subject = parts.subject;
    this.broker = parts.broker;
  }

  get facts(): ErrorFacts {
    return ERRORS[this.code];
  }
}

/** Wraps whatever was thrown, so that an edge handles one type. A foreign message is kept as the cause, not shown. */
export function asJitError(thrown: unknown): JitError {
  if (thrown instanceof JitError) return thrown;
  return new JitError({ code: 'ERR_UNEXPECTED', message: 'something went wrong inside jit', cause: thrown });
}

/** What the user or this process itself has done, whichever broker it was talking to. */
const OWN: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['ERR_UNEXPECTED', 'ERR_INTERRUPTED', 'ERR_TERMINATED']);

/**
 * The same with the broker that it is about. One that names a broker already keeps that name; an interruption, a fault of
 * jit's own, and what is not a `JitError` come back as they are.
 * @param broker undefined for the embedded one, which has no name.
 */
export function withBroker(thrown: unknown, broker: string | undefined): unknown {
  if (!(thrown instanceof JitError) || broker === undefined || thrown.broker !== undefined || OWN.has(thrown.code)) {
    return thrown;
  }
  const { code, message, hint, subject, cause } = thrown;
  return new JitError({ code, message, hint, subject, broker, cause });
}

/** Whatever `work` throws is about this broker. @param broker as for `withBroker`. */
export async function atBroker<T>(broker: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw withBroker(thrown, broker);
  }
}

/** The message as it is shown wherever it stands alone: `work: denied`, with the broker in front if there is one to name. */
export function worded({ broker, message }: Pick<ErrorParts, 'broker' | 'message'>): string {
  return broker === undefined ? message : `${broker}: ${message}`;
}
