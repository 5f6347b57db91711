/**
 * One permission, checked against what AWS knows and taken apart into statements.
 * @module
 */
import { ACCESS_LEVELS, BREADTHS, highest } from '../../core/access.ts';
import type { Assessment, Breadth } from '../../core/access.ts';
import { JitError } from '../../core/errors.ts';
import type { Permission } from '../../core/request.ts';
import { findAction } from './actions.ts';
import type { KnownAction } from './actions.ts';
import { parseRole } from './arn.ts';
import { breadthOf, fault, globMatches, reaches, readResource, typesOf } from './resources.ts';
import type { Home, Resource } from './resources.ts';
import type { ActionFacts, FactBook, ResourceType } from './service-facts.ts';
import type { AwsTarget } from './target.ts';

/** Actions that share their resources. `resources` is `['*']` where AWS has no resource-level permission. */
export interface Clause {
  readonly actions: readonly ActionFacts[];
  readonly resources: readonly string[];
}

/** A permission in AWS's own spelling, with what it amounts to. */
export interface Narrowed {
  readonly permission: Permission;
  readonly clauses: readonly Clause[];
  readonly assessment: Assessment;
}

/**
 * Checks that every action exists, that every resource fits one of the actions and that every action has a resource.
 * Throws `ERR_OPERATION` or `ERR_RESOURCE`.
 */
export async function narrow(book: FactBook, target: AwsTarget, permission: Permission): Promise<Narrowed> {
  const home = homeOf(target);
  const actions = await Promise.all(unique(permission.actions).map(async (typed) => await findAction(book, typed)));
  if (actions.length === 0) {
    throw new JitError({ code: 'ERR_OPERATION', message: `${permission.operation}: lists no action` });
  }
  const named = unique(permission.resources).filter((text) => text !== '*');
  const starred = permission.resources.includes('*');
  const resources = named.map((text) => readResource(text, home));
  const [first] = actions;
  // Dropping it because narrower resources stand beside it would be another permission than the one asked for.
  if (starred && first !== undefined && actions.every(({ facts }) => facts.resourceTypes.length > 0)) {
    throw noResource(first, { resources: [], starred, home });
  }
  const fitting = actions.map((action) => fitAction(action, { resources, starred, home }));
  for (const resource of resources) {
    if (!fitting.some(({ covers }) => covers.includes(resource.text))) throw wrongType(resource, actions, home);
  }
  guardOwn(target, fitting);
  const breadths = fitting.map(({ breadth }) => breadth);
  return {
    permission: {
      ...permission,
      // A raw permission is its own operation, and rules look at both.
      operation: permission.actions.includes(permission.operation) ? (first?.facts.name ?? '') : permission.operation,
      actions: unique(actions.map(({ facts }) => facts.name)),
      resources: named.length === 0 ? ['*'] : unique(permission.resources),
    },
    clauses: group(fitting.map(({ action, covers }) => ({ action: action.facts, resources: covers }))),
    assessment: {
      access:
        highest(
          ACCESS_LEVELS,
          actions.map(({ facts }) => facts.access),
        ) ?? 'permissions',
      breadth: highest(BREADTHS, breadths) ?? 'broad',
    },
  };
}

/**
 * Nobody is given a change of the roles and policies that jit itself works with: whoever can edit the deny entries of a role
 * can undo the revocations of everybody on it, and whoever can edit a prepared policy can widen the sessions that have it.
 */
function guardOwn({ name, access, prepared }: AwsTarget, fitting: readonly Fitting[]): void {
  const own = [
    access.role,
    ...(access.revoker === null ? [] : [access.revoker]),
    ...prepared.map(({ policy }) => policy),
  ];
  for (const { action, covers } of fitting) {
    const { facts, service } = action;
    if (service.prefix !== 'iam' || facts.access === 'list' || facts.access === 'read') continue;
    const guarded = covers.find((text) => text !== '*' && own.some((arn) => globMatches(text, arn)));
    if (guarded === undefined) continue;
    throw fault(
      guarded,
      `${facts.name} could undo revocations or bounds of target ${name}`,
      'change the roles and policies of jit without jit',
    );
  }
}

interface Offer {
  readonly resources: readonly Resource[];
  readonly starred: boolean;
  readonly home: Home;
}

interface Fitting {
  readonly action: KnownAction;
  readonly covers: readonly string[];
  readonly breadth: Breadth;
}

