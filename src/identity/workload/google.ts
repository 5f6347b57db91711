/**
 * Google Cloud: an ID token of the service account that this machine or service runs as, or of a service account's key.
 * https://cloud.google.com/docs/authentication/get-id-token
 * @module
 */
import { noAnswer, notSignedIn, said } from './fault.ts';
import { ask, requireSafe } from './ask.ts';
import { type Attempt, bounded, persistently } from './bounded.ts';
import { readToken } from './jwt.ts';
import { type Env, JWT, type WorkloadProof, type WorkloadSource, variable } from './source.ts';
import { readSmallFile } from './token-file.ts';

const LABEL = 'Google Cloud';
const KEY_FILE = 'GOOGLE_APPLICATION_CREDENTIALS';
/** As Google's own gcp-metadata judges where a process runs, without the looks at hardware. */
const SERVICES = ['CLOUD_RUN_JOB', 'FUNCTION_NAME', 'K_SERVICE', 'GAE_SERVICE', 'GCE_METADATA_IP', 'GCE_METADATA_HOST'];

interface Parts {
  readonly now: () => number;
  readonly limitMs: number;
}

/**
 * A key in GOOGLE_APPLICATION_CREDENTIALS counts before the metadata server. A machine sets no variable, so there the source
 * is chosen by name. The metadata server may hand out the same token again for an hour; one for a key is new each time.
 */
export function googleSource(parts: Parts): WorkloadSource {
  return {
    name: 'google',
    label: LABEL,
    detect: (env) => [KEY_FILE, ...SERVICES].some((name) => variable(env, name) !== undefined),
    fetch: async ({ audience, env, signal }) => {
      const path = variable(env, KEY_FILE);
      return await bounded(
        { label: LABEL, signal, limitMs: parts.limitMs },
        async (limited): Promise<WorkloadProof> => {
          const proof = (text: string, renewal: WorkloadProof['renewal']): WorkloadProof => ({
            token: readToken(text, { what: `the token of ${LABEL}`, audience, now: parts.now(), hint: 'try again' }),
            type: JWT,
            renewal,
          });
          return path === undefined
            ? proof(await fromMetadata(env, audience, limited), 'fixed')
            : proof(await fromKey(path, audience, limited), 'on demand');
        },
      );
    },
  };
}

/**
 * Asked directly, since google-auth-library puts the question to the proxy in HTTPS_PROXY, whose metadata server vouches for
 * the proxy; it also leaves the audience unescaped, and cannot be stopped.
 * https://cloud.google.com/compute/docs/instances/verifying-instance-identity
 */
async function fromMetadata(env: Env, audience: string, signal: AbortSignal): Promise<string> {
  const host = variable(env, 'GCE_METADATA_IP') ?? variable(env, 'GCE_METADATA_HOST') ?? '169.254.169.254';
  const path = '/computeMetadata/v1/instance/service-accounts/default/identity';
  const url = URL.parse(path, /^https?:\/\//.test(host) ? host : `http://${host}`);
  if (url === null) throw notSignedIn('GCE_METADATA_HOST is not the name of a host', 'unset it');
  requireSafe(url, 'the metadata server in GCE_METADATA_HOST');
  url.search = new URLSearchParams({ format: 'full', audience }).toString();
  return await persistently(signal, () => askMetadata(url, signal));
}

async function askMetadata(url: URL, signal: AbortSignal): Promise<Attempt<string>> {
  const label = `the metadata server of ${LABEL}`;
  const { status, headers, text } = await ask({ label, url, headers: { 'metadata-flavor': 'Google' }, signal });
  if (headers['metadata-flavor'] !== 'Google') throw noAnswer(label, 'who answers there is not Google');
  if (status === 200) return { value: text };
  if (status < 400 || status === 429 || status >= 500) throw noAnswer(label, `it answers with status ${status}`);
  // A page for a browser says no more than its status.
  const words = text.trimStart().startsWith('<') ? '' : `: ${said(text)}`;
  throw notSignedIn(
    `${label} gives no token (status ${status}${words})`,
    'attach a service account to this machine or service',
  );
}

/** The JWT bearer flow of google-auth-library, which goes to Google's own address whatever the file says. */
async function fromKey(path: string, audience: string, signal: AbortSignal): Promise<string> {
  const hint = `set ${KEY_FILE} to the absolute path of a service account's key, or unset it`;
  const what = `the file in ${KEY_FILE}`;
  const key = keyOf(await readSmallFile(path, { what, limit: 65_536, hint }));
  if (key === null) throw notSignedIn(`${what} is not the key of a service account`, hint);
  const { JWT: KeyClient } = await import('google-auth-library');
  try {
    // Without its own additions to a call: they write the answer, token and all, to a log that GOOGLE_SDK_NODE_LOGGING opens.
    const client = new KeyClient({ ...key, useAuthRequestParameters: false, transporterOptions: { signal } });
    return await client.fetchIdToken(audience);
  } catch (thrown) {
    const words = said(thrown instanceof Error ? thrown.message : String(thrown));
    throw isRefusal(thrown)
      ? notSignedIn(`${LABEL} gives no token for the service account: ${words}`, hint)
      : noAnswer(LABEL, words);
  }
}

function keyOf(text: string): { readonly email: string; readonly key: string } | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof json !== 'object' || json === null || !('type' in json) || json.type !== 'service_account') return null;
  if (!('client_email' in json) || typeof json.client_email !== 'string') return null;
  if (!('private_key' in json) || typeof json.private_key !== 'string') return null;
  return { email: json.client_email, key: json.private_key };
}

/** Whether Google answered that it will not, rather than not at all. */
function isRefusal(thrown: unknown): boolean {
  if (typeof thrown !== 'object' || thrown === null || !('status' in thrown)) return false;
  return typeof thrown.status === 'number' && thrown.status >= 400 && thrown.status < 500 && thrown.status !== 429;
}
