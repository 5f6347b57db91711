/**
 * Checks proofs of identity that are JWTs: of people by OpenID Connect, of workloads by whoever runs them.
 * @module
 */
import { createHash } from 'node:crypto';
import { compactVerify } from 'jose';
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Principal } from '../../core/principal.ts';
import { ALGORITHMS, type Algorithm } from './algorithms.ts';
import { demandAudience, demandClaims, textClaim } from './claims.ts';
import { issuerOf, type ProviderConfig, reachOf } from './config.ts';
import { makeFetchJson, type Resolve } from './fetch.ts';
import { type KeySource, makeKeySource, type Origin, type VerifyLog } from './keys.ts';
import { demandKind } from './kind.ts';
import { DEADLINE_MS, fromDiscovery, fromFile, fromUrl, type Net } from './origin.ts';
import { personOf } from './people.ts';
import { detailOf, refused } from './refusal.ts';
import { parseSpiffeId } from './spiffe-id.ts';
import { timesOf } from './times.ts';
import { readToken, type Token } from './token.ts';
import type { Verified, Verifier } from './verified.ts';
import { workloadOf } from './workloads.ts';

export interface VerifierParts {
  /** By name. Where several are about one issuer, the first that a token fits vouches for it. */
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  /** The broker's own: what a workload's token must be made for. */
  readonly audience: string;
  readonly now: Clock;
  readonly log: VerifyLog;
  /** The name service; by default the system's. */
  readonly resolve?: Resolve;
  /** PEM of the authorities to trust instead of the usual ones. */
  readonly ca?: string;
  /** For one refresh of keys, in ms; by default 5 s. */
  readonly deadlineMs?: number;
}

interface Entry {
  readonly name: string;
  readonly config: ProviderConfig;
  readonly keys: KeySource;
}

/** ID tokens are held against the `oidc` entries, other JWTs against the workloads'. Nothing is fetched before the first proof. */
export function makeVerifier(parts: VerifierParts): Verifier {
  const { audience, now } = parts;
  const entries = entriesOf(parts);

  async function verified({ name, config, keys }: Entry, token: Token): Promise<Verified> {
    const alg = algorithmOf(config, token);
    demandKind(config, token);
    demandAudience(token.claims, audienceOf(config, audience));
    demandParty(config, token);
    const times = timesOf(config, token.claims, now());
    await demandSignature(keys, alg, token);
    demandClaims(token.claims, config.require);
    const principal: Principal =
      config.type === 'oidc' ? personOf(config, token.claims) : workloadOf(config, token.claims);
    const once = onceOf(issuerOf(config), token);
    return { provider: name, principal, ...times, once, nonce: textClaim(token.claims, 'nonce') };
  }

  return {
    verify: async ({ type, token: secret }) => {
      const people = type === 'urn:ietf:params:oauth:token-type:id_token';
      if (!people && type !== 'urn:ietf:params:oauth:token-type:jwt')
        throw refused('not a kind of token that is checked here');
      const token = readToken(secret.expose());
      const about = entries.filter(({ config }) => (config.type === 'oidc') === people && isAbout(config, token));
      const reasons: string[] = [];
      let outage: JitError | null = null;
      for (const entry of about) {
        try {
          return await verified(entry, token);
        } catch (thrown) {
          if (!(thrown instanceof JitError)) throw thrown;
          if (thrown.code === 'ERR_IDENTITY_PROVIDER') outage ??= thrown;
          reasons.push(`${entry.name}: ${detailOf(thrown)}`);
        }
      }
      throw outage ?? refused(reasons.length === 0 ? 'no configured provider issues such tokens' : reasons.join('; '));
    },
  };
}

/** Entries with the same origin of keys share what was fetched, and its limits. */
function entriesOf({ providers, now, log, resolve, ca, deadlineMs = DEADLINE_MS }: VerifierParts): readonly Entry[] {
  const net: Net = { fetchJson: makeFetchJson({ resolve, ca }), deadlineMs };
  const sources = new Map<string, KeySource>();
  return [...providers].map(([name, config]) => {
    const { keys: place, type, allow_private_addresses: allowed } = config;
    const shared = JSON.stringify([place === 'discovery' ? issuerOf(config) : place, type === 'spiffe', allowed]);
    const keys = sources.get(shared) ?? makeKeySource({ origin: originOf(config, net), now, log });
    sources.set(shared, keys);
    return { name, config, keys };
  });
}

function originOf(config: ProviderConfig, net: Net): Origin {
  const { keys, type } = config;
  const use = type === 'spiffe' ? 'jwt-svid' : 'sig';
  if (keys === 'discovery') return fromDiscovery(issuerOf(config), reachOf(config), net);
  return 'url' in keys ? fromUrl(keys.url, use, reachOf(config), net) : fromFile(keys.file, use);
}

/** A JWT-SVID belongs to the trust domain of its subject; it may have no issuer. */
function isAbout(config: ProviderConfig, { claims }: Token): boolean {
  if (config.type !== 'spiffe') return claims.get('iss') === config.issuer;
  const subject = claims.get('sub');
  return typeof subject === 'string' && parseSpiffeId(subject)?.trustDomain === config.trust_domain;
}

function algorithmOf(config: ProviderConfig, { header }: Token): Algorithm {
  const alg = ALGORITHMS.find((each) => each === header.get('alg'));
  const allowed: readonly Algorithm[] = config.algorithms;
  if (alg === undefined || !allowed.includes(alg)) throw refused('the algorithm is not allowed for this issuer');
  return alg;
}

function audienceOf(config: ProviderConfig, broker: string): string {
  if (config.type === 'oidc') return config.client_id;
  return config.type === 'azure' ? (config.application_id ?? broker) : broker;
}

/** OpenID Connect Core 3.1.3.7: an ID token that was made at the wish of another client is for that one. */
function demandParty(config: ProviderConfig, { claims }: Token): void {
  if (config.type !== 'oidc' || !claims.has('azp')) return;
  if (claims.get('azp') !== config.client_id) throw refused('it was made for another client');
}

async function demandSignature(keys: KeySource, alg: Algorithm, { header, compact }: Token): Promise<void> {
  const found = await keys.find(alg, textClaim(header, 'kid'));
  for (const { jwk } of found) {
    const good = await compactVerify(compact, jwk, { algorithms: [alg] }).then(
      () => true,
      () => false,
    );
    if (good) return;
  }
  throw refused(found.length === 0 ? 'there is no such key' : 'the signature is wrong');
}

/** What is signed, not the token, where there is no `jti`: of one signature by elliptic curves anybody can make another. */
function onceOf(issuer: string, { claims, signed }: Token): string {
  const jti = textClaim(claims, 'jti');
  const named = jti === null ? signed : JSON.stringify([issuer, jti]);
  return createHash('sha256').update(named, 'utf8').digest('base64url');
}
