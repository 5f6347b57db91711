/**
 * The AWS console for whoever holds temporary credentials: asks AWS for a sign-in token, and makes the address that signs in.
 * Source: IAM user guide, "Enable custom identity broker access to the AWS console".
 * @module
 */
import type { AwsKeys } from '../core/credential.ts';
import { asJitError, JitError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';

/** Where a partition signs in, and where its console is. */
export interface ConsoleSite {
  /** The endpoint that makes sign-in tokens and takes them. */
  readonly federation: string;
  /** The console's own host; each region has one below it. */
  readonly host: string;
}

/** By the names of their regions, as the partitions of the AWS SDKs have them. */
const SITES: readonly (readonly [regions: RegExp, site: ConsoleSite])[] = [
  [
    /^(?:af|ap|ca|eu|il|me|mx|sa|us)-[a-z]+-\d{1,2}$/,
    { federation: 'https://signin.aws.amazon.com/federation', host: 'console.aws.amazon.com' },
  ],
  [
    /^us-gov-[a-z]+-\d{1,2}$/,
    { federation: 'https://signin.amazonaws-us-gov.com/federation', host: 'console.amazonaws-us-gov.com' },
  ],
  [/^cn-[a-z]+-\d{1,2}$/, { federation: 'https://signin.amazonaws.cn/federation', host: 'console.amazonaws.cn' }],
];

/** Where a region's console is. Known here and nowhere else: no broker says where keys are sent. Throws `ERR_TARGET`. */
export function consoleSite(region: string): ConsoleSite {
  const site = SITES.find(([regions]) => regions.test(region))?.[1];
  if (site !== undefined) return site;
  throw new JitError({ code: 'ERR_TARGET', message: 'jit knows no console of AWS for the region of that target' });
}

const SERVICE = /^[a-z][a-z0-9-]{0,39}$/;

/**
 * Where in the console to arrive.
 * @param wanted a service's name such as `s3`, an address of that console, or null for its first page.
 * Throws `ERR_USAGE` for any other address: AWS passes whoever has signed in on to it.
 */
export function consoleDestination(site: ConsoleSite, region: string, wanted: string | null): URL {
  const service = wanted ?? 'console';
  if (SERVICE.test(service)) return new URL(`https://${region}.${site.host}/${service}/home?region=${region}`);
  const url = service.length <= 2_048 && /^https:\/\/[\x21-\x7e]+$/.test(service) ? URL.parse(service) : null;
  const sound =
    url !== null &&
    url.protocol === 'https:' &&
    url.username === '' &&
    url.password === '' &&
    url.port === '' &&
    (url.hostname === site.host || url.hostname.endsWith(`.${site.host}`));
  if (url !== null && sound) return url;
  throw new JitError({
    code: 'ERR_USAGE',
    message: '--destination leads out of the console of that target',
    hint: `a service such as s3, or an address that begins with https://${region}.${site.host}/`,
  });
}

export interface SignIn {
  readonly keys: Secret<AwsKeys>;
  readonly site: ConsoleSite;
  readonly destination: URL;
  /** Where AWS sends people whose session is over; shown, and trusted by nobody. */
  readonly issuer: string;
  readonly signal: AbortSignal;
}

const ANSWER_MS = 10_000;
const LONGEST_ANSWER = 32_768;
const TOKEN = /^[\x21-\x7e]{1,16384}$/;

/**
 * An address that signs in whoever opens it, within 15 minutes. The console session has the permissions of the credentials
 * and the same end: no longer one is asked for, which AWS refuses to roles that were assumed by roles.
 *
 * The keys are in the query of one request to AWS, the form that AWS documents; it is not logged, nor quoted in an error.
 * Throws `ERR_CLOUD` where AWS refuses them, `ERR_CLOUD_BUSY` where it gives no answer.
 */
export async function signInAddress({ keys, site, destination, issuer, signal }: SignIn): Promise<Secret<string>> {
  const { accessKeyId: sessionId, secretAccessKey: sessionKey, sessionToken } = keys.expose();
  const ask = new URL(site.federation);
  ask.search = new URLSearchParams({
    Action: 'getSigninToken',
    Session: JSON.stringify({ sessionId, sessionKey, sessionToken }),
  }).toString();
  const token = await tokenFrom(ask, signal);
  const login = new URL(site.federation);
  login.search = new URLSearchParams({
    Action: 'login',
    Issuer: issuer,
    Destination: destination.href,
    SigninToken: token,
  }).toString();
  return new Secret(login.href);
}

async function tokenFrom(ask: URL, signal: AbortSignal): Promise<string> {
  let status: number;
  let body: string;
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    const reply = await fetch(ask, { redirect: 'error', signal: patience, headers: { accept: 'application/json' } });
    status = reply.status;
    body = await readShort(reply);
  } catch (thrown) {
    if (signal.aborted) throw asJitError(signal.reason);
    if (thrown instanceof JitError) throw thrown;
    // Without the cause: what it quotes could be the address, and with it the keys.
    throw new JitError({ code: 'ERR_CLOUD_BUSY', message: 'the sign-in of AWS gives no answer', hint: 'try again' });
  }
  if (status === 429 || status >= 500) {
    throw new JitError({
      code: 'ERR_CLOUD_BUSY',
      message: `the sign-in of AWS answered with status ${status}`,
      hint: 'try again',
    });
  }
  const token = status === 200 ? readToken(body) : null;
  if (token !== null) return token;
  const message =
    status === 200
      ? 'the sign-in of AWS gave an answer without a token'
      : `the sign-in of AWS does not take these credentials (status ${status})`;
  throw new JitError({ code: 'ERR_CLOUD', message });
}

async function readShort(reply: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  // Safe: the body of a reply is a stream of bytes.
  for await (const part of (reply.body ?? []) as AsyncIterable<Uint8Array>) {
    length += part.byteLength;
    if (length > LONGEST_ANSWER) {
      throw new JitError({ code: 'ERR_CLOUD', message: 'the sign-in of AWS gave an answer that is far too long' });
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function readToken(body: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  const token = typeof value === 'object' && value !== null && 'SigninToken' in value ? value.SigninToken : null;
  return typeof token === 'string' && TOKEN.test(token) ? token : null;
}
