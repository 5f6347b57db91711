/**
 * From what was asked for to role assignments: the narrowest configured role on exactly the resource.
 * @module
 */
import { ACCESS_LEVELS, BREADTHS, highest } from '../../core/access.ts';
import type { Assessed, Assessment } from '../../core/access.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { Permission } from '../../core/request.ts';
import { didYouMean } from '../../core/suggest.ts';
import { findOperation, namespaceOf } from './operations.ts';
import type { Namespace, Operation, OperationBook } from './operations.ts';
import { allows, rolesFor, wayUp } from './roles.ts';
import type { Role, RoleBook } from './roles.ts';
import { breadthOf, readScope, writeScope } from './scope.ts';
import type { Scope } from './scope.ts';
import type { AzureTarget } from './target.ts';

/** One role on one thing, and which of its operations were asked for. */
export interface Pair {
  readonly scope: string;
  readonly role: Role;
  readonly asked: readonly Operation[];
}

/** A permission in Azure's own spelling. */
export interface Narrowed extends Assessed {
  readonly operations: readonly Operation[];
}

/** Namespaces whose operations are about resources of any other. */
const EVERYWHERE: ReadonlySet<string> = new Set([
  'microsoft.advisor',
  'microsoft.authorization',
  'microsoft.insights',
  'microsoft.resourcehealth',
  'microsoft.resources',
  'microsoft.security',
  'microsoft.support',
]);

export interface Narrower {
  /** Throws `ERR_OPERATION`, `ERR_RESOURCE`, and what reading Azure's lists throws. */
  narrow(target: AzureTarget, permission: Permission, signal: AbortSignal): Promise<Narrowed>;
  /** One role for each permission and resource, each pair once, sorted. Throws `ERR_OPERATION` where no configured role fits. */
  pairs(target: AzureTarget, narrowed: readonly Narrowed[], signal: AbortSignal): Promise<readonly Pair[]>;
}

export function narrower(books: { readonly operations: OperationBook; readonly roles: RoleBook }): Narrower {
  return {
    narrow: async (target, permission, signal) => {
      if (permission.actions.length === 0)
        throw new JitError({ code: 'ERR_OPERATION', message: 'no operation was named' });
      if (permission.resources.length === 0) throw nothingNamed(target);
      // All that can be judged without a call comes first.
      const scopes = permission.resources.map((text) => scopeAt(target, text));
      const asked = permission.actions.map((action) => ({ action, namespace: namespaceOf(action) }));
      const spaces = new Map<string, Namespace>();
      const open = async (name: string): Promise<Namespace> => {
        const known = spaces.get(name) ?? (await books.operations.namespace(target.access, name, signal));
        spaces.set(name, known);
        return known;
      };
      const operations: Operation[] = [];
      for (const { action, namespace } of asked) operations.push(...findOperation(await open(namespace), action));
      const resources: string[] = [];
      for (const scope of scopes) {
        for (const { name } of operations) demandFit(name, scope);
        const spelled = scope.resource === null ? [] : spellTypes(await open(scope.resource.namespace), scope);
        resources.push(writeScope(scope, spelled));
      }
      const actions = [...new Set(operations.map(({ name }) => name))];
      return {
        permission: { ...permission, actions, resources: [...new Set(resources)] },
        assessment: {
          access:
            highest(
              ACCESS_LEVELS,
              operations.map(({ access }) => access),
            ) ?? 'permissions',
          breadth: highest(BREADTHS, scopes.map(breadthOf)) ?? 'broad',
        },
        operations,
      };
    },
    pairs: async (target, narrowed, signal) => {
      const roles = await books.roles.roles(target, signal);
      const pairs = new Map<string, Pair>();
      for (const { permission, operations } of narrowed) {
        for (const scope of permission.resources) {
          const role = choose(target, roles, operations, scope);
          const key = `${scope} ${role.guid}`;
          const before = pairs.get(key)?.asked ?? [];
          const names = new Set(before.map(({ name }) => name));
          pairs.set(key, { scope, role, asked: [...before, ...operations.filter(({ name }) => !names.has(name))] });
        }
      }
      return [...pairs].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => pair);
    },
  };
}

