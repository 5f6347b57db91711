/**
 * Assignments through privileged identity management, which Azure ends by itself.
 *
 * Every change is a request of its own, and a request of a name is taken once. What stands is a schedule; the request that it
 * names carries jit's mark in its justification.
 * @module
 */
import type { RoleAssignmentSchedule, RoleAssignmentScheduleRequest } from '@azure/arm-authorization';
import { setTimeout as sleep } from 'node:timers/promises';
import { JitError, asJitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { direct, guidIn, isNamed, unlessDeleted } from './direct.ts';
import { attempt } from './failure.ts';
import { guidOf, isoSeconds, readMark, writeMark } from './names.ts';
import { SHORTEST_PIM } from './plan.ts';
import { inPath, isGuid, sameScope } from './scope.ts';
import { latestOf } from './standing.ts';
import type { Found, Ours, Place, Put, PutHow, Reach, Standing } from './standing.ts';

const NEEDS =
  'the broker needs Microsoft.Authorization/roleAssignmentScheduleRequests/read and write, roleAssignmentSchedules/read and roleAssignments/*, as the role User Access Administrator has them';
/** Azure takes requests before it has carried them out: asked again after so long, then at longer intervals. */
const POLL_MS = 200;
const POLL_MAX_MS = 2_000;
/** A little more than the five minutes, since Azure counts from a moment of its own. */
const FLOOR_MS = SHORTEST_PIM * 1_000 + 15_000;

const PENDING: ReadonlySet<string> = new Set([
  'Accepted',
  'PendingEvaluation',
  'Granted',
  'PendingProvisioning',
  'ProvisioningStarted',
  'PendingScheduleCreation',
  'ScheduleCreated',
  'PendingExternalProvisioning',
  'AdminApproved',
]);
/** Somebody would have to approve in Azure what was approved here. */
const APPROVAL: ReadonlySet<string> = new Set([
  'PendingApproval',
  'PendingApprovalProvisioning',
  'PendingAdminDecision',
]);

export function pim(now: Clock): Standing {
  const put = async (reach: Reach, place: Place, how: PutHow): Promise<Put> => {
    const { holders, before } = how;
    const mark = writeMark(reach.owner, holders);
    const until = Math.max(latestOf(holders), now() + FLOOR_MS);
    const body: RoleAssignmentScheduleRequest = {
      principalId: place.principalId,
      roleDefinitionId: place.roleId,
      requestType: before === null ? 'AdminAssign' : 'AdminUpdate',
      justification: mark,
      scheduleInfo: { expiration: { type: 'AfterDateTime', endDateTime: new Date(isoSeconds(until)) } },
    };
    // A request of this name may be an older one that failed; one that is under way, or stands, is the one that is meant.
    for (const round of ['1', '2', '3']) {
      const base = [reach.owner, place.scope.toLowerCase(), guidIn(place.roleId), place.principalId.toLowerCase()];
      const name = guidOf('request', ...base, mark, before?.ref ?? '', round);
      const sent = await send(reach, place.scope, name, body);
      if (sent === 'exists') return 'exists';
      if (sent === 'unknown principal') {
        if (how.fresh === 'service principal') return 'not yet';
        throw new JitError({ code: 'ERR_CLOUD', message: `azure does not find the principal ${place.principalId}` });
      }
      if (await stands(reach, place.scope, name, { sent })) return 'done';
    }
    throw new JitError({
      code: 'ERR_CLOUD_UNKNOWN',
      message: `azure has given up the same request on ${place.scope} three times`,
    });
  };

  const find: Standing['find'] = async (reach, { scope, principalId }) => {
    const filter = principalId === null ? 'atScope()' : `principalId eq '${principalId}'`;
    const schedules = await listSchedules(reach, scope, filter);
    const found: Found[] = [];
    for (const one of schedules) {
      if (one.memberType !== undefined && one.memberType !== 'Direct') continue;
      if (!sameScope(one.scope ?? '', scope)) continue;
      const read = await readSchedule(reach, one);
      if (read !== null) found.push(read);
    }
    const unexplained = found.some((one) => one.whose === 'foreign' && one.until === null);
    return unexplained ? explained(found, await direct.find(reach, { scope, principalId })) : found;
  };

  const remove: Standing['remove'] = async (reach, { scope, roleId, principalId, ref, since }) => {
    const { arm, signal } = reach;
    const doing = `remove a role assignment on ${scope}`;
    return await attempt({ doing, effect: 'writes', needs: NEEDS }, async () => {
      // Each minute's try is a request of its own: one that was not carried out is no obstacle to the next.
      const name = guidOf('removal', reach.owner, scope.toLowerCase(), ref, String(Math.floor(now() / 60_000)));
      const body: RoleAssignmentScheduleRequest = { principalId, roleDefinitionId: roleId, requestType: 'AdminRemove' };
      try {
        await arm.rbac.roleAssignmentScheduleRequests.create(inPath(scope), name, body, { abortSignal: signal });
      } catch (thrown) {
        if (isNamed(thrown, 'ActiveDurationTooShort')) {
          const earliest = since === null ? 0 : since + FLOOR_MS;
          return { kind: 'floor', at: Math.max(earliest, now() + 15_000) };
        }
        if (!isNamed(thrown, 'RoleAssignmentDoesNotExist') && !isTaken(thrown)) throw thrown;
      }
      return { kind: 'removed' };
    });
  };

  const cancel: Standing['cancel'] = async (reach, { scope, principalId, grant }) => {
    for (const one of await listRequests(reach, scope, `principalId eq '${principalId}'`)) {
      const mark = readMark(one.justification);
      if (mark?.owner !== reach.owner || !mark.holders.has(grant) || one.name === undefined) continue;
      if (!isUnderWay(one) || !sameScope(one.scope ?? '', scope)) continue;
      await withdraw(reach, scope, one.name);
    }
  };

  const all: Standing['all'] = async (reach, subscription) => {
    const scope = `/subscriptions/${subscription}`;
    const marked = new Map<string, RoleAssignmentScheduleRequest>();
    for (const one of await listRequests(reach, scope, 'asRequestor()')) {
      if (readMark(one.justification)?.owner === reach.owner) marked.set(guidIn(one.name ?? ''), one);
    }
    if (marked.size === 0) return [];
    return (await listSchedules(reach, scope, undefined)).flatMap((schedule) => {
      const request = marked.get(guidIn(schedule.roleAssignmentScheduleRequestId ?? ''));
      const found = request === undefined ? null : asFound(reach, schedule, request);
      return found?.whose === 'ours' ? [found] : [];
    });
  };

  return { put, find, remove, cancel, all };
}

/** Without a request it may be a plain assignment that another broker or target of jit has marked. */
function explained(found: readonly Found[], plain: readonly Found[]): readonly Found[] {
  return found.map((one) => {
    const same = plain.find(
      (each) => guidIn(each.roleId) === guidIn(one.roleId) && each.principalId === one.principalId,
    );
    return one.whose === 'foreign' && same !== undefined && same.whose !== 'foreign' ? { ...one, whose: 'jit' } : one;
  });
}

/** Hands a request in. `taken`: there is one of that name. `exists`: there is an assignment that it would make. */
async function send(
  { arm, signal }: Reach,
  scope: string,
  name: string,
  body: RoleAssignmentScheduleRequest,
): Promise<'sent' | 'taken' | 'exists' | 'unknown principal'> {
  return await attempt({ doing: `assign a role on ${scope}`, effect: 'writes', needs: NEEDS }, async () => {
    try {
      await arm.rbac.roleAssignmentScheduleRequests.create(inPath(scope), name, body, { abortSignal: signal });
      return 'sent';
    } catch (thrown) {
      if (isNamed(thrown, 'RoleAssignmentExists')) return 'exists';
      if (isTaken(thrown)) return 'taken';
      if (isNamed(thrown, 'SubjectNotFound', 'PrincipalNotFound')) return 'unknown principal';
      throw thrown;
    }
  });
}

/** Waits until a request is carried out. @returns false for an older one that has failed or was taken back. */
async function stands(
  reach: Reach,
  scope: string,
  name: string,
  { sent }: { readonly sent: 'sent' | 'taken' },
): Promise<boolean> {
  for (let pause = POLL_MS; ; pause = Math.min(pause * 2, POLL_MAX_MS)) {
    const { status = 'Invalid' } = await afterSending(readRequest(reach, scope, name));
    if (status === 'Provisioned') return true;
    if (APPROVAL.has(status)) {
      await afterSending(withdraw(reach, scope, name));
      throw new JitError({
        code: 'ERR_CLOUD',
        message: `azure wants somebody to approve the assignment on ${scope} there, and it was taken back`,
        hint: 'switch approval off for active assignments in the role settings of privileged identity management',
      });
    }
    if (!PENDING.has(status)) {
      if (sent === 'taken') return false;
      throw new JitError({
        code: 'ERR_CLOUD',
        message: `azure did not assign the role on ${scope} (${status})`,
        hint: 'check the role settings in privileged identity management, and locks on the resource',
      });
    }
    try {
      await sleep(pause, undefined, { signal: reach.signal });
    } catch {
      throw new JitError({
        code: 'ERR_CLOUD_UNKNOWN',
        message: `azure has not yet assigned the role on ${scope} (${status})`,
      });
    }
  }
}

/** Azure has the request: that it cannot be asked about it says nothing of what becomes of it. */
async function afterSending<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (thrown) {
    const { message, hint } = asJitError(thrown);
    throw new JitError({ code: 'ERR_CLOUD_UNKNOWN', message, hint, cause: thrown });
  }
}

