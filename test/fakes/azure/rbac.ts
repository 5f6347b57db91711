/**
 * Role assignments with the rules of Azure: one of a role to a principal at a scope, changes that take effect later, and
 * requests of privileged identity management with their floors.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ROLES, fault, holds, permits, planeOf } from './world.ts';
import type { Reply } from './world.ts';

export interface Assignment {
  readonly name: string;
  readonly scope: string;
  readonly roleId: string;
  readonly principalId: string;
  readonly start: number;
  description: string;
  condition: string;
  /** Epoch ms, or null for no end. */
  end: number | null;
  /** The request that made it what it is, or null for one without privileged identity management. */
  request: string | null;
}

export interface PimRequest {
  readonly name: string;
  readonly scope: string;
  readonly by: string;
  readonly at: number;
  readonly body: PimBody;
  status: string;
  /** Statuses that it goes through, one with each look. */
  readonly ahead: string[];
}

const PIM_BODY = z.object({
  principalId: z.string(),
  roleDefinitionId: z.string(),
  requestType: z.enum(['AdminAssign', 'AdminUpdate', 'AdminRemove']),
  justification: z.string().default(''),
  scheduleInfo: z
    .object({
      expiration: z.object({ type: z.literal('AfterDateTime'), endDateTime: z.iso.datetime({ offset: true }) }),
    })
    .optional(),
});
type PimBody = z.infer<typeof PIM_BODY>;

const DIRECT_BODY = z.object({
  principalId: z.string(),
  roleDefinitionId: z.string(),
  principalType: z.string().optional(),
  description: z.string().default(''),
});

/** How it behaves; changed by tests. */
export interface RbacMood {
  /** How long a removed assignment still works, ms. */
  lagMs: number;
  /** Statuses of new requests before the last one. */
  statuses: readonly string[];
  last: 'Provisioned' | 'Denied' | 'Failed' | 'TimedOut' | 'PendingApproval';
  /** Looks at the directory that do not find a principal which has just been made. */
  unreplicated: number;
}

const FLOOR_MS = 300_000;

export type Rbac = ReturnType<typeof makeRbac>;

