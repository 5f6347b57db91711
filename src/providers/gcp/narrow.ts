/**
 * One permission, checked against what the target's roles permit, and turned into roles on places.
 * @module
 */
import { ACCESS_LEVELS, BREADTHS, highest } from '../../core/access.ts';
import type { AccessLevel, Assessment } from '../../core/access.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { Permission } from '../../core/request.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { Place } from './condition.ts';
import { accessOf, outlives, serviceOf, typeOf, verbOf } from './permissions.ts';
import { exampleFor, isBindable, permissionsOf, projectName, readResource } from './resources.ts';
import type { Bound, Resource } from './resources.ts';
import type { RoleFacts } from './role-facts.ts';
import type { GcpTarget } from './target.ts';

/** A role that is given, and where. */
export interface Pick {
  readonly facts: RoleFacts;
  /** Empty: in the whole project. */
  readonly places: readonly Place[];
  /** The permissions that were asked for; empty where the role itself was. */
  readonly asked: readonly string[];
}

export interface Narrowed {
  readonly permission: Permission;
  readonly picks: readonly Pick[];
  readonly assessment: Assessment;
}

/** Throws `ERR_OPERATION` or `ERR_RESOURCE`. @param facts of the roles of the target that Google knows, in their order. */
export function narrow(target: GcpTarget, facts: readonly RoleFacts[], permission: Permission): Narrowed {
  const actions = unique(permission.actions.map((typed) => spell(target, facts, typed)));
  if (actions.length === 0) throw operationFault(permission.operation, 'lists no action', undefined);
  const resources = readAll(target, permission);
  const bounds = resources.flatMap(({ bound }) => (bound === null ? [] : [bound]));
  const raw = actions.filter((action) => !isRole(action));
  checkFit(target, raw, resources);
  const direct = facts.filter(({ role }) => actions.includes(role));
  const left = raw.filter((action) => !direct.some(({ permissions }) => permissions.has(action)));
  const chosen = left.length === 0 || target.access.kind === 'pam' ? [] : [narrowest(target, facts, left)];
  const picks =
    target.access.kind === 'pam'
      ? facts.map((one): Pick => ({ facts: one, places: [], asked: raw.filter((name) => one.permissions.has(name)) }))
      : [
          ...direct.map((one) => pick(one, bounds, raw, 'role')),
          ...chosen.map((one) => pick(one, bounds, left, 'permissions')),
        ];
  for (const one of picks) refuseLasting(target, one);
  const levels = picks.flatMap((one) => permissionsIn(one).map(accessOf));
  const [first = permission.operation] = actions;
  return {
    permission: {
      ...permission,
      operation: permission.actions.includes(permission.operation) ? first : permission.operation,
      actions,
      resources: unique(permission.resources),
    },
    picks,
    assessment: {
      access: highest<AccessLevel>(ACCESS_LEVELS, levels) ?? 'permissions',
      breadth:
        highest(
          BREADTHS,
          resources.map(({ breadth }) => breadth),
        ) ?? 'broad',
    },
  };
}

/** What a role permits where it is given: bound to a place, only what is about places of that service. */
export function permissionsIn({ facts, places }: Pick): readonly string[] {
  const all = [...facts.permissions].toSorted();
  if (places.length === 0) return all;
  const services = new Set(places.map(permissionsOf));
  return all.filter((name) => services.has(serviceOf(name)));
}

/** Picks of one role become one; the whole project contains every place in it. */
export function merge(picks: readonly Pick[]): readonly Pick[] {
  const roles = Map.groupBy(picks, ({ facts }) => facts.role);
  return [...roles.values()].flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    const whole = members.some(({ places }) => places.length === 0);
    const places = whole ? [] : members.flatMap((one) => one.places);
    return [{ facts: first.facts, places, asked: unique(members.flatMap(({ asked }) => asked)) }];
  });
}

const isRole = (action: string): boolean => action.includes('/');

function spell(target: GcpTarget, facts: readonly RoleFacts[], typed: string): string {
  const roles = facts.map(({ role }) => role);
  const known = isRole(typed) ? roles : unique(facts.flatMap(({ permissions }) => [...permissions]));
  const found = known.find((name) => name.toLowerCase() === typed.toLowerCase());
  if (found !== undefined) {
    const problem = isRole(found) ? null : outlives(found);
    if (problem !== null) throw operationFault(typed, 'not given on request', problem);
    return found;
  }
  if (/[*?]/.test(typed))
    throw operationFault(typed, 'a wildcard is not one operation', 'name exactly one, for example storage.objects.get');
  throw operationFault(
    typed,
    isRole(typed) ? `not a role of target ${target.name}` : `in no role of target ${target.name}`,
    didYouMean(typed, known) ?? `its roles: ${roles.join(', ')}`,
  );
}

