/**
 * Privileged Access Manager in memory: entitlements, and grants that write bindings into a policy and take them out again.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { Refusal } from './refusal.ts';
import { checked, fitting } from './schema.ts';
import type { PolicyBinding, Session, World } from './world.ts';

export interface FakeEntitlement {
  readonly project: string;
  /** Members that may request it. */
  readonly requesters: ReadonlySet<string>;
  readonly roles: readonly { readonly role: string; readonly conditionExpression?: string }[];
  readonly longestSeconds: number;
  readonly approval: 'needed' | 'not needed';
}

interface Held {
  readonly name: string;
  readonly entitlement: string;
  readonly requester: string;
  readonly requestId: string | null;
  readonly seconds: number;
  readonly justification: string;
  readonly createdAt: number;
  readonly given: FakeEntitlement;
  state: 'APPROVAL_AWAITED' | 'SCHEDULED' | 'ACTIVE' | 'REVOKING' | 'REVOKED' | 'ENDED';
  grantedAt: number | null;
  removedAt: number | null;
  revokedAt: number | null;
}

export interface Pam {
  readonly entitlements: Map<string, FakeEntitlement>;
  /** ms until a grant is active, and until a revocation is carried out. */
  opensMs: number;
  closesMs: number;
  pageSize: number;
  /** Justifications of grants that are not over, as an administrator sees them. */
  open(): readonly Pick<Held, 'name' | 'requester' | 'justification' | 'seconds' | 'state'>[];
  /** What somebody asks for in the console. */
  plant(entitlement: string, asked: Asked): { readonly name: string };
  /** An administrator's own revocation. */
  revoke(name: string): void;
  /** @returns null where the path is none of this API's. */
  answer(call: PamCall, session: Session): unknown;
}

export interface PamCall {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
}

