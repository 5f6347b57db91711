/**
 * Access tokens for the broker itself: from its environment, or for tokens of its own issuer.
 * @module
 */
import type { AuthClient } from 'google-auth-library';
import { JitError } from '../../core/errors.ts';
import type { TokenSigner } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import { baseOf } from './calls.ts';
import type { Login, Reach } from './target.ts';

/** Where a token comes from. Asked before each call, so that credentials can change. */
export type TokenSource = () => Promise<Secret<string>>;

/** @returns a token with which Google's APIs can be called. Throws `ERR_CLOUD` or `ERR_CLOUD_BUSY`: nothing was issued. */
export type SignIn = (
  reach: Pick<Reach, 'project' | 'endpoint' | 'login'>,
  signal: AbortSignal,
) => Promise<Secret<string>>;

export const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
/** Seconds: a token of the issuer is exchanged within the call that it was made for. */
const SUBJECT_SECONDS = 300;
const DEADLINE_MS = 10_000;

/** @param ambient stands in for the default chain of the library (environment, files, metadata server). */
export function signInWith({
  signer,
  ambient,
}: {
  readonly signer: TokenSigner | null;
  readonly ambient: TokenSource | null;
}): SignIn {
  const kept = new Map<string, Promise<TokenSource>>();
  return async ({ project, endpoint, login }, signal) => {
    if (login.kind === 'ambient' && ambient !== null) return await ambient();
    const name = JSON.stringify([project, endpoint, login]);
    const source = kept.get(name) ?? makeSource({ project, endpoint, login }, signer);
    kept.set(name, source);
    try {
      return await within(async () => await (await source)(), signal);
    } catch (thrown) {
      // The library keeps what it has learned of its environment: a mended one is looked at anew.
      kept.delete(name);
      throw thrown instanceof JitError ? thrown : noCredentials(login, thrown);
    }
  };
}

async function makeSource({ project, endpoint, login }: Reach, signer: TokenSigner | null): Promise<TokenSource> {
  const { GoogleAuth, IdentityPoolClient } = await import('google-auth-library');
  if (login.kind === 'ambient') {
    // Left to itself the library looks for a project, at services that the broker needs for nothing else, and fails with them.
    const auth = new GoogleAuth({ scopes: [SCOPE], projectId: project });
    return async () => await tokenOf(await auth.getClient());
  }
  if (signer === null) {
    throw new JitError({
      code: 'ERR_CLOUD',
      message: 'the broker has no issuer to sign with',
      hint: 'restore the issuer that this grant was issued with',
    });
  }
  const claims = { aud: login.audience, sub: subjectOf(project) };
  const client = new IdentityPoolClient({
    type: 'external_account',
    audience: login.audience,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${baseOf('sts', endpoint)}/v1/token`,
    scopes: [SCOPE],
    ...(login.impersonate === null
      ? {}
      : {
          service_account_impersonation_url: `${baseOf('iamcredentials', endpoint)}/v1/projects/-/serviceAccounts/${login.impersonate}:generateAccessToken`,
        }),
    subject_token_supplier: {
      getSubjectToken: async () => (await signer.sign(claims, SUBJECT_SECONDS)).expose(),
    },
  });
  return async () => await tokenOf(client);
}

/** The subject of the broker's token: it names the one project that it is for, so that a pool can insist on it. */
export function subjectOf(project: string): string {
  return `jit:projects/${project}`;
}

async function tokenOf(client: AuthClient): Promise<Secret<string>> {
  const { token } = await client.getAccessToken();
  if (typeof token !== 'string' || token === '') {
    throw new JitError({ code: 'ERR_CLOUD_BUSY', message: 'google gave the broker no access token' });
  }
  return new Secret(token);
}

async function within<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(new Error('no answer in time'));
  const both = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
  if (both.aborted) stop();
  both.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work(), promise]);
  } finally {
    both.removeEventListener('abort', stop);
  }
}

/** The library's own text may show what it sent, so none of it is kept: only whether an answer came, and which. */
function noCredentials(login: Login, thrown: unknown): JitError {
  const http = statusOf(thrown);
  const none = thrown instanceof Error && thrown.message.startsWith('Could not load the default credentials');
  const refused = none || (http !== null && http >= 400 && http < 500 && http !== 429);
  const where = login.kind === 'ambient' ? 'its environment' : `a token of its own issuer at ${login.audience}`;
  return new JitError({
    code: refused ? 'ERR_CLOUD' : 'ERR_CLOUD_BUSY',
    message: `the broker got no access token of google from ${where}${http === null ? '' : ` (HTTP ${http})`}`,
    hint:
      login.kind === 'ambient'
        ? 'give it application default credentials, such as an attached service account or GOOGLE_APPLICATION_CREDENTIALS'
        : 'the workload identity provider must trust the issuer of the broker, which Google must reach; see src/providers/gcp/README.md',
  });
}

function statusOf(thrown: unknown): number | null {
  const response: unknown = thrown instanceof Error && 'response' in thrown ? thrown.response : null;
  if (typeof response !== 'object' || response === null || !('status' in response)) return null;
  return typeof response.status === 'number' ? response.status : null;
}
