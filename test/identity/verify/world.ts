/**
 * A broker that believes one test issuer, at a time that the test sets.
 * @module
 */
import type { Verified } from '../../../src/identity/verify/verified.ts';
import type { VerifierParts } from '../../../src/identity/verify/verifier.ts';
import {
  at,
  AUDIENCE,
  BINDING,
  type Claims,
  entry,
  jwt,
  NOW,
  signed,
  type TestKey,
  testKey,
  verifierOf,
} from './issuer.ts';

export const KEY = await testKey('ES256', 'first');
export const NEXT = await testKey('ES256', 'second');
export const MINUTE = 60_000;
const YEAR = 365 * 86_400;

export interface World {
  now: number;
  readonly warnings: string[];
  verify(key?: TestKey, header?: Claims): Promise<Verified>;
}

/** Its tokens stay good throughout. */
export function worldOf(issuer: string, config: Claims = {}, parts: Partial<VerifierParts> = {}): World {
  const warnings: string[] = [];
  const rules = entry({ type: 'jwt', issuer, require: { sub: 'job' }, ...config });
  const world: World = {
    now: NOW,
    warnings,
    verify: async (key = KEY, header = {}) => {
      const [iat, exp] = [world.now / 1_000, at(YEAR)];
      const token = await signed(key, { iss: issuer, sub: 'job', aud: AUDIENCE, iat, exp }, header);
      return await verifier.verify(jwt(token), BINDING);
    },
  };
  const verifier = verifierOf(
    { work: rules },
    {
      now: () => world.now,
      log: { warn: (message, fields) => warnings.push(`${message} ${JSON.stringify(fields)}`) },
      ...parts,
    },
  );
  return world;
}
