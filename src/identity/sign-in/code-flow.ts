/**
 * Signing in through the browser: authorization code with PKCE on a loopback redirect (RFC 6749, RFC 7636, RFC 8252).
 * @module
 */
import type { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { asProviderFault, nameOf, notSignedIn } from './faults.ts';
import { requireFit } from './fetch.ts';
import { type Arrival, type Loopback, listenForCallback } from './loopback.ts';
import { type Connection, type SignInContext, connect } from './provider.ts';
import { type SignedIn, signedIn } from './tokens.ts';

export interface CodeFlowContext extends SignInContext {
  /** The thumbprint of the key that the broker's session is to be bound to, RFC 7638: the ID token will carry it. */
  readonly nonce: string;
  /** Opens the person's browser, see `openBrowser`. */
  readonly open: (url: URL) => Promise<'opened' | 'none'>;
  /** Tells the person where to sign in, whether or not a browser was opened. The URL holds no secret. */
  readonly show: (url: URL, browser: 'opened' | 'none') => void;
  /** How long to wait for the person; 5 min by default. */
  readonly timeoutMs?: number;
}

const PATIENCE_MS = 5 * 60_000;

/**
 * Throws `ERR_NOT_SIGNED_IN` where the person or the provider says no, or nobody comes back in time;
 * `ERR_IDENTITY_PROVIDER`, `ERR_CONFIG`; and the signal's reason. The port is closed again whatever happens.
 */
export async function signInByBrowser(context: CodeFlowContext): Promise<SignedIn> {
  const connection = await connect(context);
  const { oidc, config } = connection;
  // The ID token came over a connection that only the provider can answer, but its signature is what the broker judges by.
  oidc.enableNonRepudiationChecks(config);
  const state = oidc.randomState();
  const verifier = new Secret(oidc.randomPKCECodeVerifier());
  const { signal, timeoutMs = PATIENCE_MS } = context;
  const loopback = await listenForCallback({ state, timeoutMs, signal });
  try {
    const url = await authorizationUrl(connection, context, { state, verifier, loopback });
    context.show(url, await context.open(url));
    const arrival = await loopback.arrival;
    if (arrival.kind !== 'arrived') throw lost(arrival, context, timeoutMs);
    return await exchange(connection, context, { state, verifier, arrival });
  } finally {
    await loopback.close();
  }
}

interface Begun {
  readonly state: string;
  readonly verifier: Secret<string>;
}

async function authorizationUrl(
  { oidc, config, issuer, scopes }: Connection,
  context: CodeFlowContext,
  { state, verifier, loopback }: Begun & { readonly loopback: Loopback },
): Promise<URL> {
  try {
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: loopback.redirectUri,
      scope: scopes.join(' '),
      state,
      nonce: context.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier.expose()),
      code_challenge_method: 'S256',
      ...consent(issuer, scopes),
    });
    return requireFit(url, issuer);
  } catch (thrown) {
    throw asProviderFault(thrown, context);
  }
}

const MICROSOFT = /^(?:login\.microsoftonline\.(?:com|us)|login\.partner\.microsoftonline\.cn|sts\.windows\.net)$/;

/**
 * A provider may ignore `offline_access` without it, https://openid.net/specs/openid-connect-core-1_0.html#OfflineAccess.
 * Entra ID gives refresh tokens without, and with it stops everybody but administrators (AADSTS90094).
 */
function consent(issuer: URL, scopes: readonly string[]): { readonly prompt?: 'consent' } {
  return scopes.includes('offline_access') && !MICROSOFT.test(issuer.hostname) ? { prompt: 'consent' } : {};
}

async function exchange(
  { oidc, config }: Connection,
  context: CodeFlowContext,
  { state, verifier, arrival }: Begun & { readonly arrival: Arrival & { readonly kind: 'arrived' } },
): Promise<SignedIn> {
  try {
    const reply = await oidc.authorizationCodeGrant(config, arrival.url.expose(), {
      expectedState: state,
      expectedNonce: context.nonce,
      pkceCodeVerifier: verifier.expose(),
      idTokenExpected: true,
    });
    const result = signedIn(reply, context);
    await arrival.answer('done');
    return result;
  } catch (thrown) {
    const fault = asProviderFault(thrown, context);
    await arrival.answer(fault.code === 'ERR_NOT_SIGNED_IN' ? 'refused' : 'failed');
    throw fault;
  }
}

function lost(arrival: Exclude<Arrival, { kind: 'arrived' }>, context: CodeFlowContext, timeoutMs: number): JitError {
  const { provider, signal } = context;
  switch (arrival.kind) {
    case 'aborted':
      return asProviderFault(signal.reason, context);
    case 'timed out':
      return notSignedIn(
        `nobody came back from ${nameOf(provider)} within ${Math.round(timeoutMs / 1_000)} s`,
        context,
      );
    case 'disturbed':
      return notSignedIn(
        'the sign-in was given up: other pages or programs kept sending answers that are not its own',
        context,
      );
  }
}