/** The resources of a permission. Throws `ERR_RESOURCE`. */
export function readAll(target: GcpTarget, { actions, resources: texts }: Permission): readonly Resource[] {
  const [action = ''] = actions;
  const service = serviceOf(action);
  if (texts.length === 0 || texts.includes('*')) {
    const example = isRole(action) ? projectName(target) : exampleFor(service, typeOf(action), target);
    throw resourceFault('*', 'name what it is for', `for example ${example}`);
  }
  const resources = unique(texts).map((text) => readResource(text, target));
  const whole = resources.find(({ bound }) => bound === null);
  if (whole !== undefined && resources.length > 1) {
    throw resourceFault(whole.text, 'contains everything else that is named', 'leave it out, or all the others');
  }
  if (whole !== undefined && target.access.kind === 'storage') {
    throw resourceFault(
      whole.text,
      `target ${target.name} gives access to objects and buckets only`,
      `for example ${exampleFor('storage', 'objects', target)}`,
    );
  }
  const inner = resources.find(({ bound }) => bound !== null);
  if (inner !== undefined && target.access.kind === 'pam') {
    throw resourceFault(
      inner.text,
      `target ${target.name} gives an entitlement as a whole`,
      `ask for it in ${projectName(target)}`,
    );
  }
  const foreign = resources.find(({ bound }) => bound !== null && bound.service !== 'storage.googleapis.com');
  if (foreign !== undefined && target.access.kind === 'storage') {
    throw resourceFault(
      foreign.text,
      `target ${target.name} is for Cloud Storage only`,
      'choose a target with access: binding',
    );
  }
  return resources;
}

/** Every permission has something to act on, and every resource something that acts on it. */
function checkFit(target: GcpTarget, actions: readonly string[], resources: readonly Resource[]): void {
  const bounds = resources.flatMap((one) => (one.bound === null ? [] : [{ text: one.text, bound: one.bound }]));
  if (bounds.length === 0) return;
  for (const action of actions) {
    if (bounds.some(({ bound }) => fits(action, bound))) continue;
    const service = serviceOf(action);
    const [first] = bounds;
    const what = isBindable(service) ? `acts on another kind of thing` : `cannot be bound to a resource`;
    throw resourceFault(
      first?.text ?? '',
      `${action} ${what}`,
      `for example ${exampleFor(service, placeTypeOf(action), target)}`,
    );
  }
  if (actions.length === 0) return;
  for (const { text, bound } of bounds) {
    if (actions.some((action) => fits(action, bound))) continue;
    throw resourceFault(text, 'nothing that was asked for acts on it', 'leave it out');
  }
}

function fits(action: string, bound: Bound): boolean {
  if (permissionsOf(bound) !== serviceOf(action)) return false;
  const [type, verb] = [typeOf(action), verbOf(action)];
  switch (serviceOf(action)) {
    case 'storage': {
      if (type === 'buckets') return bound.type === 'buckets';
      if (type !== 'objects') return true;
      if (verb !== 'list') return bound.type === 'objects';
      // What is listed is told by a prefix: that of everything is empty, and only the bucket itself stands for it.
      return bound.type === 'buckets' || (bound.match === 'beginning' && !bound.name.endsWith('/objects/'));
    }
    case 'secretmanager': {
      const onVersion = type === 'versions' && verb !== 'add' && verb !== 'list';
      return bound.type === (onVersion ? 'versions' : 'secrets');
    }
    default:
      return true;
  }
}

function placeTypeOf(action: string): string {
  const [type, verb] = [typeOf(action), verbOf(action)];
  if (action === 'storage.objects.list') return 'buckets';
  return type === 'versions' && (verb === 'add' || verb === 'list') ? 'secrets' : type;
}

function narrowest(target: GcpTarget, facts: readonly RoleFacts[], actions: readonly string[]): RoleFacts {
  const [best] = facts
    .filter(({ permissions }) => actions.every((action) => permissions.has(action)))
    .toSorted((a, b) => a.permissions.size - b.permissions.size);
  if (best !== undefined) return best;
  throw operationFault(
    actions.join(' '),
    `no one role of target ${target.name} permits all of it`,
    'ask for them one by one',
  );
}

function pick(facts: RoleFacts, bounds: readonly Bound[], asked: readonly string[], how: 'role' | 'permissions'): Pick {
  const mayList = how === 'role' || asked.includes('storage.objects.list');
  const places = bounds.map((bound): Place => ({ ...bound, lists: mayList ? 'may list' : 'may not list' }));
  return { facts, places, asked: how === 'role' ? [] : asked };
}

function refuseLasting(target: GcpTarget, one: Pick): void {
  for (const permission of permissionsIn(one)) {
    const problem = outlives(permission);
    if (problem === null) continue;
    throw operationFault(
      one.facts.role,
      `not given in all of ${target.reach.project}`,
      `${problem}; name the resource that it is for, or have a role without it configured`,
    );
  }
}

function operationFault(typed: string, what: string, hint: string | undefined): JitError {
  return new JitError({ code: 'ERR_OPERATION', message: `${display(typed, 200)}: ${what}`, hint });
}

function resourceFault(text: string, what: string, hint: string): JitError {
  return new JitError({ code: 'ERR_RESOURCE', message: `${display(text, 200)}: ${what}`, hint });
}

const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)];
