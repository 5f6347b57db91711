/**
 * What the broker's use cases work with. Made once, in `src/jit-broker`.
 * @module
 */
import type { Clock, Provider, Random, Target } from '../../core/ports.ts';
import type { Principal } from '../../core/principal.ts';
import type { PolicySet } from '../../policy/load.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Incidents } from '../incidents/registry.ts';
import type { Store } from '../store/store.ts';
import type { Changes } from './changes.ts';
import type { Log } from './log.ts';
import type { Teller } from './tell.ts';

export interface World {
  readonly store: Store;
  /** The present set: it changes when the policies are loaded anew, so it is read once for each decision. */
  readonly policy: PolicySet;
  readonly catalog: Catalog;
  readonly targets: ReadonlyMap<string, Target>;
  /** Those of the targets, by kind. */
  readonly providers: ReadonlyMap<string, Provider>;
  /** Also of a kind that no target has any more: what was issued there has to go. Throws `ERR_CONFIG` where there is none. */
  readonly providerOf: (kind: string) => Promise<Provider>;
  readonly changes: Changes;
  readonly now: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly approvals: ApprovalSettings;
  readonly incidents: Incidents;
  readonly emergencies: EmergencySettings;
  readonly teller: Teller;
  /** Somebody as the identity provider last vouched for them; the same as given where nothing newer is known. */
  readonly present: (who: Principal) => Promise<Principal>;
}

export interface ApprovalSettings {
  /** Whether there is anybody at this broker who could approve: at an embedded one there is not. */
  readonly approvers: 'people' | 'nobody';
  /** How long a request waits for approvals, how long an approved one waits to be taken up, and one's own confirmation. */
  readonly waitMs: number;
  readonly takeUpMs: number;
  readonly confirmMs: number;
}

export interface EmergencySettings {
  /** How long the last answer of an incident source counts for what is live, where it gives no other. */
  readonly staleMs: number;
  /** Emergency requests of one person. */
  readonly rate: { readonly requests: number; readonly withinMs: number };
  /** With so many reviews of their earlier access open, somebody is given no more. */
  readonly openReviews: number;
  /** Groups whose members are not held up by that. */
  readonly commanders: readonly string[];
}
