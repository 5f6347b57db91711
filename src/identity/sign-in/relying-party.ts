/**
 * The broker's pages as a client of an identity provider: authorization code with PKCE, state and nonce
 * (https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth, RFC 7636, RFC 9207). No token is kept.
 * @module
 */
import type * as Oidc from 'openid-client';
import { Secret } from '../../core/secret.ts';
import type { Clock } from '../../core/ports.ts';
import type { ProviderView } from '../../wire/sessions.ts';
import { asProviderFault, misconfigured } from './faults.ts';
import { ANSWER_WITHIN_MS, providerFetch, requireFit } from './fetch.ts';

/** What belongs to one way to the provider and back; whoever began it keeps it. */
export interface Trip {
  readonly state: string;
  readonly nonce: string;
  /** PKCE code verifier, RFC 7636 section 4.1. */
  readonly verifier: Secret<string>;
}

/**
 * `quiet`: answer without asking the person anything, or say that this cannot be (`prompt=none`). `again`: the person proves
 * themselves anew, whatever session they have there (`prompt=login`, `max_age=0`).
 */
export type Manner = 'quiet' | 'usual' | 'again';

export interface Redeemed {
  /** Not verified yet but for nonce, issuer, audience and times. */
  readonly idToken: Secret<string>;
  /** Epoch ms at which the person proved themselves, if the provider says so. */
  readonly authenticatedAt: number | null;
}

export interface RelyingParty {
  /** As it is configured. */
  readonly name: string;
  readonly issuer: string;
  newTrip(): Promise<Trip>;
  /** Where to send the browser. Throws `ERR_IDENTITY_PROVIDER`, `ERR_CONFIG`. */
  address(trip: Trip, manner: Manner): Promise<URL>;
  /**
   * Exchanges the code in the query with which the browser came back.
   * Throws `ERR_NOT_SIGNED_IN` for an answer that is over, used, or to somebody else's question; `ERR_IDENTITY_PROVIDER`, `ERR_CONFIG`.
   */
  redeem(answer: URLSearchParams, trip: Trip): Promise<Redeemed>;
}

export interface RelyingPartyParts {
  readonly provider: ProviderView & { readonly client: object };
  /** Null for a public client. */
  readonly secret: Secret<string> | null;
  /** https, and exactly as it is registered at the provider. */
  readonly redirectUri: string;
  readonly now: Clock;
}

interface Connection {
  readonly oidc: typeof Oidc;
  readonly config: Oidc.Configuration;
  /** Epoch ms. */
  readonly until: number;
}

/** How long the provider's metadata are believed. */
const METADATA_MS = 3_600_000;
/** The broker's verifier judges the times; this only must not be stricter. */
const CLOCK_TOLERANCE_S = 60;

/** Nothing is fetched before somebody signs in. */
export function makeRelyingParty(parts: RelyingPartyParts): RelyingParty {
  const { provider, secret, redirectUri, now } = parts;
  const { name, issuer, client } = provider;
  const whose = { provider, broker: new URL(redirectUri).origin };
  // The pages renew nothing by themselves, so they ask for nothing that outlives them.
  const scopes = [...new Set(['openid', ...client.scopes])].filter((scope) => scope !== 'offline_access');
  let known: Promise<Connection> | null = null;

  async function connect(): Promise<Connection> {
    const url = URL.parse(issuer);
    if (url === null) throw misconfigured('the issuer of the identity provider is not one', whose);
    requireFit(url, url);
    const oidc = await import('openid-client');
    const config = await oidc.discovery(url, client.id, { [oidc.clockTolerance]: CLOCK_TOLERANCE_S }, oidc.None(), {
      [oidc.customFetch]: providerFetch(url, null),
      timeout: ANSWER_WITHIN_MS / 1_000,
      // Every address is checked by the fetch, more strictly than by openid-client.
      execute: url.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
    });
    return { oidc, config: authenticated(oidc, config, url), until: now() + METADATA_MS };
  }

  /** With the secret, if there is one, sent in the way that the provider takes. */
  function authenticated(oidc: typeof Oidc, config: Oidc.Configuration, url: URL): Oidc.Configuration {
    if (secret === null) return config;
    const server = config.serverMetadata();
    // What a provider takes that does not say so, https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata.
    const ways = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const make = ways.includes('client_secret_basic') ? oidc.ClientSecretBasic : oidc.ClientSecretPost;
    const metadata = { [oidc.clockTolerance]: CLOCK_TOLERANCE_S };
    const own = new oidc.Configuration(server, client.id, metadata, make(secret.expose()));
    own[oidc.customFetch] = providerFetch(url, null);
    own.timeout = ANSWER_WITHIN_MS / 1_000;
    if (url.protocol === 'http:') oidc.allowInsecureRequests(own);
    return own;
  }

  async function connection(): Promise<Connection> {
    const before = known;
    const found = before === null ? null : await before.catch(() => null);
    if (found !== null && now() < found.until) return found;
    // Whoever comes at the same time shares it; a failure is not kept.
    if (known === before || known === null) known = connect();
    return known;
  }

  async function guarded<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await work(await connection());
    } catch (thrown) {
      throw asProviderFault(thrown, whose);
    }
  }

  return {
    name,
    issuer,
    newTrip: async () => {
      const oidc = await import('openid-client');
      return {
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        verifier: new Secret(oidc.randomPKCECodeVerifier()),
      };
    },
    address: async ({ state, nonce, verifier }, manner) =>
      guarded(async ({ oidc, config }) => {
        const url = oidc.buildAuthorizationUrl(config, {
          redirect_uri: redirectUri,
          scope: scopes.join(' '),
          state,
          nonce,
          code_challenge: await oidc.calculatePKCECodeChallenge(verifier.expose()),
          code_challenge_method: 'S256',
          ...MANNERS[manner],
        });
        return requireFit(url, new URL(issuer));
      }),
    redeem: async (answer, { state, nonce, verifier }) =>
      guarded(async ({ oidc, config }) => {
        const url = new URL(redirectUri);
        url.search = answer.toString();
        const reply = await oidc.authorizationCodeGrant(config, url, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier.expose(),
          idTokenExpected: true,
        });
        const time = reply.claims()?.auth_time;
        return {
          idToken: new Secret(reply.id_token ?? ''),
          authenticatedAt: typeof time === 'number' ? time * 1_000 : null,
        };
      }),
  };
}

/** https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest */
const MANNERS: Readonly<Record<Manner, Readonly<Record<string, string>>>> = {
  quiet: { prompt: 'none' },
  usual: {},
  again: { prompt: 'login', max_age: '0' },
};
