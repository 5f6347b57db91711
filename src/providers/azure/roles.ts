/**
 * Role definitions: what each allows, which is the narrowest, and which are never given.
 * @module
 */
import type { RoleDefinition } from '@azure/arm-authorization';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Clients } from './clients.ts';
import { attempt } from './failure.ts';
import type { Operation } from './operations.ts';
import { inPath, isGuid, liesIn } from './scope.ts';
import type { AzureTarget } from './target.ts';

export interface Role {
  readonly guid: string;
  /** As an assignment names it. */
  readonly id: string;
  readonly name: string;
  /** Where it may be assigned. */
  readonly assignable: readonly string[];
  readonly blocks: readonly Block[];
}

/** Patterns of one permission of a role, in Azure's words. */
export interface Block {
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly dataActions: readonly string[];
  readonly notDataActions: readonly string[];
}

export interface RoleBook {
  /** The definitions that the target names, read from Azure and kept for some minutes. Throws `ERR_CONFIG` for one that does not exist. */
  roles(target: AzureTarget, signal: AbortSignal): Promise<readonly Role[]>;
}

const KEPT_MS = 300_000;
/** Definitions that are read side by side. */
const AT_ONCE = 8;

export function roleBook(deps: { readonly clients: Clients; readonly now: Clock }): RoleBook {
  const kept = new Map<string, { readonly at: number; readonly role: Role }>();
  const one = async (target: AzureTarget, name: string, signal: AbortSignal): Promise<Role> => {
    const key = `${JSON.stringify(target.access)} ${name}`;
    const known = kept.get(key);
    if (known !== undefined && deps.now() - known.at < KEPT_MS) return known.role;
    const role = await fetchRole(target, name, await deps.clients(target.access), signal);
    kept.set(key, { at: deps.now(), role });
    return role;
  };
  return {
    roles: async (target, signal) => {
      const roles: Role[] = [];
      for (let at = 0; at < target.roles.length; at += AT_ONCE) {
        const names = target.roles.slice(at, at + AT_ONCE);
        roles.push(...(await Promise.all(names.map(async (name) => await one(target, name, signal)))));
      }
      return roles;
    },
  };
}

async function fetchRole(
  target: AzureTarget,
  name: string,
  { rbac }: Awaited<ReturnType<Clients>>,
  signal: AbortSignal,
): Promise<Role> {
  const { subscription } = target.access;
  const scope = `/subscriptions/${subscription}`;
  const doing = `read the role definition ${name}`;
  const needs = 'the broker needs Microsoft.Authorization/roleDefinitions/read on the subscription';
  // A quote cannot be in a configured name, so that the filter is what it looks like.
  const filter = isGuid(name.toLowerCase()) ? undefined : `roleName eq '${name}'`;
  const found = await attempt({ doing, effect: 'reads', needs }, async () => {
    const matching: RoleDefinition[] = [];
    const options = { abortSignal: signal, ...(filter === undefined ? {} : { filter }) };
    if (filter !== undefined) {
      for await (const role of rbac.roleDefinitions.list(inPath(scope), options)) matching.push(role);
      return matching.filter(({ roleName }) => roleName?.toLowerCase() === name.toLowerCase());
    }
    try {
      return [await rbac.roleDefinitions.get(inPath(scope), name.toLowerCase(), options)];
    } catch (thrown) {
      if (thrown instanceof Error && 'statusCode' in thrown && thrown.statusCode === 404) return [];
      throw thrown;
    }
  });
  const [role] = found;
  const guid = role?.name?.toLowerCase() ?? '';
  if (found.length !== 1 || role === undefined || !isGuid(guid)) {
    const message = `target ${target.name}: roles: ${name} is ${found.length > 1 ? 'more than one role' : 'no role'} of the subscription`;
    throw new JitError({ code: 'ERR_CONFIG', message });
  }
  return {
    guid,
    id: `${scope}/providers/Microsoft.Authorization/roleDefinitions/${guid}`,
    name: display(role.roleName ?? guid, 128),
    assignable: role.assignableScopes ?? [],
    blocks: (role.permissions ?? []).map(({ actions, notActions, dataActions, notDataActions }) => ({
      actions: actions ?? [],
      notActions: notActions ?? [],
      dataActions: dataActions ?? [],
      notDataActions: notDataActions ?? [],
    })),
  };
}

