/**
 * Every configured identity provider behind one verifier, and what is said of them to whoever wants to sign in.
 * @module
 */
import type { IdentityConfig } from '../broker/config/identity.ts';
import type { Log } from '../broker/service/log.ts';
import { JitError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import { type AwsEntry, awsIssuerLabel, makeAwsVerifier } from '../identity/aws/config.ts';
import { type OidcConfig, type ProviderConfig, providerView } from '../identity/verify/config.ts';
import { makeAskStanding, type Standing } from '../identity/verify/standing.ts';
import type { Verifier } from '../identity/verify/verified.ts';
import { makeVerifier } from '../identity/verify/verifier.ts';
import type { ProviderView } from '../wire/sessions.ts';

export interface VerifierParts {
  readonly identity: ReadonlyMap<string, IdentityConfig>;
  readonly audience: string;
  readonly now: Clock;
  readonly log: Log;
}

/** Throws `ERR_CONFIG` where entries contradict each other. */
export function verifierOf({ identity, audience, now, log }: VerifierParts): Verifier {
  const [entries, providers] = partsOf(identity);
  const tokens = makeVerifier({ providers, audience, now, log });
  const aws = entries.length === 0 ? null : makeAwsVerifier({ entries, audience, now, log: log.warn });
  return {
    verify: async (assertion, binding) => {
      if (assertion.type !== 'urn:jit:token-type:aws-caller-identity') return tokens.verify(assertion, binding);
      if (aws !== null) return aws(assertion.token, binding);
      throw new JitError({
        code: 'ERR_NOT_SIGNED_IN',
        message: 'that does not prove an identity that this broker knows',
        hint: 'sign in with: jit login',
      });
    },
  };
}

/**
 * How the broker asks whether a provider of people is down, by its name; of any other it cannot tell. Warns of those that it could
 * not ask in an emergency, where that would matter.
 */
export function standingsOf({
  identity,
  seconds,
  log,
}: Pick<VerifierParts, 'identity' | 'log'> & {
  /** How old a word may be while its provider is down; 0: no older than at other times. */
  readonly seconds: number;
}): (provider: string) => Promise<Standing> {
  const ask = makeAskStanding();
  const people = new Map<string, OidcConfig>();
  for (const [name, config] of identity) {
    if (config.type !== 'oidc') continue;
    people.set(name, config);
    if (seconds > 0 && config.keys !== 'discovery') {
      log.warn('emergencies.sessions does not count for a provider whose keys are not found by discovery', { name });
    }
  }
  return async (provider) => {
    const config = people.get(provider);
    return config === undefined ? { kind: 'unknown' } : ask(config);
  };
}

export function providerViews(identity: ReadonlyMap<string, IdentityConfig>): readonly ProviderView[] {
  return [...identity].map(([name, config]) =>
    config.type === 'aws'
      ? { name, type: config.type, issuer: awsIssuerLabel(config), client: null }
      : providerView(name, config),
  );
}

function partsOf(
  identity: ReadonlyMap<string, IdentityConfig>,
): readonly [readonly AwsEntry[], ReadonlyMap<string, ProviderConfig>] {
  const entries: AwsEntry[] = [];
  const providers = new Map<string, ProviderConfig>();
  for (const [name, config] of identity) {
    if (config.type === 'aws') entries.push({ ...config, name });
    else providers.set(name, config);
  }
  return [entries, providers];
}
