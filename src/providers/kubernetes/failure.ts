/**
 * What a failed call to an API server means: surely nothing happened, try again, or nobody knows.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';

/**
 * `exists` and `missing`: what was to be made is there, what was meant is not. `refused`: the server answered no. `busy`:
 * nothing happened and it may work later. `unknown`: it may have happened.
 */
export interface Failure {
  readonly kind: 'exists' | 'missing' | 'refused' | 'busy' | 'unknown';
  /** Kubernetes' own word for it, or the operating system's. */
  readonly name: string;
  /** Null where no answer came. */
  readonly status: number | null;
  readonly message: string;
}

/** A call to an API server that failed. `message` is jit's own; what the server wrote is in `failure`, and is not shown. */
export class CallError extends JitError {
  readonly failure: Failure;

  constructor(failure: Failure, doing: string) {
    super(parts(failure, doing));
    // Not shown by accident: a server's text may echo what it was sent.
    this.failure = failure;
    Object.defineProperty(this, 'failure', { enumerable: false });
  }
}

/** Whether it was thrown because of an answer of this kind. */
export function isFailure(thrown: unknown, kind: Failure['kind']): thrown is CallError {
  return thrown instanceof CallError && thrown.failure.kind === kind;
}

/** Before a connection stands, not a byte of the request has left. */
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

const UNTRUSTED = /^(?:CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

/** Judges whatever a call threw. */
export function judge(thrown: unknown): Failure {
  const error = thrown instanceof Error ? thrown : new Error('not an error');
  const code: unknown = 'code' in error ? error.code : null;
  if (typeof code === 'number') return judgeAnswer(code, 'body' in error ? error.body : null, error);
  const name = typeof code === 'string' ? code : error.name;
  const base = { name, status: null, message: '' };
  if (UNTRUSTED.test(name)) return { ...base, kind: 'refused' };
  const connecting = 'syscall' in error && (error.syscall === 'connect' || error.syscall === 'getaddrinfo');
  return { ...base, kind: BEFORE_SENDING.has(name) || connecting ? 'busy' : 'unknown' };
}

/** Kubernetes API conventions, "HTTP Status codes" and "Response Status Kind". */
function judgeAnswer(status: number, body: unknown, error: Error): Failure {
  const { reason, message } = statusOf(body);
  const base = { name: reason, status, message };
  if (status === 409) return { ...base, kind: 'exists' };
  if (status === 404) return { ...base, kind: 'missing' };
  if (status === 429) return { ...base, kind: 'busy' };
  // A server that says when to come again has turned the call away.
  if (status >= 500) return { ...base, kind: hasRetryAfter(error) ? 'busy' : 'unknown' };
  return { ...base, kind: status >= 300 ? 'refused' : 'unknown' };
}

function hasRetryAfter(error: Error): boolean {
  const headers: unknown = 'headers' in error ? error.headers : null;
  return typeof headers === 'object' && headers !== null && 'retry-after' in headers;
}

function statusOf(body: unknown): { readonly reason: string; readonly message: string } {
  let status: unknown = body;
  try {
    if (typeof body === 'string') status = JSON.parse(body);
  } catch {
    return { reason: '', message: '' };
  }
  const read = (name: 'reason' | 'message'): string => {
    const value: unknown =
      typeof status === 'object' && status !== null ? Object.getOwnPropertyDescriptor(status, name)?.value : '';
    return typeof value === 'string' ? value.slice(0, 4_000) : '';
  };
  return { reason: read('reason'), message: read('message') };
}

/** @param doing such as `create role shop/jit-…`. */
function parts(failure: Failure, doing: string): ConstructorParameters<typeof JitError>[0] {
  const facts = [display(failure.name, 60), failure.status === null ? '' : `HTTP ${failure.status}`];
  const why = ` (${facts.filter((fact) => fact !== '').join(', ')})`;
  switch (failure.kind) {
    case 'refused':
    case 'missing':
    case 'exists':
      return { code: 'ERR_CLOUD', message: `the cluster refused to ${doing}${why}`, hint: hintOf(failure) };
    case 'busy':
      return {
        code: 'ERR_CLOUD_BUSY',
        message: `the cluster could not ${doing} now${why}`,
        hint: failure.status === null ? 'check the network, and server of the target' : 'try again in a moment',
      };
    case 'unknown':
      return { code: 'ERR_CLOUD_UNKNOWN', message: `no clear answer from the cluster to: ${doing}${why}` };
  }
}

function hintOf({ status, name, message }: Failure): string {
  if (status === null)
    return 'check authority of the target: the certificate of the server is not one that it vouches for';
  if (status === 401)
    return 'the token in token_file of the target is not taken: check that it is fresh, and of this cluster';
  if (message.includes('attempting to grant RBAC permissions not currently held')) {
    return "the broker's own account must itself hold what it is to grant: add it to its role";
  }
  if (status === 403 && message.includes('being terminated')) return 'the namespace is being deleted';
  if (status === 403) return "the broker's own account lacks a right: its role is in the README of the provider";
  if (status === 404) return 'check that the namespace exists, and server of the target';
  if (name === 'Invalid') return 'an admission rule or a quota of the cluster may stand in the way';
  return 'the log of the API server says more';
}
