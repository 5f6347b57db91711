/**
 * The running cloud: its world, its keys, its clock, and what it has learnt to avoid doing twice.
 * @module
 */
import { remember } from './cache.ts';
import type { Policy } from './evaluate/document.ts';
import { PERMISSIONS, parsePolicy } from './evaluate/document.ts';
import type { Fault } from './fault.ts';
import type { Keyring } from './keys.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';
import type { TokenVerifier } from './sts/identity-token.ts';
import type { World } from './world.ts';

/** Everything that a handler needs. `now` is epoch milliseconds. */
export interface Cloud {
  readonly world: World;
  readonly keys: Keyring;
  readonly now: () => number;
  readonly verifyIdentityToken: TokenVerifier;
  /** Reads a permission policy; the same text is read once. */
  readonly readPolicy: (source: string) => Policy | Fault;
  /** Opens a session token; the same token is opened once. */
  readonly readSession: (accessKeyId: string, token: string) => Session | null;
  /** Called after each change of an inline policy, before it is answered. */
  readonly persist: () => void;
}

/** The parts that the cloud does not make itself. */
export type CloudParts = Omit<Cloud, 'readPolicy' | 'readSession'>;

const REMEMBERED = 1_024;

/** Adds the memories to the parts. Nothing is started or written. */
export function createCloud(parts: CloudParts): Cloud {
  const readPolicy = remember(REMEMBERED, (source) => parsePolicy(source, PERMISSIONS));
  const open = remember(REMEMBERED, (joined) => {
    const space = joined.indexOf(' ');
    return { session: openSession(parts.keys, joined.slice(0, space), joined.slice(space + 1)) };
  });
  return { ...parts, readPolicy, readSession: (accessKeyId, token) => open(`${accessKeyId} ${token}`).session };
}
