/**
 * The stand-in's things in the words of Azure's REST interfaces.
 * @module
 */
import type { Assignment, PimRequest } from './rbac.ts';
import type { RoleData } from './world.ts';

interface Standing {
  readonly one: Assignment;
  readonly request: PimRequest | null;
}

const TYPES = 'Microsoft.Authorization';

export function assignmentView(standing: Standing | Assignment) {
  const one = 'one' in standing ? standing.one : standing;
  const { name, scope, roleId, principalId, description, condition, start } = one;
  return {
    id: `${scope}/providers/${TYPES}/roleAssignments/${name}`,
    name,
    type: `${TYPES}/roleAssignments`,
    properties: {
      scope,
      roleDefinitionId: roleId,
      principalId,
      principalType: 'User',
      description,
      ...(condition === '' ? {} : { condition, conditionVersion: '2.0' }),
      createdOn: iso(start),
    },
  };
}

export function scheduleView({ one, request }: Standing) {
  const { name, scope, roleId, principalId, start, end, condition } = one;
  const base = `${scope}/providers/${TYPES}`;
  return {
    id: `${base}/roleAssignmentSchedules/${name}`,
    name,
    type: `${TYPES}/RoleAssignmentSchedules`,
    properties: {
      scope,
      roleDefinitionId: roleId,
      principalId,
      memberType: 'Direct',
      assignmentType: 'Assigned',
      status: 'Provisioned',
      startDateTime: iso(start),
      ...(end === null ? {} : { endDateTime: iso(end) }),
      ...(condition === '' ? {} : { condition, conditionVersion: '2.0' }),
      ...(request === null
        ? {}
        : { roleAssignmentScheduleRequestId: `${base}/roleAssignmentScheduleRequests/${request.name}` }),
    },
  };
}

export function requestView({ name, scope, by, at, body, status }: PimRequest) {
  const { principalId, roleDefinitionId, requestType, justification, scheduleInfo } = body;
  return {
    id: `${scope}/providers/${TYPES}/RoleAssignmentScheduleRequests/${name}`,
    name,
    type: `${TYPES}/RoleAssignmentScheduleRequests`,
    properties: {
      scope,
      principalId,
      roleDefinitionId,
      requestType,
      justification,
      status,
      requestorId: by,
      createdOn: iso(at),
      ...(scheduleInfo === undefined ? {} : { scheduleInfo }),
    },
  };
}

export function roleView(role: RoleData, scope: string) {
  const { guid, name, assignable, actions, notActions, dataActions, notDataActions } = role;
  return {
    id: `${scope}/providers/${TYPES}/roleDefinitions/${guid}`,
    name: guid,
    type: `${TYPES}/roleDefinitions`,
    properties: {
      roleName: name,
      type: assignable === undefined ? 'BuiltInRole' : 'CustomRole',
      description: '',
      assignableScopes: assignable ?? ['/'],
      permissions: [
        {
          actions: actions ?? [],
          notActions: notActions ?? [],
          dataActions: dataActions ?? [],
          notDataActions: notDataActions ?? [],
        },
      ],
    },
  };
}

export function operationsView(name: string, operations: readonly string[]) {
  const listed = operations.map((text) => {
    const data = text.startsWith('data:');
    const spelled = data ? text.slice(5) : text;
    return { name: spelled, displayName: `Does ${spelled}`, isDataAction: data };
  });
  const id = `/providers/${TYPES}/providerOperations/${name}`;
  return {
    id,
    name,
    type: `${TYPES}/providerOperations`,
    displayName: name,
    resourceTypes: [{ name: 'all', displayName: 'all', operations: listed }],
    operations: [],
  };
}

const iso = (at: number): string => new Date(at).toISOString();
