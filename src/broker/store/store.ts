/**
 * What the broker remembers. Every change of state is one `commit`: state, effects and audit entries become durable
 * together or not at all.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import type { Vote } from '../../core/approval.ts';
import type { Effect, Grant } from '../../core/grant.ts';
import type { GrantId, RequestId } from '../../core/ids.ts';
import type { Mark } from '../../core/ports.ts';
import type { PrincipalKey } from '../../core/principal.ts';
import type { EmergencyChange, EmergencyStore } from './emergencies.ts';
import type { AddressedNotice } from './notices.ts';
import type { AccessRequest, Decision } from '../../core/request.ts';

export interface StoredRequest {
  readonly request: AccessRequest;
  readonly hash: string;
  readonly decision: Decision;
  /** In the order in which they came. */
  readonly votes: readonly Vote[];
  readonly grant: GrantId | null;
  /** Counts commits of this request from 1; the condition for the next one. */
  readonly version: number;
}

export interface StoredGrant {
  readonly grant: Grant;
  readonly requester: PrincipalKey;
  /** Counts commits of this grant from 1; the condition for the next one. */
  readonly version: number;
  /** Epoch ms of the intent. */
  readonly createdAt: number;
  /** Epoch ms of the first time a credential left the broker, or null. */
  readonly deliveredAt: number | null;
  /** Epoch ms of the last sign of use. Kept only where the grant has an idle limit, else null. */
  readonly usedAt: number | null;
  /** The keys under which it was renewed, at most one for each renewal. */
  readonly renewalKeys: readonly Idempotency[];
}

/** Names one row of the outbox: a grant has at most one effect of a kind at a target. */
export interface EffectKey {
  readonly grant: GrantId;
  readonly kind: Effect['kind'];
  /** Empty for effects that have no target. */
  readonly target: string;
}

export interface ClaimedEffect extends EffectKey {
  readonly dueAt: number;
  /** Whether an earlier claim ran out: the effect may have been carried out already. */
  readonly attempted: 'never' | 'maybe';
}

/** A replay of the same key with the same body gives the same request or renewal; with another body it is refused. */
export interface Idempotency {
  readonly key: string;
  /** SHA-256 of the body as received. */
  readonly bodyHash: string;
}

export interface Change {
  /**
   * `version` is the one that was read, 0 for a new request. What was asked never changes, and a grant is for good; the
   * `idempotency` of a request that is stored already is not looked at.
   */
  readonly request?: StoredRequest & { readonly idempotency: Idempotency | null };
  /** `version` is the one that was read, 0 for a new grant. */
  readonly grant?: StoredGrant;
  /** Sets or replaces outbox rows of `grant`. `claimedUntil`: epoch ms; the committer itself carries them out until then. */
  readonly effects?: readonly (Effect & { readonly claimedUntil: number | null })[];
  /** Removes an outbox row that has been carried out, unless `effects` sets it again. */
  readonly done?: EffectKey;
  /** About requests that are stored already, or with them. One that is stored already for the same event stays as it is. */
  readonly notices?: readonly AddressedNotice[];
  /** With a new emergency request, always; later for what changes of it. */
  readonly emergency?: EmergencyChange;
  /** About what is stored already, or with them; a grant together with no request but its own. */
  readonly entries: readonly AuditEvent[];
  /** `end`: this takes access away, so on a full disk it may use the room that is kept for that. */
  readonly purpose?: 'end';
}

export interface GrantFilter {
  /** What this principal answers for: their own and, unless they are an agent, what agents asked for in their name. */
  readonly requester?: PrincipalKey;
  readonly states?: readonly Grant['state']['name'][];
  /** 1 to 1,000, newest first. */
  readonly limit: number;
}

export interface EntryFilter {
  readonly grant?: GrantId;
  readonly request?: RequestId;
  /** First sequence number wanted. */
  readonly from: number;
  /** 1 to 1,000. */
  readonly limit: number;
}

/**
 * A store. Every method may fail with `ERR_STORE` (retryable), in which case nothing was changed. Lists and claims leave
 * out a row that cannot be read, so that it does not block the others, and report it to the operator.
 */
export interface Store extends EmergencyStore {
  /**
   * Durable when it resolves. Throws `ERR_CONFLICT` when the request's or the grant's version has moved on, or the
   * idempotency key is already taken by the same requester; then nothing was changed.
   */
  commit(change: Change): Promise<void>;
  request(id: RequestId): Promise<StoredRequest | null>;
  /** The request made earlier with this key by exactly this requester. */
  replayed(requester: PrincipalKey, key: string): Promise<{ bodyHash: string; id: RequestId } | null>;
  grant(id: GrantId): Promise<StoredGrant | null>;
  grants(filter: GrantFilter): Promise<readonly StoredGrant[]>;
  requests(filter: Pick<GrantFilter, 'requester' | 'limit'>): Promise<readonly StoredRequest[]>;
  /**
   * Requests of which something can still become: pending, or approved and not taken up. Those whose deadline comes first
   * are first. @param by epoch ms: only those whose deadline has come by then, or null for all. @param limit 1 to 1,000.
   */
  openRequests(by: number | null, limit: number): Promise<readonly StoredRequest[]>;
  /** Epoch ms of the earliest deadline of an open request, or null. */
  nextDeadline(): Promise<number | null>;
  /**
   * Takes due effects, those that have been ready longest first, at most `perTarget` for any one target and none for the targets in `busy`, and marks
   * them as claimed until `until`, so that nobody else takes them.
   */
  claim(options: {
    readonly now: number;
    readonly until: number;
    readonly limit: number;
    readonly perTarget: number;
    readonly busy: readonly string[];
  }): Promise<readonly ClaimedEffect[]>;
  /**
   * Epoch ms at which the next effect can be claimed, or null: when it is due, or when the claim on it runs out. Targets
   * in `busy` do not count.
   */
  nextDue(busy: readonly string[]): Promise<number | null>;
  /** Gives up all claims, which then count as `maybe` attempted: only for a process that knows it is alone, at its start. */
  releaseClaims(): Promise<void>;
  /**
   * Legs of that provider that ended early (before `endsAt`) and whose `notAfter` is after `now`, unknown outcomes
   * included, surely refused ones left out. Fails whole rather than leave one out: what is missing would be let in again.
   */
  revoked(provider: string, now: number): Promise<readonly Mark[]>;
  entries(filter: EntryFilter): Promise<readonly { readonly sequence: number; readonly line: string }[]>;
  close(): Promise<void>;
}
