/**
 * When a token counts.
 * @module
 */
import { type Claims, timeClaim } from './claims.ts';
import type { ProviderConfig } from './config.ts';
import { refused } from './refusal.ts';
import type { Verified } from './verified.ts';

/** How far the clock of a provider may be off. */
export const LEEWAY_MS = 60_000;
/** The oldest proof, by how its kind is renewed: made for this sign-in, or handed out once for a job or kept by somebody's cache. */
export const OLDEST_MS: Readonly<Record<Verified['renewal'], number>> = {
  'on demand': 10 * 60_000,
  fixed: 24 * 60 * 60_000,
};

/** IAM user guide, "Understanding token claims": the issuer of an account's own tokens, of which STS makes one for each call. */
const OF_STS = /^https:\/\/[\w-]+\.tokens\.sts\.global\.api\.aws$/;

/**
 * Only people, jobs on GitHub and callers of AWS get a new token whenever they ask; projected files and metadata services
 * repeat an old one.
 */
export function renewalOf(config: ProviderConfig): Verified['renewal'] {
  const { type } = config;
  const anew = type === 'oidc' || type === 'github' || (type === 'jwt' && OF_STS.test(config.issuer));
  return anew ? 'on demand' : 'fixed';
}

/**
 * `issuedAt` and `until` by the provider's clock. Up to the leeway after `until` a proof is still taken, so for that much
 * longer it has to be remembered as used.
 */
export type Times = Pick<Verified, 'issuedAt' | 'until' | 'renewal'>;

/** Throws `ERR_NOT_SIGNED_IN` for a token that is over, not yet good or too old, and without `exp` or `iat`. */
export function timesOf(config: ProviderConfig, claims: Claims, now: number): Times {
  const [exp, iat, nbf] = [timeClaim(claims, 'exp'), timeClaim(claims, 'iat'), timeClaim(claims, 'nbf')];
  if (exp === null || iat === null) throw refused('it does not say when it was issued and when it ends');
  if (iat > now + LEEWAY_MS) throw refused(`it was issued ${Math.round((iat - now) / 1_000)}s in the future`);
  if (nbf !== null && nbf > now + LEEWAY_MS) throw refused('it is not good yet');
  const renewal = renewalOf(config);
  const until = Math.min(exp, iat + OLDEST_MS[renewal]);
  if (now >= until + LEEWAY_MS) throw refused(now >= exp + LEEWAY_MS ? 'it has expired' : 'it is too old');
  return { issuedAt: iat, until, renewal };
}
