/**
 * The client's other proof: a token that AWS signs, where the account allows it. Any broker can check it as it checks every JWT.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { type AwsCredentials, readCredentials } from './credentials.ts';

export interface WebIdentityParts {
  /** The broker's audience: the token's `aud`. */
  readonly audience: string;
  /** STS has no global endpoint for this. */
  readonly region: string;
  /** Null for the default chain of the SDK. */
  readonly credentials: AwsCredentials | null;
  /** Those from whom the broker takes tokens: another account's would be refused where the signed request is taken. */
  readonly issuers: readonly string[];
  /** An origin instead of AWS's own, for tests; null for what the SDK finds. */
  readonly endpoint: string | null;
  readonly signal?: AbortSignal;
}

/** STS API reference, GetWebIdentityToken: 60 to 3600. The broker takes it within the same call. */
const TOKEN_SECONDS = 300;
const CONNECT_MS = 3_000;
const REQUEST_MS = 5_000;

/**
 * Answers by which AWS says that this account, role or region has no such tokens, and so that the signed request is the
 * way: not enabled, not permitted, not known there, or a session that ends before the shortest useful token.
 */
const NOT_HERE: ReadonlySet<string> = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'InvalidAction',
  'OutboundWebIdentityFederationDisabled',
  'OutboundWebIdentityFederationDisabledException',
  'SessionDurationEscalation',
  'SessionDurationEscalationException',
  'UnknownOperationException',
]);

/**
 * Calls `sts:GetWebIdentityToken`. The token's `iss` is the account's own issuer, its `sub` the ARN of the role or user
 * (IAM user guide, "Understanding token claims"), so that a role made anew under an old name is the same subject.
 * @returns null where AWS has none to give, or none that this broker takes: see `signCallerIdentity`.
 * @throws {JitError} `ERR_NOT_SIGNED_IN` without credentials or with ones that AWS does not take, `ERR_IDENTITY_PROVIDER`
 * where STS cannot be asked, and what the signal was aborted with.
 */
export async function getWebIdentityToken(parts: WebIdentityParts): Promise<Secret<string> | null> {
  const { audience, region, credentials, issuers, endpoint, signal } = parts;
  if (issuers.length === 0) return null;
  // Read first, so that credentials which are not there are told apart from an STS which is not.
  const keys = await readCredentials(credentials, region);
  const { GetWebIdentityTokenCommand, STSClient } = await import('@aws-sdk/client-sts');
  const client = new STSClient({
    region,
    credentials: keys,
    maxAttempts: 2,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS, throwOnRequestTimeout: true },
    ...(endpoint === null ? {} : { endpoint }),
  });
  const command = new GetWebIdentityTokenCommand({
    Audience: [audience],
    DurationSeconds: TOKEN_SECONDS,
    SigningAlgorithm: 'ES384',
  });
  try {
    const { WebIdentityToken: token = '' } = await client.send(
      command,
      signal === undefined ? {} : { abortSignal: signal },
    );
    if (!JWT.test(token)) throw fault('ERR_IDENTITY_PROVIDER', 'aws sts gave no token', null);
    return issuers.includes(issuerOf(token)) ? new Secret(token) : null;
  } catch (thrown) {
    signal?.throwIfAborted();
    if (thrown instanceof JitError) throw thrown;
    const error = thrown instanceof Error ? thrown : new TypeError('not an error');
    if (NOT_HERE.has(error.name)) return null;
    if (REFUSED.test(error.name)) {
      throw fault('ERR_NOT_SIGNED_IN', 'aws does not take the credentials that there are', error);
    }
    throw fault('ERR_IDENTITY_PROVIDER', `aws sts in ${region} could not be asked for a token`, error);
  } finally {
    client.destroy();
  }
}

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const REFUSED =
  /^(?:Expired|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|InvalidToken|RequestExpired)/;

/** Not verified: AWS has just given it, and the broker will check it. */
function issuerOf(token: string): string {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null && 'iss' in claims ? String(claims.iss) : '';
  } catch {
    return '';
  }
}

function fault(code: 'ERR_NOT_SIGNED_IN' | 'ERR_IDENTITY_PROVIDER', message: string, cause: unknown): JitError {
  return new JitError({ code, message, ...(cause === null ? {} : { cause }) });
}
