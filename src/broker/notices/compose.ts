/**
 * Makes the notice of an event from what the store holds.
 * @module
 */
import type { AccessLevel } from '../../core/access.ts';
import type { Grant } from '../../core/grant.ts';
import { type Notice, noticeId, type NoticeKind, type NoticedRequest } from '../../core/notice.ts';
import type { Target } from '../../core/ports.ts';
import type { AccessRequest, Decision } from '../../core/request.ts';

export interface Told {
  readonly kind: NoticeKind;
  /** Epoch ms of the event. */
  readonly at: number;
  /** The version that the event gives to the request or, for `issued`, `ended` and `stuck`, to the grant. */
  readonly serial: number;
  readonly request: AccessRequest;
  readonly hash: string;
  /** After the event. */
  readonly decision: Decision;
  readonly grant: Grant | null;
  /** The names of the people who decided. */
  readonly by: readonly string[];
  /** What the operations amount to, where it is at hand. */
  readonly risk: NoticedRequest['risk'];
  readonly access: AccessLevel | null;
  readonly url: string | null;
  /** The groups to which it matters, where that does not follow from the decision. Null: everybody who may approve. */
  readonly approvers?: readonly string[] | null | undefined;
}

/** @param targets as configured now; a target that is gone has the environment `?`. */
export function composeNotice(told: Told, targets: ReadonlyMap<string, Pick<Target, 'environment'>>): Notice {
  const { kind, at, serial, request, hash, decision, grant, by, risk, access, url } = told;
  const { id, seconds, reason, ticket, incident } = request;
  const { policy, tier, quorum, deadline } = decision;
  return {
    id: noticeId(id, kind, serial),
    kind,
    at,
    request: {
      id,
      hash,
      policy,
      requester: requesterOf(request),
      permissions: request.permissions.map(({ target, operation, actions, resources }) => ({
        target,
        environment: targets.get(target)?.environment ?? '?',
        operation,
        actions,
        resources,
      })),
      seconds,
      reason,
      ticket,
      incident: incident === null ? null : { source: incident.source, reference: incident.reference },
      tier,
      risk,
      access,
      quorum,
      deadline,
    },
    grant: grant === null ? null : grantOf(grant),
    approvers: told.approvers === undefined ? groupsOf(quorum) : told.approvers,
    why: decision.why,
    by,
    url,
  };
}

function groupsOf(quorum: Decision['quorum']): Notice['approvers'] {
  const groups = quorum.flatMap(({ group }) => group ?? []);
  return groups.length < quorum.length ? null : [...new Set(groups)];
}

function requesterOf({ requester }: AccessRequest): NoticedRequest['requester'] {
  const { kind, issuer, subject, name, actsFor } = requester;
  const person =
    actsFor === undefined ? null : { issuer: actsFor.issuer, subject: actsFor.subject, name: actsFor.name };
  return { kind, issuer, subject, name, actsFor: person };
}

function grantOf({ id, state }: Grant): NonNullable<Notice['grant']> {
  return {
    id,
    expiresAt: state.name === 'active' ? state.expiresAt : null,
    reason: 'reason' in state ? state.reason : null,
  };
}
