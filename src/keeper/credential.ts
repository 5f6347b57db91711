/**
 * `jit credential` where the launcher's fast path was not enough: no keeper, or one that does not know the grant.
 * @module
 */
import type { BrokerClient } from '../client/client.ts';
import type { BrokerRef } from '../client/ref.ts';
import { JitError } from '../core/errors.ts';
import type { GrantId } from '../core/ids.ts';
import type { Secret } from '../core/secret.ts';
import { adoptionOf, type Keeper } from './connect.ts';
import type { Format, HandedOut, HeldProfile } from './protocol.ts';

export interface CredentialOptions {
  /** The keeper, started if need be. */
  readonly keeper: () => Promise<Keeper>;
  readonly grant: GrantId;
  readonly format: Format;
  readonly target?: string | undefined;
  /** Asked for only when the keeper does not hold the grant: the broker that issued it, up and running. Its client stays open. */
  readonly broker: () => Promise<{ readonly ref: BrokerRef; readonly client: BrokerClient }>;
  /** The grant's profiles that are written, so that a new keeper wipes them at the end. Asked for in the same case. */
  readonly profiles: () => Promise<readonly HeldProfile[]>;
}

/**
 * A credential from the keeper. If the keeper is new and does not know the grant, it is handed over again first, by what
 * the broker says of it: so live grants go on working after the keeper was killed.
 * Throws `ERR_GRANT_ENDED`, `ERR_NOT_FOUND` (by the broker), and whatever the broker and the keeper throw.
 */
export async function credentialThroughKeeper(options: CredentialOptions): Promise<Secret<HandedOut>> {
  const { grant, format, target } = options;
  const keeper = await options.keeper();
  try {
    return await keeper.credential(grant, { format, target });
  } catch (thrown) {
    if (!(thrown instanceof JitError) || thrown.code !== 'ERR_NOT_FOUND') throw thrown;
  }
  const { ref, client } = await options.broker();
  const outcome = await client.getGrant(grant);
  await keeper.adopt(adoptionOf(outcome, { broker: ref, profiles: await options.profiles(), delivery: 'process' }));
  return keeper.credential(grant, { format, target });
}