async function withdraw({ arm, signal }: Reach, scope: string, name: string): Promise<void> {
  const doing = `take a request on ${scope} back`;
  await attempt({ doing, effect: 'writes', needs: NEEDS }, async () => {
    try {
      await arm.rbac.roleAssignmentScheduleRequests.cancel(inPath(scope), name, { abortSignal: signal });
    } catch (thrown) {
      if (!isNamed(thrown, 'RoleAssignmentRequestNotFound', 'RoleAssignmentScheduleRequestNotFound')) throw thrown;
    }
  });
}

async function readRequest(
  { arm, signal }: Reach,
  scope: string,
  name: string,
): Promise<RoleAssignmentScheduleRequest> {
  return await attempt({ doing: `see whether the role is assigned on ${scope}`, effect: 'reads', needs: NEEDS }, () =>
    arm.rbac.roleAssignmentScheduleRequests.get(inPath(scope), name, { abortSignal: signal }),
  );
}

async function listSchedules(
  { arm, signal }: Reach,
  scope: string,
  filter: string | undefined,
): Promise<readonly RoleAssignmentSchedule[]> {
  const options = { abortSignal: signal, ...(filter === undefined ? {} : { filter }) };
  return await attempt({ doing: `read the assignments on ${scope}`, effect: 'reads', needs: NEEDS }, () =>
    unlessDeleted(arm.rbac.roleAssignmentSchedules.listForScope(inPath(scope), options)),
  );
}

