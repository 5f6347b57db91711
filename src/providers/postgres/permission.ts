/**
 * What a request for group roles means at a target, as far as the configuration alone can say.
 * @module
 */
import { ACCESS_LEVELS, highest } from '../../core/access.ts';
import type { AccessLevel, Assessed } from '../../core/access.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { Permission } from '../../core/request.ts';
import { didYouMean } from '../../core/suggest.ts';
import { actionOf, groupOf } from './names.ts';
import type { Group, PostgresTarget } from './target.ts';

/** All permissions of one request at one target, as one role would have them. */
export interface Asked {
  /** In alphabetical order: whoever takes locks in one order does not meet a deadlock. */
  readonly groups: readonly Group[];
  readonly databases: readonly string[];
  readonly access: AccessLevel;
}

const PLAIN = /^[\x21-\x7e]{1,128}$/;

/** Throws `ERR_OPERATION` with a did-you-mean, or `ERR_RESOURCE`. */
export function assessed(target: PostgresTarget, asked: Permission): Assessed {
  const groups = asked.actions.map((action) => groupFor(target, action));
  if (groups.length === 0) {
    throw new JitError({ code: 'ERR_OPERATION', message: 'no role was asked for', hint: example(target) });
  }
  if (asked.resources.length === 0) {
    throw new JitError({
      code: 'ERR_RESOURCE',
      message: 'no database was named',
      hint: `name one of: ${target.databases.map((name) => display(name, 63)).join(', ')}`,
    });
  }
  for (const group of groups) {
    for (const database of asked.resources) demandDatabase(group, database);
    if (target.otherDatabases === 'tell') demandAll(asked.resources, group.databases);
  }
  const permission = { ...asked, actions: unique(asked.actions), resources: unique(asked.resources) };
  return { permission, assessment: { access: highestOf(groups), breadth: 'exact' } };
}

/**
 * The same for everything that is asked for at once, which is one login: each of its roles works in each of its databases.
 * Throws the same.
 */
export function together(target: PostgresTarget, permissions: readonly Permission[]): Asked {
  const each = permissions.map((one) => assessed(target, one).permission);
  const actions = unique(each.flatMap((one) => one.actions));
  const groups = actions.map((action) => groupFor(target, action)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const databases = unique(each.flatMap(({ resources }) => resources)).toSorted();
  for (const group of groups) {
    const named = each.filter((one) => one.actions.includes(actionOf(group.name))).flatMap((one) => one.resources);
    const reached = group.databases.filter((database) => databases.includes(database));
    demandAll(named, reached);
  }
  return { groups, databases, access: highestOf(groups) };
}

/** What the holder leaves goes to the groups with the most access, through which alone it can have been made. */
export function heirsOf({ groups, access }: Asked): readonly string[] {
  return groups.filter((group) => group.access === access).map(({ name }) => name);
}

function highestOf(groups: readonly Group[]): AccessLevel {
  const levels = groups.map((group) => group.access);
  return highest(ACCESS_LEVELS, levels) ?? 'permissions';
}

/** A role means the same in each of its databases: whoever names fewer than it would work in would get more than was named. */
function demandAll(named: readonly string[], reached: readonly string[]): void {
  if (reached.every((database) => named.includes(database))) return;
  throw new JitError({
    code: 'ERR_RESOURCE',
    message: 'that role would work in more databases than were named for it',
    hint: `name all of them: ${reached.map((name) => display(name, 63)).join(' ')}`,
  });
}

function groupFor(target: PostgresTarget, action: string): Group {
  const name = groupOf(action);
  const group = name === null ? undefined : target.groups.get(name);
  if (group !== undefined) return group;
  const known = [...target.groups.keys()].map(actionOf);
  throw new JitError({
    code: 'ERR_OPERATION',
    message: PLAIN.test(action) ? `${JSON.stringify(action)} is not granted at ${target.name}` : 'that is not a role',
    hint: didYouMean(action, known) ?? example(target),
  });
}

function demandDatabase(group: Group, database: string): void {
  if (group.databases.includes(database)) return;
  const known = group.databases.map((name) => display(name, 63));
  throw new JitError({
    code: 'ERR_RESOURCE',
    message: PLAIN.test(database)
      ? `${JSON.stringify(database)} is not a database in which that role is granted`
      : 'that is not a database in which that role is granted',
    hint: didYouMean(database, known) ?? `name one of: ${known.join(', ')}`,
  });
}

function example(target: PostgresTarget): string {
  return `actions at ${target.name}: ${[...target.groups.keys()].map((name) => display(actionOf(name), 80)).join(', ')}`;
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