export interface Asked {
  readonly requester: string;
  readonly justification: string;
  readonly seconds: number;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const DOCUMENT = 'privilegedaccessmanager-v1';
const OVER = ['REVOKED', 'ENDED'];

export function makePam(world: World, now: () => number): Pam {
  const grants: Held[] = [];

  const bindingsOf = (held: Held): readonly PolicyBinding[] => {
    const end = (held.grantedAt ?? 0) + held.seconds * 1_000;
    const time = `request.time < timestamp("${new Date(end).toISOString().slice(0, 19)}Z")`;
    return held.given.roles.map(({ role, conditionExpression }) => ({
      role,
      members: [held.requester],
      condition: {
        title: 'Created by: PAM',
        description: held.name,
        expression: conditionExpression === undefined ? time : `${time} && (${conditionExpression})`,
      },
    }));
  };

  const remove = (held: Held, state: 'REVOKED' | 'ENDED', at: number): void => {
    held.state = state;
    if (held.grantedAt === null) return;
    held.removedAt = at;
    world.edit(held.given.project, (policy) => ({
      ...policy,
      bindings: policy.bindings.filter(({ condition }) => condition?.description !== held.name),
    }));
  };

  /** What has happened by now. */
  const settle = (): void => {
    for (const held of grants) {
      if (held.state === 'SCHEDULED' && now() >= held.createdAt + pam.opensMs) {
        held.state = 'ACTIVE';
        held.grantedAt = now();
        world.edit(held.given.project, (policy) => ({
          ...policy,
          bindings: [...policy.bindings, ...bindingsOf(held)],
        }));
      }
      const end = (held.grantedAt ?? Number.POSITIVE_INFINITY) + held.seconds * 1_000;
      if (held.state === 'ACTIVE' && now() >= end) remove(held, 'ENDED', end);
      if (held.state === 'REVOKING' && now() >= (held.revokedAt ?? 0) + pam.closesMs) remove(held, 'REVOKED', now());
    }
  };

  const isChanged = (held: Held): boolean => {
    if (held.state !== 'ACTIVE') return false;
    const { bindings } = world.policyOf(held.given.project);
    return bindings.filter(({ condition }) => condition?.description === held.name).length !== held.given.roles.length;
  };

  const shown = (held: Held): Record<string, unknown> => ({
    name: held.name,
    createTime: stamp(held.createdAt),
    requester: held.requester.replace(/^[a-zA-Z]+:/, ''),
    requestedDuration: `${held.seconds}s`,
    justification: { unstructuredJustification: held.justification },
    state: held.state,
    privilegedAccess: accessOf(held.given),
    ...(held.grantedAt === null
      ? {}
      : {
          auditTrail: {
            accessGrantTime: stamp(held.grantedAt),
            ...(held.removedAt === null ? {} : { accessRemoveTime: stamp(held.removedAt) }),
          },
        }),
    ...(isChanged(held) ? { externallyModified: true } : {}),
  });

  const demand = (session: Session, permission: string, entitlement: string): FakeEntitlement => {
    const found = pam.entitlements.get(entitlement);
    const about = { service: 'privilegedaccessmanager.googleapis.com', name: entitlement, listPrefix: '' };
    if (found === undefined || !world.allows(session, `privilegedaccessmanager.${permission}`, found.project, about))
      throw new Refusal(403, 'PERMISSION_DENIED', `Permission denied on ${entitlement} (or it may not exist).`);
    return found;
  };

  const make = (entitlement: string, requestId: string | null, { requester, justification, seconds }: Asked): Held => {
    const found = pam.entitlements.get(entitlement);
    if (found?.requesters.has(requester) !== true)
      throw new Refusal(403, 'PERMISSION_DENIED', `${requester} may not request ${entitlement}.`);
    if (requestId !== null && !UUID.test(requestId)) throw invalid('The request ID must be a valid UUID.');
    const own = grants.filter((one) => one.entitlement === entitlement && one.requester === requester);
    const before = own.find((one) => requestId !== null && one.requestId === requestId);
    if (before !== undefined && now() < before.createdAt + 3_600_000) return before;
    if (!(seconds >= 1_800 && seconds <= found.longestSeconds) || !Number.isInteger(seconds))
      throw invalid('The requested duration is not one that the entitlement allows.');
    if (justification === '') throw invalid('A justification is needed.');
    if (own.some(({ state }) => !OVER.includes(state)))
      throw new Refusal(409, 'ALREADY_EXISTS', 'You have an open Grant with the same privileged access.');
    const made: Held = {
      name: `${entitlement}/grants/${randomUUID()}`,
      entitlement,
      requester,
      requestId,
      seconds,
      justification,
      createdAt: now(),
      given: found,
      state: found.approval === 'needed' ? 'APPROVAL_AWAITED' : 'SCHEDULED',
      grantedAt: null,
      removedAt: null,
      revokedAt: null,
    };
    grants.push(made);
    return made;
  };

  const create = (entitlement: string, requestId: string | null, body: string, session: Session): unknown => {
    // The check against the schema has shown what it is.
    const sent = fitting(DOCUMENT, 'Grant', body) as {
      readonly requestedDuration?: string;
      readonly justification?: { readonly unstructuredJustification?: string };
    };
    const seconds = Number((sent.requestedDuration ?? '').slice(0, -1));
    const justification = sent.justification?.unstructuredJustification ?? '';
    return shown(make(entitlement, requestId, { requester: session.member, justification, seconds }));
  };

  const revoke = (held: Held): void => {
    if (OVER.includes(held.state))
      throw new Refusal(400, 'FAILED_PRECONDITION', `The grant is in the state ${held.state}.`);
    if (held.state === 'REVOKING') return;
    held.state = 'REVOKING';
    held.revokedAt = now();
    settle();
  };

  const heldOf = (name: string): Held => {
    const held = grants.find((one) => one.name === name);
    if (held === undefined) throw new Refusal(404, 'NOT_FOUND', `${name} was not found.`);
    return held;
  };

  const pam: Pam = {
    entitlements: new Map(),
    opensMs: 0,
    closesMs: 0,
    pageSize: 100,
    open: () => {
      settle();
      return grants.filter(({ state }) => !OVER.includes(state));
    },
    plant: (entitlement, asked) => make(entitlement, null, asked),
    revoke: (name) => revoke(heldOf(name)),
    answer: ({ method, url, body }, session) => {
      const path = decodeURIComponent(url.pathname);
      const [, entitlement, rest = ''] =
        /^\/v1\/(projects\/[^/]+\/locations\/[^/]+\/entitlements\/[^/:]+)(\/grants(?:\/[^/:]+(?::revoke)?)?)?$/.exec(
          path,
        ) ?? [];
      if (entitlement === undefined) return null;
      settle();
      if (method === 'GET' && rest === '') {
        return checked(
          DOCUMENT,
          'Entitlement',
          entitlementOf(entitlement, demand(session, 'entitlements.get', entitlement)),
        );
      }
      if (method === 'POST' && rest === '/grants')
        return checked(DOCUMENT, 'Grant', create(entitlement, url.searchParams.get('requestId'), body, session));
      if (method === 'GET' && rest === '/grants') {
        demand(session, 'grants.list', entitlement);
        const all = grants.filter((one) => one.entitlement === entitlement);
        const from = Number(url.searchParams.get('pageToken') ?? '0');
        const size = Math.min(pam.pageSize, Number(url.searchParams.get('pageSize') ?? '10'));
        const next = from + size < all.length ? { nextPageToken: String(from + size) } : {};
        return checked(DOCUMENT, 'ListGrantsResponse', { grants: all.slice(from, from + size).map(shown), ...next });
      }
      const name = path.slice('/v1/'.length).replace(':revoke', '');
      if (method === 'POST' && rest.endsWith(':revoke')) {
        demand(session, 'grants.revoke', entitlement);
        fitting(DOCUMENT, 'RevokeGrantRequest', body);
        revoke(heldOf(name));
        return checked(DOCUMENT, 'Operation', { name: `operations/${randomUUID()}`, done: false });
      }
      if (method !== 'GET') return null;
      demand(session, 'grants.get', entitlement);
      return checked(DOCUMENT, 'Grant', shown(heldOf(name)));
    },
  };
  return pam;
}

function entitlementOf(name: string, { requesters, longestSeconds, approval, ...given }: FakeEntitlement): unknown {
  const steps = [{ approvers: [{ principals: ['user:boss@example.com'] }], approvalsNeeded: 1 }];
  return {
    name,
    eligibleUsers: [{ principals: [...requesters] }],
    ...(approval === 'needed' ? { approvalWorkflow: { manualApprovals: { steps } } } : {}),
    privilegedAccess: accessOf(given),
    maxRequestDuration: `${longestSeconds}s`,
    state: 'AVAILABLE',
    etag: 'ImE0',
  };
}

function accessOf({ project, roles }: Pick<FakeEntitlement, 'project' | 'roles'>): unknown {
  const resource = `//cloudresourcemanager.googleapis.com/projects/${project}`;
  return {
    gcpIamAccess: { resourceType: 'cloudresourcemanager.googleapis.com/Project', resource, roleBindings: roles },
  };
}

const stamp = (at: number): string => new Date(at).toISOString();

function invalid(message: string): Refusal {
  return new Refusal(400, 'INVALID_ARGUMENT', message);
}
