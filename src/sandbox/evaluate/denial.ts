/**
 * AWS's own words for a denial. Callers tell a revoked session from a narrow one by them.
 * Source: IAM user guide, "Troubleshoot access denied error messages".
 * @module
 */
import { fault } from '../fault.ts';
import type { Fault } from '../fault.ts';
import type { Reason } from './evaluate.ts';

/** `no-trust`: the role's trust policy does not let the caller in. */
export type DenialReason = Reason | 'no-trust' | 'trust-explicit';

const WORDS = {
  'identity-explicit': () => 'with an explicit deny in an identity-based policy',
  'session-explicit': () => 'with an explicit deny in a session policy',
  'trust-explicit': () => 'with an explicit deny in a resource-based policy',
  'identity-implicit': (action: string) => `because no identity-based policy allows the ${action} action`,
  'session-implicit': (action: string) => `because no session policy allows the ${action} action`,
  'no-trust': (action: string) => `because no resource-based policy allows the ${action} action`,
} as const satisfies Record<DenialReason, (action: string) => string>;

/** Who was denied what. `resource` is written as the service writes it, or null for an action without a resource. */
export interface Denial {
  readonly caller: string;
  readonly action: string;
  readonly resource: string | null;
  readonly reason: DenialReason;
}

/** `AccessDenied` with HTTP status 403. */
export function accessDenied(denial: Denial): Fault {
  const { caller, action, resource, reason } = denial;
  const on = resource === null ? '' : ` on resource: ${resource}`;
  const why = WORDS[reason](action);
  return fault('AccessDenied', 403, `User: ${caller} is not authorized to perform: ${action}${on} ${why}`);
}
