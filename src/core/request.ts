/**
 * A request: who wants which operation on which resource for how long and why. Immutable, and identified by its hash.
 * @module
 */
import { type Canonical, canonicalHash } from './canonical.ts';
import { JitError } from './errors.ts';
import type { RequestId } from './ids.ts';
import type { BoundIncident } from './incident.ts';
import type { Principal } from './principal.ts';
import type { Tier } from './tier.ts';

/** What a person typed: an operation and the provider's own identifiers, or `name=value` parameters of a named operation. */
export interface Ask {
  readonly operation: string;
  readonly resources: readonly string[];
  /** The name of a configured target, where it does not follow from the operation. */
  readonly target?: string | undefined;
}

/** What the ask means at one target, in the provider's own permissions. This is what is decided, approved and issued. */
export interface Permission {
  readonly target: string;
  /** The operation as asked for. */
  readonly operation: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

export interface AccessRequest {
  readonly id: RequestId;
  readonly requester: Principal;
  readonly asks: readonly Ask[];
  readonly permissions: readonly Permission[];
  /** How long the grant shall last, counted from issuance. */
  readonly seconds: number;
  readonly reason: string;
  readonly ticket: string | null;
  /** Made in an emergency: the incident with which the access ends. */
  readonly incident: BoundIncident | null;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

export type RequestState = 'pending' | 'approved' | 'denied' | 'cancelled' | 'timed-out';

/** So many people, from that group or, with null, whoever may approve at all. */
export interface Quorum {
  readonly group: string | null;
  readonly approvers: number;
}

/** Why a request stands where it stands. */
export interface Decision {
  readonly state: RequestState;
  readonly tier: Tier | null;
  /** One line a person can act on. */
  readonly why: string;
  /** SHA-256 of the policy set that decided. */
  readonly policy: string;
  /** The people who have to agree; every entry is met by distinct people. Empty where nobody else has to. */
  readonly quorum: readonly Quorum[];
  /** Epoch ms: a pending request is to be decided by then, an approved one to be taken up. Null where nothing is waited for. */
  readonly deadline: number | null;
}

/** Without an agent's person it is what it was before there were agents, so that hashes of old requests stay true. */
function identity({ kind, issuer, subject, actsFor }: Principal): Canonical {
  const own = { kind, issuer, subject };
  return actsFor === undefined ? own : { ...own, actsFor: { issuer: actsFor.issuer, subject: actsFor.subject } };
}

function bound({ source, id, reference, standing }: BoundIncident): Canonical {
  const { responder, commander, onCallTier } = standing;
  return { source, id, reference, standing: { responder, commander, onCallTier } };
}

/** Binds votes and grants to exactly this request: a change of any field that was decided on changes the hash. */
export function requestHash(request: AccessRequest): string {
  const { requester } = request;
  const content: Canonical = {
    v: 1,
    id: request.id,
    requester: identity(requester),
    asks: request.asks.map((ask) => ({
      operation: ask.operation,
      resources: ask.resources,
      target: ask.target ?? null,
    })),
    permissions: request.permissions.map(({ target, operation, actions, resources }) => ({
      target,
      operation,
      actions,
      resources,
    })),
    seconds: request.seconds,
    reason: request.reason,
    ticket: request.ticket,
    createdAt: request.createdAt,
    ...(request.incident === null ? {} : { incident: bound(request.incident) }),
  };
  return canonicalHash(content);
}

export const REASON_LIMIT = 1_000;
export const RESOURCE_LIMIT = 2_048;
const TICKET = /^[A-Za-z0-9][A-Za-z0-9._#/-]{0,63}$/;
const RESOURCE = /^[\x21-\x7e]+$/;

/** @returns the reason as it was typed. Throws `ERR_REASON` when it is empty or longer than 1,000 characters. */
export function parseReason(text: string): string {
  if (text.trim() === '') {
    throw new JitError({ code: 'ERR_REASON', message: 'the reason is empty', hint: "add: --reason 'why you need it'" });
  }
  if (text.length > REASON_LIMIT * 2 || Array.from(text).length > REASON_LIMIT) {
    throw new JitError({ code: 'ERR_REASON', message: 'the reason is longer than 1,000 characters' });
  }
  if (!text.isWellFormed()) throw new JitError({ code: 'ERR_REASON', message: 'the reason is not valid Unicode' });
  return text;
}

/** @returns the ticket's id. Throws `ERR_TICKET` for anything that does not look like one. */
export function parseTicket(text: string): string {
  if (TICKET.test(text)) return text;
  throw new JitError({
    code: 'ERR_TICKET',
    message: 'that is not the id of a ticket',
    hint: 'letters, digits and . _ # / - only, for example OPS-1234',
  });
}

/** @returns the identifier as typed. Throws `ERR_RESOURCE` for what no provider can mean: spaces, controls, over 2,048 characters. */
export function parseResource(text: string): string {
  if (text.length <= RESOURCE_LIMIT && RESOURCE.test(text)) return text;
  throw new JitError({
    code: 'ERR_RESOURCE',
    message: 'that is not a resource',
    hint: "a resource is the provider's own identifier, such as arn:aws:s3:::bucket/key, without spaces",
  });
}