function fitAction(action: KnownAction, offer: Offer): Fitting {
  const { facts } = action;
  // Nothing narrower exists, and it may show resources that nobody has named.
  if (facts.resourceTypes.length === 0) return { action, covers: ['*'], breadth: 'broad' };
  const own = typesOfAction(action);
  const matched = offer.resources.flatMap((resource) => {
    const types = typesFor(resource, action, own, offer.home);
    return types.length === 0 ? [] : [{ resource, types }];
  });
  if (matched.length === 0) throw noResource(action, offer);
  return {
    action,
    covers: matched.map(({ resource }) => resource.text),
    breadth:
      highest(
        BREADTHS,
        matched.map(({ resource, types }) => breadthOf(resource, types)),
      ) ?? 'broad',
  };
}

const typesOfAction = ({ facts, service }: KnownAction): readonly ResourceType[] =>
  service.resourceTypes.filter(({ name }) => facts.resourceTypes.includes(name));

function typesFor(
  resource: Resource,
  action: KnownAction,
  own: readonly ResourceType[],
  home: Home,
): readonly ResourceType[] {
  const direct = typesOf(resource, action.service.resourceTypes, home).filter((type) => own.includes(type));
  return direct.length > 0 ? direct : own.filter((type) => reaches(resource, type, home));
}

function noResource(action: KnownAction, offer: Offer): JitError {
  const { facts } = action;
  const [first] = offer.resources;
  if (first !== undefined) return wrongType(first, [action], offer.home);
  const what = offer.starred ? '* is every resource there is' : 'acts on a resource, and none is named';
  return fault(offer.starred ? '*' : facts.name, what, example(action, offer.home));
}

function wrongType(resource: Resource, actions: readonly KnownAction[], home: Home): JitError {
  const [action] = actions;
  if (action === undefined) return fault(resource.text, 'no action acts on it', 'leave it out');
  if (actions.every(({ facts }) => facts.resourceTypes.length === 0)) {
    return fault(resource.text, `${action.facts.name} cannot be narrowed to a resource`, 'leave the resource out');
  }
  const acting = actions.find(({ facts }) => facts.resourceTypes.length > 0) ?? action;
  const { account, region } = resource.arn;
  if (account !== '' && account !== home.account && /^\d+$/.test(account)) {
    return fault(
      resource.text,
      `target ${home.target} is account ${home.account}`,
      'choose the target of that account',
    );
  }
  if (region !== '' && region !== home.region) {
    return fault(resource.text, `target ${home.target} is in ${home.region}`, 'choose a target of that region');
  }
  return fault(resource.text, `not a resource of ${acting.facts.name}`, example(acting, home));
}

/** Such as: s3:ListBucket acts on a bucket: arn:aws:s3:::name. */
function example(action: KnownAction, home: Home): string {
  const { facts, service } = action;
  // The service's own first: s3:GetObject also acts on objects behind an access point, which few people mean.
  const [type] = typesOfAction(action).toSorted((a, b) => rank(a, service.prefix) - rank(b, service.prefix));
  if (type === undefined) return `leave the resource out`;
  const arn = type.pattern
    .replaceAll(/\$\{Partition\}/g, home.partition)
    .replaceAll(/\$\{Region\}/g, home.region)
    .replaceAll(/\$\{(?:Account|AccountId)\}/g, home.account)
    .replaceAll(/\$\{([A-Za-z]+?)(?:Name)?\}/g, (_, name: string) =>
      name.toLowerCase().replace(/^.*bucket$/, 'bucket'),
    );
  const word = type.name.toLowerCase();
  return `${facts.name} acts on ${/^[aeiou]/.test(word) ? 'an' : 'a'} ${word}: ${arn}`;
}

function rank(type: ResourceType, prefix: string): number {
  const [, , service] = type.pattern.split(':');
  return (service === prefix ? 0 : 1_000) + type.pattern.length;
}

function group(
  pairs: readonly { readonly action: ActionFacts; readonly resources: readonly string[] }[],
): readonly Clause[] {
  const groups = Map.groupBy(pairs, ({ resources }) => resources.join('\n'));
  return [...groups.values()].map((members) => ({
    actions: members.map(({ action }) => action),
    resources: members[0]?.resources ?? [],
  }));
}

function homeOf(target: AwsTarget): Home {
  const role = parseRole(target.access.role);
  return {
    target: target.name,
    partition: role?.partition ?? '',
    account: role?.account ?? '',
    region: target.access.region,
  };
}

const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)];
