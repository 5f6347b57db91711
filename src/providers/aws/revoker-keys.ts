/**
 * The rights of the revoker, for one purpose at a time.
 * @module
 */
import type { Assume } from './assume.ts';
import type { NamedKeys } from './clients.ts';
import { SHORTEST_SESSION } from './target.ts';
import type { RoleAccess } from './target.ts';

const NAME = 'jit-revoker';

/** One statement of what the revoker is needed for. */
export interface Purpose {
  readonly actions: readonly string[];
  readonly resource: string | readonly string[];
}

/**
 * Keys of the revoker role, narrowed to the purposes whatever else the role may do. Null where the target has no revoker: then the
 * credentials that the broker runs under are used as they are.
 */
export function revokerKeys(assume: Assume, access: RoleAccess, purposes: readonly Purpose[]): NamedKeys | null {
  const { revoker } = access;
  if (revoker === null) return null;
  const policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: purposes.map(({ actions, resource }) => ({ Effect: 'Allow', Action: actions, Resource: resource })),
  });
  const source: NamedKeys['source'] = async () => {
    const { signal } = new AbortController();
    const order = { role: revoker, session: NAME, policy, seconds: SHORTEST_SESSION, marking: null };
    const { keys, expiresAt } = await assume(access, order, signal);
    return { ...keys.expose(), expiration: new Date(expiresAt) };
  };
  return { name: JSON.stringify([revoker, access.credentials, access.externalId, policy]), source };
}
