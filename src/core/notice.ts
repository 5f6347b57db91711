/**
 * What people are told about a request: data only, with no secret in it and nothing that a cloud has said.
 * @module
 */
import type { AccessLevel } from './access.ts';
import type { CloseReason } from './grant.ts';
import { type GrantId, isRequestId, type RequestId } from './ids.ts';
import type { Principal, PrincipalKey } from './principal.ts';
import type { Quorum, RequestState } from './request.ts';
import type { Tier } from './tier.ts';

export const NOTICE_KINDS = [
  'approval-needed',
  'approved',
  'denied',
  'cancelled',
  'timed-out',
  'issued',
  'ended',
  /** A revocation that a cloud keeps refusing: somebody has to look. */
  'stuck',
  /** Emergency access, given without anybody's approval, or waiting for people to confirm it. */
  'break-glass',
  /** Its incident is over, so emergency access ends sooner than it was given for. */
  'incident-closing',
  /** Emergency access is over, and somebody has to say what they make of it. */
  'review-open',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** A permission as it is told: where, what, on what. */
export interface NoticedPermission {
  readonly target: string;
  readonly environment: string;
  readonly operation: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

export interface NoticedRequest {
  readonly id: RequestId;
  readonly hash: string;
  /** Version of the policy set under which it stands. */
  readonly policy: string;
  readonly requester: Pick<Principal, 'kind' | 'issuer' | 'subject' | 'name'> & {
    /** The person for whom an agent asks. */
    readonly actsFor: Pick<Principal, 'issuer' | 'subject' | 'name'> | null;
  };
  readonly permissions: readonly NoticedPermission[];
  readonly seconds: number;
  readonly reason: string;
  readonly ticket: string | null;
  /** Of emergency access: its incident, in the words of its source, or as somebody typed it. */
  readonly incident: { readonly source: string; readonly reference: string } | null;
  readonly tier: Tier | null;
  /** The highest of its operations; null where that is not known any more. */
  readonly risk: 'low' | 'medium' | 'high' | null;
  readonly access: AccessLevel | null;
  readonly quorum: readonly Quorum[];
  /** Epoch ms until which it has to be decided or taken up, or null. */
  readonly deadline: number | null;
}

export interface Notice {
  /** Always the same for one event, so that whoever is told twice can see it. Letters, digits, `-` and `_`. */
  readonly id: string;
  readonly kind: NoticeKind;
  /** Epoch ms of the event. */
  readonly at: number;
  readonly request: NoticedRequest;
  readonly grant: {
    readonly id: GrantId;
    readonly expiresAt: number | null;
    readonly reason: CloseReason | null;
  } | null;
  /** The groups that decide on it, or in an emergency would have. Null: everybody who may approve. */
  readonly approvers: readonly string[] | null;
  /** One line. */
  readonly why: string;
  /** Names of the people who decided, or who ended the grant. */
  readonly by: readonly string[];
  /** The request's page at the broker, or null where it has none. */
  readonly url: string | null;
}

/** @param serial the version that the event gave to the request or, for events of a grant, to the grant. */
export function noticeId(request: RequestId, kind: NoticeKind, serial: number): string {
  return `${request}_${kind}_${serial}`;
}

/** The request that a notice is about, or null for what is not the id of a notice. */
export function requestOfNotice(id: string): RequestId | null {
  const match = /^(req_[0-9a-z]{26})_[a-z-]{1,20}_\d{1,15}$/.exec(id);
  const request = match?.[1] ?? '';
  return isRequestId(request) ? request : null;
}

/** For whom a kind of notice is. */
export function audienceOf(kind: NoticeKind): 'approvers' | 'requester' | 'operators' {
  if (kind === 'approval-needed' || kind === 'break-glass' || kind === 'review-open') return 'approvers';
  return kind === 'stuck' ? 'operators' : 'requester';
}

/** What became of one attempt to tell. `problem`: a few lower-case words of our own, with nothing of what the other side said. */
export type Delivery =
  /** `receipt`: at most 1,000 characters that the notifier wants back with later notices about the same request; null: as before. */
  | { readonly kind: 'delivered'; readonly receipt: string | null }
  /** Try again, and not before `afterMs` where the other side asked for that. */
  | { readonly kind: 'later'; readonly afterMs: number | null; readonly problem: string }
  /** The same attempt would fail for ever. */
  | { readonly kind: 'refused'; readonly problem: string };

/** One way to tell people. What it throws is taken for a `later`. */
export interface Notifier {
  readonly name: string;
  /** @param earlier the receipt of the last notice about this request, or null. Told more than once after a crash. */
  deliver(notice: Notice, earlier: string | null, signal: AbortSignal): Promise<Delivery>;
}

/** A vote that somebody cast outside the broker's own pages, for exactly what they were shown. */
export interface RemoteVote {
  readonly request: RequestId;
  readonly hash: string;
  readonly policy: string;
  readonly choice: 'approve' | 'deny';
  readonly comment: string | null;
}

/** How the request stands after a vote, whatever the vote did. */
export interface VoteResult {
  readonly state: RequestState;
  readonly why: string;
  /** People still missing for the quorum. */
  readonly missing: number;
}

/**
 * Hands a vote to the one place where votes are judged: eligibility, self-approval, quorum. Throws a `JitError` that says why
 * it does not count.
 */
export type CastVote = (voter: PrincipalKey, vote: RemoteVote) => Promise<VoteResult>;
