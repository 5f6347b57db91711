/**
 * Every configured identity provider behind one verifier, and what is said of them to whoever wants to sign in.
 * @module
 */
import type { IdentityConfig } from '../broker/config/identity.ts';
import type { Log } from '../broker/service/log.ts';
import { JitError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import { type AwsEntry, awsIssuerLabel, makeAwsVerifier } from '../identity/aws/config.ts';
import { type ProviderConfig, providerView } from '../identity/verify/config.ts';
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
