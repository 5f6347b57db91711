/**
 * Plain role assignments. Azure keeps no end for them: the broker removes them.
 * @module
 */
import type { RoleAssignment } from '@azure/arm-authorization';
import { attempt } from './failure.ts';
import { guidOf, readMark, writeMark } from './names.ts';
import { inPath, sameScope } from './scope.ts';
import type { Found, Ours, Place, Reach, Standing } from './standing.ts';

const NEEDS =
  'the broker needs Microsoft.Authorization/roleAssignments/read, write and delete on the subscription, as the role Role Based Access Control Administrator has them';

/** The one name for a place, so that asking twice makes one thing. */
export function assignmentName(owner: string, { scope, roleId, principalId }: Place): string {
  return guidOf('assignment', owner, scope.toLowerCase(), guidIn(roleId), principalId.toLowerCase());
}

export const direct: Standing = {
  find: async (reach, { scope, principalId }) => {
    const { arm, signal } = reach;
    const filter = principalId === null ? 'atScope()' : `principalId eq '${principalId}'`;
    const doing = `read the role assignments of ${scope}`;
    return await attempt({ doing, effect: 'reads', needs: NEEDS }, async () => {
      const found: Found[] = [];
      const list = arm.rbac.roleAssignments.listForScope(inPath(scope), { filter, abortSignal: signal });
      for (const one of await unlessDeleted(list)) {
        const read = readAssignment(reach, one);
        if (read !== null && sameScope(read.scope, scope)) found.push(read);
      }
      return found;
    });
  },
  put: async ({ arm, owner, signal }, place, { holders, before, fresh }) => {
    const { scope, roleId, principalId } = place;
    const name = before?.ref ?? assignmentName(owner, place);
    const doing = `assign a role on ${scope}`;
    return await attempt({ doing, effect: 'writes', needs: NEEDS }, async () => {
      const body = {
        roleDefinitionId: roleId,
        principalId,
        description: writeMark(owner, holders),
        // Spares Azure the look into a directory that may not have heard of it yet.
        ...(fresh === 'service principal' ? { principalType: 'ServicePrincipal' } : {}),
      };
      try {
        await arm.rbac.roleAssignments.create(inPath(scope), name, body, { abortSignal: signal });
        return 'done';
      } catch (thrown) {
        if (isNamed(thrown, 'RoleAssignmentExists')) return 'exists';
        if (fresh === 'service principal' && isNamed(thrown, 'PrincipalNotFound')) return 'not yet';
        throw thrown;
      }
    });
  },
  remove: async ({ arm, signal }, { scope, ref }) => {
    const doing = `remove a role assignment on ${scope}`;
    return await attempt({ doing, effect: 'writes', needs: NEEDS }, async () => {
      try {
        await arm.rbac.roleAssignments.delete(inPath(scope), ref, { abortSignal: signal });
      } catch (thrown) {
        if (!isNamed(thrown, 'RoleAssignmentNotFound') && statusOf(thrown) !== 404) throw thrown;
      }
      return { kind: 'removed' };
    });
  },
  // An assignment stands as soon as it is made.
  cancel: async () => await Promise.resolve(),
  all: async (reach) => {
    const { arm, signal } = reach;
    return await attempt({ doing: 'list role assignments', effect: 'reads', needs: NEEDS }, async () => {
      const found: Ours[] = [];
      for await (const one of arm.rbac.roleAssignments.listForSubscription({ abortSignal: signal })) {
        const read = readAssignment(reach, one);
        if (read?.whose === 'ours') found.push(read);
      }
      return found;
    });
  },
};

/**
 * Known by its name, which nobody else can have chosen by chance and which holds whatever becomes of the description, or by
 * its mark.
 */
function readAssignment({ owner }: Reach, one: RoleAssignment): Found | null {
  const { name, scope, roleDefinitionId: roleId, principalId, createdOn, condition } = one;
  if (name === undefined || scope === undefined || roleId === undefined || principalId === undefined) return null;
  const place = { scope, roleId, principalId };
  const base = { ...place, ref: name, until: null, since: createdOn?.getTime() ?? null };
  const mark = readMark(one.description);
  if (name.toLowerCase() === assignmentName(owner, place)) {
    return { ...base, whose: 'ours', holders: mark?.owner === owner ? mark.holders : new Map() };
  }
  if (mark !== null && mark.owner !== owner) return { ...base, whose: 'jit' };
  return { ...base, whose: 'foreign', conditional: (condition ?? '') !== '' };
}

/**
 * All of a list; nothing where the resource itself is deleted, with which Azure deletes its assignments. Not so where Azure does
 * not find the subscription, as it says to those who lost their access to it.
 */
export async function unlessDeleted<T>(list: AsyncIterable<T>): Promise<readonly T[]> {
  try {
    const all: T[] = [];
    for await (const one of list) all.push(one);
    return all;
  } catch (thrown) {
    if (isNamed(thrown, 'ResourceNotFound', 'ResourceGroupNotFound', 'ParentResourceNotFound')) return [];
    throw thrown;
  }
}

/** The GUID at the end of an identifier, in lower case. */
export function guidIn(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1).toLowerCase();
}

/** Whether Azure gave that code as its reason. */
export function isNamed(thrown: unknown, ...codes: readonly string[]): boolean {
  return thrown instanceof Error && 'code' in thrown && codes.some((code) => code === thrown.code);
}

function statusOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'statusCode' in thrown ? thrown.statusCode : null;
}
