/**
 * The identity provider as openid-client sees it: found by discovery, a public client, no secret.
 * @module
 */
import type * as Oidc from 'openid-client';
import { JitError } from '../../core/errors.ts';
import type { ProviderView } from '../../wire/sessions.ts';
import { asProviderFault, misconfigured, nameOf } from './faults.ts';
import { ANSWER_WITHIN_MS, providerFetch, requireFit } from './fetch.ts';

/** What every part of signing in needs to know. */
export interface SignInContext {
  /** As the broker lists it; one whose `client` is null is not for people. */
  readonly provider: ProviderView;
  /** The word after `jit login` that means the broker: hints are made with it. */
  readonly broker: string;
  /** Ends it; with a `JitError` as its reason, that is what is thrown. */
  readonly signal: AbortSignal;
}

/** openid-client, loaded when somebody signs in, and one provider. */
export interface Connection {
  readonly oidc: typeof Oidc;
  readonly config: Oidc.Configuration;
  readonly issuer: URL;
  /** `openid` and what the broker asks for. */
  readonly scopes: readonly string[];
}

/** The broker judges times by its own clock. A laptop that is minutes off must not be kept from signing in. */
const CLOCK_TOLERANCE_S = 300;

/**
 * Reads the provider's metadata, https://openid.net/specs/openid-connect-discovery-1_0.html.
 * Throws `ERR_CONFIG` for an issuer that is neither https nor on this machine, and `ERR_IDENTITY_PROVIDER`.
 */
export async function connect(context: SignInContext): Promise<Connection> {
  const { provider, signal } = context;
  if (provider.client === null) {
    throw new JitError({ code: 'ERR_USAGE', message: `${nameOf(provider)} is for workloads, not for people` });
  }
  const issuer = issuerOf(context);
  const oidc = await import('openid-client');
  const metadata = { token_endpoint_auth_method: 'none', [oidc.clockTolerance]: CLOCK_TOLERANCE_S };
  try {
    const config = await oidc.discovery(issuer, provider.client.id, metadata, oidc.None(), {
      [oidc.customFetch]: providerFetch(issuer, signal),
      timeout: ANSWER_WITHIN_MS / 1_000,
      // Every address is checked by the fetch, more strictly than by openid-client.
      execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
    });
    return { oidc, config, issuer, scopes: [...new Set(['openid', ...provider.client.scopes])] };
  } catch (thrown) {
    throw asProviderFault(thrown, context);
  }
}

function issuerOf(context: SignInContext): URL {
  const issuer = URL.parse(context.provider.issuer);
  if (issuer === null || issuer.search !== '' || issuer.hash !== '') {
    throw misconfigured(`the issuer of ${nameOf(context.provider)} is not one`, context);
  }
  return requireFit(issuer, issuer);
}