/** Whether a pattern of a role means an operation: `*` stands for any characters, and case does not matter. */
export function matches(pattern: string, operation: string): boolean {
  const [head = '', ...rest] = pattern.toLowerCase().split('*');
  const name = operation.toLowerCase();
  if (rest.length === 0) return name === head;
  if (!name.startsWith(head)) return false;
  const tail = rest.pop() ?? '';
  let at = head.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return name.length - tail.length >= at && name.endsWith(tail);
}

/** Whether a role allows an operation. What one block takes away, another may give (Azure RBAC, "Understand role definitions"). */
export function allows(role: Role, { name, data }: Pick<Operation, 'name' | 'data'>): boolean {
  return role.blocks.some((block) => {
    const [yes, no] = data ? [block.dataActions, block.notDataActions] : [block.actions, block.notActions];
    return yes.some((pattern) => matches(pattern, name)) && !no.some((pattern) => matches(pattern, name));
  });
}

/** Everything that a role names as allowed. */
export function patternsOf({ blocks }: Role): readonly string[] {
  return [...new Set(blocks.flatMap(({ actions, dataActions }) => [...actions, ...dataActions]))];
}

/** Writes by which a holder could give access to themselves or others. */
const WAYS_UP: readonly string[] = [
  'roleAssignments/write',
  'roleAssignments/delete',
  'roleDefinitions/write',
  'roleAssignmentScheduleRequests/write',
  'roleEligibilityScheduleRequests/write',
  'roleManagementPolicies/write',
  'roleManagementPolicyAssignments/write',
  'denyAssignments/write',
  'denyAssignments/delete',
  'classicAdministrators/write',
  'policyAssignments/write',
  'elevateAccess/action',
].map((name) => `Microsoft.Authorization/${name}`);

/** Writes by which a holder could become another identity. */
const OTHER_SELVES: readonly string[] = [
  'Microsoft.ManagedIdentity/userAssignedIdentities/write',
  'Microsoft.ManagedIdentity/userAssignedIdentities/delete',
  'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action',
  'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write',
];

/**
 * What makes a role one that jit never gives, or null: an operation of Microsoft.Authorization that changes who may do
 * what, and, where the scope holds identities of other grants, one that takes an identity over.
 */
export function wayUp(role: Role, identities: 'within reach' | 'elsewhere'): string | null {
  const ways = identities === 'within reach' ? [...WAYS_UP, ...OTHER_SELVES] : WAYS_UP;
  return ways.find((name) => allows(role, { name, data: false })) ?? null;
}

/** Roles that allow all of it at that scope, the narrowest first. */
export function rolesFor(roles: readonly Role[], operations: readonly Operation[], scope: string): readonly Role[] {
  const fitting = roles.filter(
    (role) =>
      operations.every((operation) => allows(role, operation)) &&
      role.assignable.some((place) => place === '/' || liesIn(scope, place)),
  );
  const cost = new Map(fitting.map((role) => [role, breadthOf(role)]));
  return fitting.toSorted((a, b) => (cost.get(a) ?? 0) - (cost.get(b) ?? 0) || (a.guid < b.guid ? -1 : 1));
}

/**
 * How much a role allows, as a number to compare by: a wildcard weighs the more the earlier it stands, and what writes
 * weighs twice what reads. Exceptions (`notActions`) are not taken off.
 */
function breadthOf(role: Role): number {
  return patternsOf(role).reduce((sum, pattern) => {
    const segments = pattern.split('/');
    const wild = segments.findIndex((segment) => segment.includes('*'));
    const weight = wild === -1 ? 1 : 10 ** (6 - Math.min(wild, 4));
    return sum + weight * (pattern.toLowerCase().endsWith('/read') ? 1 : 2);
  }, 0);
}