export function makeRbac(now: () => number, knows: (principalId: string) => boolean) {
  const mood: RbacMood = { lagMs: 0, statuses: [], last: 'Provisioned', unreplicated: 0 };
  let standing: Assignment[] = [];
  let ended: { readonly was: Assignment; readonly until: number }[] = [];
  const requests = new Map<string, PimRequest>();

  const drop = (one: Assignment, at: number): void => {
    standing = standing.filter((each) => each !== one);
    ended.push({ was: one, until: at + mood.lagMs });
  };
  /** What has run out by itself is gone before anything else is looked at. */
  const current = (): readonly Assignment[] => {
    for (const one of standing) if (one.end !== null && one.end <= now()) drop(one, one.end);
    ended = ended.filter(({ until }) => until > now());
    return standing;
  };
  const at = (place: { scope: string; roleId: string; principalId: string }): Assignment | undefined =>
    current().find(
      (one) =>
        same(one.scope, place.scope) &&
        same(tail(one.roleId), tail(place.roleId)) &&
        same(one.principalId, place.principalId),
    );
  const found = (principalId: string): boolean => {
    if (mood.unreplicated > 0) {
      mood.unreplicated -= 1;
      return false;
    }
    return knows(principalId);
  };

  const put = (scope: string, name: string, properties: unknown): Reply => {
    const { principalId, roleDefinitionId: roleId, principalType, description } = DIRECT_BODY.parse(properties);
    if (roleOf(roleId) === undefined) return fault(404, 'RoleDefinitionDoesNotExist', 'x');
    const before = current().find((one) => same(one.name, name) && same(one.scope, scope));
    if (before !== undefined) {
      if (!same(tail(before.roleId), tail(roleId)) || !same(before.principalId, principalId)) {
        const text = 'Tenant ID, application ID, principal ID, and scope are not allowed to be updated.';
        return fault(409, 'RoleAssignmentUpdateNotPermitted', text);
      }
      before.description = description;
      return { status: 200, body: before };
    }
    if (at({ scope, roleId, principalId }) !== undefined) {
      return fault(409, 'RoleAssignmentExists', 'The role assignment already exists.');
    }
    if (principalType !== 'ServicePrincipal' && !found(principalId)) {
      return fault(400, 'PrincipalNotFound', `Principal ${principalId} does not exist in the directory.`);
    }
    const made = {
      name,
      scope,
      roleId,
      principalId,
      start: now(),
      description,
      condition: '',
      end: null,
      request: null,
    };
    standing.push(made);
    return { status: 201, body: made };
  };

  const remove = (scope: string, name: string): Reply => {
    const one = current().find((each) => same(each.name, name) && same(each.scope, scope));
    if (one === undefined) return { status: 204, body: null };
    drop(one, now());
    return { status: 200, body: one };
  };

  const carryOut = (request: PimRequest): Reply | null => {
    const { principalId, roleDefinitionId: roleId, requestType, scheduleInfo } = request.body;
    const before = at({ scope: request.scope, roleId, principalId });
    const end = scheduleInfo === undefined ? null : Date.parse(scheduleInfo.expiration.endDateTime);
    if (requestType === 'AdminRemove') {
      if (before === undefined) return fault(400, 'RoleAssignmentDoesNotExist', 'The Role assignment does not exist.');
      if (now() - before.start < FLOOR_MS) return tooShort();
      drop(before, now());
      return null;
    }
    if (requestType === 'AdminUpdate') {
      if (before === undefined) return fault(400, 'RoleAssignmentDoesNotExist', 'The Role assignment does not exist.');
      if (end !== null && end - before.start < FLOOR_MS) return tooShort();
      before.end = end;
      before.request = request.name;
      return null;
    }
    if (before !== undefined) return fault(400, 'RoleAssignmentExists', 'The Role assignment already exists.');
    if (end !== null && end - now() < FLOOR_MS) return tooShort();
    const name = randomUUID();
    const base = { scope: request.scope, roleId, principalId, start: now(), description: '', condition: '' };
    standing.push({ ...base, name, end, request: request.name });
    return null;
  };

  const ask = (scope: string, name: string, properties: unknown, by: string): Reply => {
    const body = PIM_BODY.parse(properties);
    if (requests.has(name)) {
      return fault(409, 'RoleAssignmentRequestExists', `A role assignment request with Id: ${name} already exists`);
    }
    if (roleOf(body.roleDefinitionId) === undefined) return fault(404, 'RoleDefinitionDoesNotExist', 'x');
    if (body.requestType !== 'AdminRemove' && !found(body.principalId)) {
      return fault(400, 'SubjectNotFound', 'The subject is not found.');
    }
    const made: PimRequest = { name, scope, by, at: now(), body, status: 'Provisioned', ahead: [] };
    if (body.requestType === 'AdminRemove') {
      const problem = carryOut(made);
      if (problem !== null) return problem;
      made.status = 'Revoked';
    } else if (mood.last === 'Provisioned' && mood.statuses.length === 0) {
      const problem = carryOut(made);
      if (problem !== null) return problem;
    } else {
      if (
        body.requestType === 'AdminAssign' &&
        at({ scope, roleId: body.roleDefinitionId, principalId: body.principalId })
      ) {
        return fault(400, 'RoleAssignmentExists', 'The Role assignment already exists.');
      }
      made.ahead.push(...mood.statuses, mood.last);
      made.status = made.ahead.shift() ?? mood.last;
    }
    requests.set(name, made);
    return { status: 201, body: made };
  };

  const look = (name: string): PimRequest | null => {
    const one = requests.get(name);
    if (one === undefined) return null;
    const next = one.ahead.shift();
    if (next !== undefined) {
      one.status = next;
      if (next === 'Provisioned' && carryOut(one) !== null) one.status = 'Failed';
    }
    return one;
  };

  const cancel = (name: string): Reply => {
    const one = requests.get(name);
    if (one === undefined) return fault(404, 'RoleAssignmentRequestNotFound', 'x');
    if (one.status === 'Provisioned' || one.status === 'Revoked')
      return fault(400, 'InvalidRoleAssignmentRequest', 'x');
    one.ahead.length = 0;
    one.status = 'Canceled';
    return { status: 200, body: null };
  };

  return {
    mood,
    current,
    requests,
    put,
    remove,
    ask,
    look,
    cancel,
    get: (scope: string, name: string) =>
      current().find((one) => same(one.name, name) && same(one.scope, scope)) ?? null,
    /** Made by an administrator. */
    plant: (
      one: Omit<Assignment, 'name' | 'start' | 'request'> & {
        readonly name?: string;
        readonly request?: string | null;
      },
    ) => {
      const made = { request: null, ...one, name: one.name ?? randomUUID(), start: now() };
      standing.push(made);
      return made;
    },
    drop: (one: Assignment) => drop(one, now()),
    /** Whether a principal may do that there: by what stands and by what has ended so lately that Azure does not know. */
    allows: (principalId: string, operation: string, scope: string): boolean => {
      const effective = [...current(), ...ended.map(({ was }) => was)];
      return effective.some((one) => {
        const role = roleOf(one.roleId);
        return (
          same(one.principalId, principalId) &&
          holds(one.scope, scope) &&
          role !== undefined &&
          permits(role, operation, planeOf(operation))
        );
      });
    },
  };
}

export function roleOf(id: string) {
  return ROLES.find(({ guid }) => same(guid, tail(id)));
}

export const tail = (id: string): string => id.slice(id.lastIndexOf('/') + 1);
const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
const tooShort = (): Reply =>
  fault(400, 'ActiveDurationTooShort', 'The Active duration is too short. Miniumum Required is 5 minutes.');
