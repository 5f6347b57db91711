/**
 * Taking up a grant: the broker ends one whose credential nobody has fetched within two minutes, since its holder may be gone.
 * @module
 */
import type { Broker } from '../context.ts';
import type { Granted } from './submit.ts';

/**
 * Fetches the credential once and forgets it. The keeper fetches its own when a tool first asks, which may be later than
 * the broker waits; and what cannot be issued is better known before the user is told how to use it.
 */
export async function claim({ client }: Broker, { grant }: Granted): Promise<void> {
  await client.credentials(grant.id);
}