async function listRequests(
  { arm, signal }: Reach,
  scope: string,
  filter: string,
): Promise<readonly RoleAssignmentScheduleRequest[]> {
  return await attempt({ doing: `read the requests on ${scope}`, effect: 'reads', needs: NEEDS }, () =>
    unlessDeleted(arm.rbac.roleAssignmentScheduleRequests.listForScope(inPath(scope), { filter, abortSignal: signal })),
  );
}

/** Azure keeps requests for 45 days, longer than any grant lasts: without one the assignment is somebody else's. */
async function readSchedule(reach: Reach, schedule: RoleAssignmentSchedule): Promise<Found | null> {
  const { roleAssignmentScheduleRequestId: id, scope } = schedule;
  const name = guidIn(id ?? '');
  if (scope === undefined || !isGuid(name)) return asFound(reach, schedule, null);
  const { arm, signal } = reach;
  const request = await attempt({ doing: `read a request on ${scope}`, effect: 'reads', needs: NEEDS }, async () => {
    try {
      return await arm.rbac.roleAssignmentScheduleRequests.get(inPath(scope), name, { abortSignal: signal });
    } catch (thrown) {
      if (thrown instanceof Error && 'statusCode' in thrown && thrown.statusCode === 404) return null;
      throw thrown;
    }
  });
  return asFound(reach, schedule, request);
}

function asFound(
  { owner }: Reach,
  schedule: RoleAssignmentSchedule,
  request: RoleAssignmentScheduleRequest | null,
): Found | null {
  const { scope, roleDefinitionId: roleId, principalId, name } = schedule;
  if (scope === undefined || roleId === undefined || principalId === undefined) return null;
  const ref = guidIn(request?.name ?? name ?? '');
  const until = schedule.endDateTime?.getTime() ?? null;
  const since = schedule.startDateTime?.getTime() ?? null;
  const base = { scope, roleId, principalId, ref, until, since };
  const mark = readMark(request?.justification);
  if (mark === null) return { ...base, whose: 'foreign', conditional: (schedule.condition ?? '') !== '' };
  const ours: Ours = { ...base, whose: 'ours', holders: mark.holders };
  return mark.owner === owner ? ours : { ...base, whose: 'jit' };
}

function isUnderWay({ status = '' }: RoleAssignmentScheduleRequest): boolean {
  return PENDING.has(status) || APPROVAL.has(status);
}

/** "A role assignment request with Id: … already exists". */
function isTaken(thrown: unknown): boolean {
  return thrown instanceof Error && /request with Id:? .{1,80} already exists/i.test(thrown.message);
}
