/**
 * What a failed call to Google means: surely nothing happened, try again, somebody else was faster, or nobody knows.
 * @module
 */
import { z } from 'zod';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { ErrorCode } from '../../core/errors.ts';

/**
 * `refused`: Google answered no. `conflict`: the policy has changed since it was read. `busy`: nothing happened and it may work
 * later. `unknown`: it may have happened. `status` is Google's own word, or the operating system's.
 */
export interface Failure {
  readonly kind: 'refused' | 'conflict' | 'busy' | 'unknown';
  readonly status: string;
  /** Null where no answer came. */
  readonly http: number | null;
}

/** Thrown by calls; turned into the port's own errors by those who know what the call was for. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.status);
    this.failure = failure;
  }
}

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
  'UND_ERR_CONNECT_TIMEOUT',
]);
const UNTRUSTED = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

/** API design guide, "Errors"; and RFC 6749 section 5.2, which the token service follows. */
const BODY = z.union([
  z.object({ error: z.object({ status: z.string() }) }).transform(({ error }) => error.status),
  z.object({ error: z.string() }).transform(({ error }) => error),
]);

/** Judges an answer that is no success. Of its text only Google's status word is kept: nothing that it echoes reaches a log. */
export function judgeAnswer(http: number, body: string): Failure {
  const parsed = BODY.safeParse(asJson(body));
  const status = parsed.success && /^[A-Za-z_]{1,40}$/.test(parsed.data) ? parsed.data : 'no status';
  if (http === 429) return { kind: 'busy', status, http };
  if (http === 409) return { kind: 'conflict', status, http };
  return { kind: http >= 300 && http < 500 && http !== 408 ? 'refused' : 'unknown', status, http };
}

/** Judges what a call threw before there was an answer. */
export function judgeThrown(thrown: unknown): Failure {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  const status = code === '' ? (thrown instanceof Error ? thrown.name : 'not an error') : code;
  if (UNTRUSTED.test(code)) return { kind: 'refused', status, http: null };
  return { kind: BEFORE_SENDING.has(code) ? 'busy' : 'unknown', status, http: null };
}

/** Whether a connection broke under a request: what a kept connection does that the other side has just given up. */
export function isBroken({ http, status }: Failure): boolean {
  return http === null && ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(status);
}

/** What was being done, for messages: `read the policy of acme-web`. */
export interface Attempt {
  readonly doing: string;
  /** What the operator has to check when Google says no. */
  readonly needs: string;
}

const CODES: Readonly<Record<Failure['kind'], ErrorCode>> = {
  refused: 'ERR_CLOUD',
  conflict: 'ERR_CLOUD_BUSY',
  busy: 'ERR_CLOUD_BUSY',
  unknown: 'ERR_CLOUD_UNKNOWN',
};

/** The error that the port promises. */
export function cloudFault({ kind, status, http }: Failure, { doing, needs }: Attempt): JitError {
  const why = ` (${[display(status, 60), ...(http === null ? [] : [`HTTP ${http}`])].join(', ')})`;
  const network = 'check the network and the endpoint of the target';
  const messages = {
    refused: `google refused to ${doing}${why}`,
    conflict: `somebody else kept changing what jit was about to change: ${doing}${why}`,
    busy: `google could not ${doing} now${why}`,
    unknown: `no clear answer from google to: ${doing}${why}`,
  } as const;
  const hints = {
    refused: http === null ? network : hintOf(status, needs),
    conflict: 'try again in a moment',
    busy: http === null ? network : 'try again in a moment',
    unknown: undefined,
  } as const;
  return new JitError({ code: CODES[kind], message: messages[kind], hint: hints[kind] });
}

/** A call that changes nothing at Google: whatever became of it, nothing was issued, and it can be made again. */
export function harmless(failure: Failure): Failure {
  return failure.kind === 'unknown' ? { ...failure, kind: 'busy' } : failure;
}

function hintOf(status: string, needs: string): string {
  switch (status) {
    case 'UNAUTHENTICATED':
    case 'invalid_grant':
    case 'invalid_target':
      return 'the broker has no Google credentials that work: check its environment, or the workload identity provider of the target';
    case 'FAILED_PRECONDITION':
      return 'the project is being deleted, or its organization has a policy against this';
    default:
      return needs;
  }
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
