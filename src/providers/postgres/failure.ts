/**
 * What a failed conversation with PostgreSQL means: surely nothing happened, try again, or nobody knows.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';

/**
 * `refused`: the server answered no. `conflict`: another transaction was in the way, and the same one may succeed at once.
 * `busy`: nothing happened and it may work later. `lost`: no answer, since the connection was never there or broke.
 */
export interface Failure {
  readonly kind: 'refused' | 'conflict' | 'busy' | 'lost';
  /** SQLSTATE, or the operating system's word for it. */
  readonly name: string;
  /** What the server says about it. It may name objects, and never a password: those are sent as verifiers. */
  readonly detail: string | null;
}

const SQLSTATE = /^[0-9A-Z]{5}$/;

/**
 * Manual, appendix "PostgreSQL Error Codes". Deadlocks and serialization failures; a lock that was not given in time; and two
 * that say that another session made the very same thing at that moment.
 */
const CONFLICTS: ReadonlySet<string> = new Set(['40001', '40P01', '55P03', '42710', '23505']);
/** Insufficient resources, operator intervention, a server that is a standby for now, connections, objects in use. */
const PASSING = /^(?:53...|57...|08...|25006|55006)$/;
/** What concurrent changes of one row of a system catalog end with: an internal error without a code of its own. */
const CATALOG_RACE = /^tuple concurrently (?:updated|deleted)$/;

/** What the parts of node-postgres throw. */
interface Thrown {
  readonly code: string;
  readonly message: string;
  readonly detail: string | null;
  readonly severity: string | null;
}

/** Judges whatever a query or a connection threw. */
export function judge(thrown: unknown): Failure {
  const { code, message, detail } = read(thrown);
  if (!SQLSTATE.test(code) || !isAnswer(thrown)) {
    if (NO_TLS.test(message)) return { kind: 'refused', name: 'TLS', detail: null };
    if (UNTRUSTED.test(code)) return { kind: 'refused', name: code, detail: null };
    return { kind: 'lost', name: code === '' ? 'no answer' : code, detail: null };
  }
  const base = { name: code, detail };
  if (CONFLICTS.has(code) || (code === 'XX000' && CATALOG_RACE.test(message))) return { ...base, kind: 'conflict' };
  return { ...base, kind: PASSING.test(code) ? 'busy' : 'refused' };
}

/**
 * Whether the server answered a COMMIT with a plain no. A connection that ends while it waits, with words or without, leaves
 * open whether the transaction was committed.
 */
export function isPlainNo(thrown: unknown): boolean {
  return isAnswer(thrown) && read(thrown).severity === 'ERROR';
}

/** Whether the server has no database of that name. */
export function isMissingDatabase(thrown: unknown): boolean {
  return isAnswer(thrown) && read(thrown).code === '3D000';
}

/** What was being done, for messages: `make the role jit_…`. */
export interface Attempt {
  readonly doing: string;
  /** Such as `db.example.com:5432`. */
  readonly where: string;
  /** What the operator has to check when the server says no. */
  readonly needs: string;
}

/** The error that the port promises where nothing was committed. Of the server's words only its code and detail are shown. */
export function cloudFault(thrown: unknown, { doing, where, needs }: Attempt): JitError {
  if (thrown instanceof JitError) return thrown;
  const { kind, name, detail } = judge(thrown);
  const shown = display(name, 60);
  switch (kind) {
    case 'refused': {
      const hint = HINTS.get(name) ?? (UNTRUSTED.test(name) ? TRUST : needs);
      const more = name === '2BP01' && detail !== null ? `: ${display(detail.replaceAll('\n', ', '), 300)}` : '';
      return new JitError({
        code: 'ERR_CLOUD',
        message: `postgres at ${where} refused to ${doing} (${shown})${more}`,
        hint,
        cause: thrown,
      });
    }
    case 'conflict':
    case 'busy':
      return new JitError({
        code: 'ERR_CLOUD_BUSY',
        message: `postgres at ${where} could not ${doing} now (${shown})`,
        hint: name === '25006' ? 'the server is a standby: check the host of the target' : 'try again in a moment',
        cause: thrown,
      });
    case 'lost':
      return new JitError({
        code: 'ERR_CLOUD_BUSY',
        message: `no answer from postgres at ${where} to: ${doing} (${shown})`,
        hint: 'check the network, and the host and port of the target',
        cause: thrown,
      });
  }
}

/** The outcome of a COMMIT that nobody has confirmed. */
export function unknownOutcome(thrown: unknown, { doing, where }: Attempt): JitError {
  return new JitError({
    code: 'ERR_CLOUD_UNKNOWN',
    message: `the connection to postgres at ${where} broke while it was to ${doing}`,
    cause: thrown,
  });
}

/** What node-postgres says of a server that answers "N" to the wish for TLS. It has no code. */
const NO_TLS = /^The server does not support SSL connections$/;
const UNTRUSTED = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;
const TRUST = 'the certificate of the server is not trusted: compare authority and host of the target with it';
const LOGIN = 'the server does not let the broker in: check user and password_file of the target, and pg_hba.conf';

const HINTS: ReadonlyMap<string, string> = new Map([
  ['28000', LOGIN],
  ['28P01', LOGIN],
  ['2BP01', 'revoke or drop what is named, as its owner or as a superuser; the broker tries again by itself'],
  ['TLS', 'the server has no TLS: switch ssl on in postgresql.conf'],
  ['3D000', 'a database of the target does not exist'],
]);

function read(thrown: unknown): Thrown {
  const error = thrown instanceof Error ? thrown : new Error('not an error');
  return {
    code: textOf(error, 'code') ?? '',
    message: error.message,
    detail: textOf(error, 'detail'),
    severity: textOf(error, 'severity'),
  };
}

/** Only what the server itself said has a severity. */
function isAnswer(thrown: unknown): boolean {
  return read(thrown).severity !== null;
}

function textOf(error: Error, name: 'code' | 'detail' | 'severity'): string | null {
  const value: unknown = Object.getOwnPropertyDescriptor(error, name)?.value;
  return typeof value === 'string' ? value : null;
}
