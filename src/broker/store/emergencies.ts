/**
 * What is remembered of emergency requests beside what is remembered of every request.
 * @module
 */
import type { IncidentRef, ReviewVerdict } from '../../core/incident.ts';
import type { RequestId } from '../../core/ids.ts';
import type { Principal } from '../../core/principal.ts';
import type { StoredRequest } from './store.ts';

/** What people make of it afterwards. */
export interface Review {
  /** Epoch ms: when access was given. */
  readonly openedAt: number;
  readonly closed: {
    /** Epoch ms. */
    readonly at: number;
    /** Somebody else than the holder. */
    readonly by: Principal;
    readonly verdict: ReviewVerdict;
    readonly comment: string;
  } | null;
}

/** The part that changes. */
export interface Emergency {
  /** The source's own id; null as long as the source could not be asked. */
  readonly incident: string | null;
  /** How long the holder is warned before the access goes because the incident is over; 0: it goes at once. */
  readonly warnSeconds: number;
  /** Whether its incident still has to be looked at: something of it lives, or can still come to life. */
  readonly watched: boolean;
  /** Null where nothing was given. */
  readonly review: Review | null;
  /** Counts commits from 1; the condition for the next one. */
  readonly version: number;
}

export interface StoredEmergency extends Emergency {
  readonly request: StoredRequest;
}

/** Part of a `Change`. `version` is the one that was read, 0 for a new one, which is stored with its request. */
export type EmergencyChange = Emergency & { readonly id: RequestId };

export type EmergencyFilter =
  /** At most 10,000, the oldest first. */
  | { readonly kind: 'watched' }
  /** Of one incident, or with `id` null those of a source that nobody could name; those that are watched, then the newest first. @property limit 1 to 1,000. */
  | {
      readonly kind: 'of incident';
      readonly incident: Pick<IncidentRef, 'source'> & { readonly id: string | null };
      readonly limit: number;
    }
  /** Asked for at `at` (epoch ms) or later: newest first, but drills and what came to nothing after all others. */
  | { readonly kind: 'since'; readonly at: number; readonly limit: number }
  /** Given, and not reviewed, the oldest first, drills after all others. */
  | { readonly kind: 'unreviewed'; readonly limit: number };

/** Every method may fail with `ERR_STORE` (retryable). A list leaves out what cannot be read, and reports it. */
export interface EmergencyStore {
  emergency(id: RequestId): Promise<StoredEmergency | null>;
  emergencies(filter: EmergencyFilter): Promise<readonly StoredEmergency[]>;
}
