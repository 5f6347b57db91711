/**
 * One permission, taken apart into actions and the places that each acts on, in one spelling.
 * @module
 */
import { ACCESS_LEVELS, BREADTHS, highest } from '../../core/access.ts';
import type { Assessment } from '../../core/access.ts';
import { JitError } from '../../core/errors.ts';
import type { Permission } from '../../core/request.ts';
import { actionText, kindText, parseAction } from './action.ts';
import type { Action, Kind } from './action.ts';
import { builtin } from './builtin.ts';
import { guardAction, guardPair, guardPlace } from './guard.ts';
import type { Reach } from './guard.ts';
import { accessOf, breadthOf } from './level.ts';
import { CLUSTER, fault, parsePlace, placeText } from './resource.ts';
import type { Place } from './resource.ts';
import { shown } from './shown.ts';

export interface Clause {
  readonly action: Action;
  readonly places: readonly Place[];
}

/** A permission in its one spelling, with what it amounts to. */
export interface Narrowed {
  readonly permission: Permission;
  readonly clauses: readonly Clause[];
  readonly assessment: Assessment;
}

/** The group that a kind belongs to which was named without one; itself where that is not known. */
export type Group = (kind: Kind) => Kind;

/** What every cluster has. */
export const builtinGroup: Group = (kind) => {
  const known = builtin(kind);
  return known === null ? kind : { resource: known.resource, group: known.group };
};

export interface Parsed {
  readonly actions: readonly Action[];
  readonly places: readonly Place[];
}

/** Reads what was typed and refuses what is never given. Throws `ERR_OPERATION` or `ERR_RESOURCE`. Asks no cluster. */
export function parse(reach: Reach, permission: Permission, groupOf: Group): Parsed {
  const actions = unique(permission.actions).map((typed) => {
    const action = parseAction(typed);
    return { ...action, ...groupOf(action) };
  });
  if (actions.length === 0) {
    throw new JitError({ code: 'ERR_OPERATION', message: `${shown(permission.operation)}: lists no action` });
  }
  const places = unique(permission.resources).map((typed) => {
    const place = parsePlace(typed);
    return { ...place, ...groupOf(place) };
  });
  for (const action of actions) guardAction(action);
  for (const place of places) guardPlace(place, reach);
  return { actions, places };
}

/**
 * Checks that every resource fits one of the actions, and that every action has a resource. Pure: asks no cluster.
 * Throws `ERR_OPERATION` or `ERR_RESOURCE`.
 */
export function narrow(reach: Reach, permission: Permission, groupOf: Group = builtinGroup): Narrowed {
  const { actions, places } = parse(reach, permission, groupOf);
  const clauses = uniqueActions(actions).map((action) => ({ action, places: fitting(action, places) }));
  for (const place of places) {
    if (!actions.some((action) => isSameKind(action, place))) throw wrongKind(place, actions);
    checkScope(place);
  }
  for (const { action, places: own } of clauses) for (const place of own) guardPair(action, place, reach);
  const [first] = actions;
  const levels = clauses.map(({ action }) => accessOf(action));
  return {
    permission: {
      ...permission,
      // A raw permission is its own operation, and rules look at both.
      operation:
        permission.actions.includes(permission.operation) && first !== undefined
          ? actionText(actions[permission.actions.indexOf(permission.operation)] ?? first)
          : permission.operation,
      actions: unique(actions.map(actionText)),
      resources: unique(places.map(placeText)),
    },
    clauses,
    assessment: {
      access: highest(ACCESS_LEVELS, levels) ?? 'permissions',
      breadth: highest(BREADTHS, places.map(breadthOf)) ?? 'broad',
    },
  };
}

export function isSameKind(one: Kind, other: Kind): boolean {
  return one.resource === other.resource && one.group === other.group;
}

function fitting(action: Action, places: readonly Place[]): readonly Place[] {
  const own = new Map(places.filter((place) => isSameKind(action, place)).map((place) => [placeText(place), place]));
  const [first] = places;
  if (own.size > 0) return [...own.values()];
  if (first !== undefined) throw wrongKind(first, [action]);
  const what = 'acts on a resource, and none is named';
  throw fault(actionText(action), what, `name it as ${example(action)}`);
}

function wrongKind(place: Place, actions: readonly Action[]): JitError {
  const [action] = actions;
  if (action === undefined) return fault(placeText(place), 'no action acts on it', 'leave it out');
  return fault(placeText(place), `not a resource of ${actionText(action)}`, `it acts on ${example(action)}`);
}

function example(action: Action): string {
  const scope = builtin(action)?.namespaced === false ? CLUSTER : 'namespace';
  const name = action.subresource === null && action.verbs.includes('create') ? '*' : 'name';
  return `${scope}/${kindText(action)}/${name}`;
}

function checkScope(place: Place): void {
  const known = builtin(place);
  if (known !== null) scopeFits(place, known.namespaced ? 'namespaced' : 'of the cluster');
}

/** Throws `ERR_RESOURCE` where a place is in a namespace and its kind is not, or the other way round. */
export function scopeFits(place: Place, where: 'namespaced' | 'of the cluster'): void {
  const rest = `${kindText(place)}/${place.name ?? '*'}`;
  if (where === 'namespaced' && place.scope === CLUSTER) {
    throw fault(placeText(place), `${kindText(place)} are in namespaces`, `write it as namespace/${rest}`);
  }
  if (where === 'of the cluster' && place.scope !== CLUSTER) {
    throw fault(placeText(place), `${kindText(place)} are in no namespace`, `write it as ${CLUSTER}/${rest}`);
  }
}

function uniqueActions(actions: readonly Action[]): readonly Action[] {
  return [...new Map(actions.map((action) => [actionText(action), action])).values()];
}

const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)];