/** What several permissions come to together. */
export function together(narrowed: readonly Narrowed[]): Assessment {
  return {
    access:
      highest(
        ACCESS_LEVELS,
        narrowed.map(({ assessment }) => assessment.access),
      ) ?? 'permissions',
    breadth:
      highest(
        BREADTHS,
        narrowed.map(({ assessment }) => assessment.breadth),
      ) ?? 'broad',
  };
}

/** The resource as an identifier at this target. Throws `ERR_RESOURCE`. */
function scopeAt({ access, recipient, name }: AzureTarget, text: string): Scope {
  const scope = readScope(text);
  if (scope.subscription !== access.subscription) {
    throw new JitError({
      code: 'ERR_RESOURCE',
      message: `that is in subscription ${scope.subscription}, and target ${name} is ${access.subscription}`,
    });
  }
  if (recipient.kind === 'identity' && scope.group === recipient.place.group) {
    throw new JitError({
      code: 'ERR_RESOURCE',
      message: `nothing in resource group ${scope.group} can be asked for: it holds the identities of grants`,
    });
  }
  return scope;
}

/** A role on a resource means something only for operations on its type, or below it. */
function demandFit(operation: string, { resource }: Scope): void {
  if (resource === null) return;
  const [namespace = '', ...path] = operation.toLowerCase().split('/');
  const types = resource.path.map(({ type }) => type);
  const fits =
    namespace === resource.namespace ? types.every((type, at) => path[at] === type) : EVERYWHERE.has(namespace);
  if (fits) return;
  throw new JitError({
    code: 'ERR_RESOURCE',
    message: `${operation} does nothing on a ${resource.namespace}/${types.join('/')}`,
    hint: 'name the resource that the operation is about, or one that holds it',
  });
}

function spellTypes(namespace: Namespace, { resource }: Scope): readonly string[] {
  const path = (resource?.path ?? []).map(({ type }) => type).join('/');
  const spelled = namespace.types.get(path);
  if (spelled !== undefined) return [namespace.name, ...spelled.split('/')];
  throw new JitError({
    code: 'ERR_RESOURCE',
    message: `azure has no resources of type ${namespace.name}/${display(path, 200)}`,
    hint: didYouMean(path, namespace.types.values()),
  });
}

function choose(target: AzureTarget, roles: readonly Role[], operations: readonly Operation[], scope: string): Role {
  const wide = target.recipient.kind === 'identity' && scope.split('/').length === 3;
  const identities = wide ? 'within reach' : 'elsewhere';
  const fitting = rolesFor(roles, operations, scope);
  const [role] = fitting.filter((one) => wayUp(one, identities) === null);
  if (role !== undefined) return role;
  const names = operations.map(({ name }) => name).join(', ');
  const [refused] = fitting;
  if (refused !== undefined) {
    throw new JitError({
      code: 'ERR_OPERATION',
      message: `the only role for ${names} is ${refused.name}, which is never given: it allows ${wayUp(refused, identities) ?? ''}`,
    });
  }
  const missing = operations.filter((operation) => !roles.some((one) => allows(one, operation)));
  throw new JitError({
    code: 'ERR_OPERATION',
    message: `no role of target ${target.name} allows ${missing.length === 0 ? `all of ${names} on ${scope}` : missing.map(({ name }) => name).join(', ')}`,
    hint: `its roles: ${roles.map(({ name }) => name).join(', ')}`,
  });
}

function nothingNamed({ access }: AzureTarget): JitError {
  return new JitError({
    code: 'ERR_RESOURCE',
    message: 'no resource was named',
    hint: `for the whole subscription: /subscriptions/${access.subscription}`,
  });
}
