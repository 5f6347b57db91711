/**
 * What goes wrong at an identity provider, in words. Errors of openid-client hold whole replies, tokens included, so none
 * of them goes any further than this file.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { shellWord } from '../../local/fault.ts';
import type { SignInContext } from './provider.ts';

type Whose = Pick<SignInContext, 'provider' | 'broker'>;

/** The provider in a message: its name at the broker and its issuer. */
export function nameOf({ name, issuer }: Whose['provider']): string {
  return `identity provider ${display(name, 100)} (${display(issuer, 200)})`;
}

/** The command that signs in. */
export function loginCommand({ broker }: Whose): string {
  return `jit login ${shellWord(broker)}`;
}

/** `ERR_NOT_SIGNED_IN` with the command that signs in. */
export function notSignedIn(message: string, whose: Whose, cause?: unknown): JitError {
  return new JitError({ code: 'ERR_NOT_SIGNED_IN', message, hint: loginCommand(whose), cause });
}

/** `ERR_CONFIG` for what only the operator of the broker or of the provider can put right. */
export function misconfigured(message: string, { broker }: Whose, cause?: unknown): JitError {
  const hint = `tell whoever runs broker ${display(broker, 200)}`;
  return new JitError({ code: 'ERR_CONFIG', message, hint, cause });
}

/** Errors of RFC 6749 section 5.2 and OpenID Connect Core section 3.1.2.6 after which only the person can go on. */
const PERSON_NEEDED: ReadonlySet<string> = new Set([
  'invalid_grant',
  'interaction_required',
  'login_required',
  'consent_required',
  'account_selection_required',
]);
/** Those by which the provider says that the client is registered otherwise. */
const CLIENT_WRONG: ReadonlySet<string> = new Set([
  'invalid_client',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
  'invalid_scope',
  'invalid_request',
]);

/**
 * `ERR_NOT_SIGNED_IN` where the person must sign in (again) or said no, `ERR_CONFIG` where the client is registered
 * wrongly, `ERR_IDENTITY_PROVIDER` for the rest. A `JitError`, such as the reason of an abort, is returned as it is.
 */
export function asProviderFault(thrown: unknown, whose: Whose): JitError {
  const own = ownError(thrown);
  if (own !== null) return own;
  const parts = partsOf(thrown);
  const { code, error, description, message } = parts;
  const who = nameOf(whose.provider);
  // `parts` is what may be kept: never the error itself.
  if (code === '') return new JitError({ code: 'ERR_UNEXPECTED', message: 'the sign-in went wrong', cause: parts });
  const said = description === '' ? error : `${error}: ${description}`;
  if (error === 'access_denied') return notSignedIn(`${who}, or somebody there, said no (${said})`, whose, parts);
  if (error === 'expired_token') return notSignedIn('the code ran out before anybody confirmed it', whose, parts);
  if (PERSON_NEEDED.has(error)) return notSignedIn(`${who} asks you to sign in again (${said})`, whose, parts);
  if (CLIENT_WRONG.has(error)) return misconfigured(`${who} refuses jit as a client (${said})`, whose, parts);
  const { what, hint } = error === '' ? describe(code, message) : { what: `answers with ${said}`, hint: undefined };
  return new JitError({ code: 'ERR_IDENTITY_PROVIDER', message: `${who} ${what}`, hint, cause: parts });
}

/** Whether the same request may succeed in a moment: nothing came back, or that the provider is busy. */
export function isPassing(thrown: unknown): boolean {
  if (ownError(thrown) !== null) return false;
  const { code, error } = partsOf(thrown);
  return error === '' ? Object.hasOwn(NETWORK, code) : error === 'temporarily_unavailable' || error === 'server_error';
}

function ownError(thrown: unknown): JitError | null {
  for (let at = thrown, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    if (at instanceof JitError) return at;
    if (at.name === 'AbortError') return new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted' });
  }
  return null;
}

/** Texts that hold nothing of a reply but what the provider wrote to be read. */
interface Parts {
  /** Of openid-client or of the network; empty for anything else. */
  readonly code: string;
  readonly error: string;
  readonly description: string;
  readonly message: string;
}

function partsOf(thrown: unknown): Parts {
  if (!(thrown instanceof Error)) return { code: '', error: '', description: '', message: '' };
  const { cause } = thrown;
  const failed = thrown instanceof TypeError && (thrown.message === 'fetch failed' || thrown.message === 'terminated');
  const late = thrown.name === 'TimeoutError' ? 'OAUTH_TIMEOUT' : textOf(thrown, 'code');
  const code = failed ? textOf(cause, 'code') || 'FETCH_FAILED' : late;
  const status = cause instanceof Response ? `HTTP status ${cause.status}` : null;
  // The texts of these are fixed, and say more. Those further down may quote the reply.
  const precise = cause instanceof Error && /^(?:OperationProcessing|UnsupportedOperation)Error$/.test(cause.name);
  return {
    code,
    error: textOf(thrown, 'error'),
    description: textOf(thrown, 'error_description'),
    message: display(status ?? (precise ? cause.message : thrown.message), 300),
  };
}

function textOf(from: unknown, key: string): string {
  if (typeof from !== 'object' || from === null) return '';
  // Safe: only a string is taken out, whatever the object is.
  const value = (from as Readonly<Record<string, unknown>>)[key];
  return typeof value === 'string' ? display(value, 300) : '';
}

interface Told {
  readonly what: string;
  readonly hint?: string | undefined;
}

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  ECONNRESET: 'broke the connection',
  UND_ERR_SOCKET: 'broke the connection',
  ENOTFOUND: 'has a host name that is not known',
  EAI_AGAIN: 'has a host name that cannot be looked up now',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached: there is no network',
  ETIMEDOUT: 'cannot be reached: the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'cannot be reached: the connection timed out',
  FETCH_FAILED: 'cannot be reached',
  OAUTH_TIMEOUT: 'gave no answer in time',
  OAUTH_RESPONSE_IS_NOT_CONFORM: 'answers with something unexpected',
};

const PROTOCOL: Readonly<Record<string, Told>> = {
  OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED: { what: 'calls itself by another issuer' },
  OAUTH_WWW_AUTHENTICATE_CHALLENGE: { what: 'refuses jit as a client: it demands a secret, or another one' },
  OAUTH_JWT_TIMESTAMP_CHECK_FAILED: {
    what: 'gave an ID token for another time',
    hint: 'check the clock of this machine',
  },
  OAUTH_KEY_SELECTION_FAILED: { what: 'gave an ID token that is signed by a key it does not publish' },
};

const UNTRUSTED: Told = {
  what: 'shows a certificate that this machine does not trust',
  hint: 'name the file of its certificate authority in NODE_EXTRA_CA_CERTS',
};

function describe(code: string, message: string): Told {
  if (/^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_|HOSTNAME_MISMATCH$)/.test(code)) return UNTRUSTED;
  const network = Object.hasOwn(NETWORK, code) ? NETWORK[code] : undefined;
  if (network !== undefined) return { what: message.startsWith('HTTP ') ? `${network} (${message})` : network };
  const protocol = Object.hasOwn(PROTOCOL, code) ? PROTOCOL[code] : undefined;
  return protocol ?? { what: `does not answer as OpenID Connect has it (${message})` };
}
