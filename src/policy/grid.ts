/**
 * Questions about everything that policies speak of: a grid of who, where and what, for comparing two sets.
 * @module
 */
import { ACCESS_LEVELS } from '../core/access.ts';
import type { Target } from '../core/ports.ts';
import type { Principal } from '../core/principal.ts';
import { attributeOf, entitiesIn, literalsOf, nodes, operands, patternOf, member } from './expression.ts';
import type { Question } from './question.ts';
import type { Policy } from './read.ts';

/** A question, and words for its three sides. */
export interface Point {
  readonly who: string;
  readonly where: string;
  readonly what: string;
  readonly question: Question;
}

type Place = Question['target'];

/** More questions than this take more than some seconds. */
export const MOST_POINTS = 20_000;

/**
 * Each kind of principal, in no group and in each that is named, and whoever is named; each target of the configuration, or one for
 * each that is named and for each environment and tag; each access level with each operation and resource that is named, and one that
 * is not. For fifteen minutes, with a ticket.
 * @returns at most `MOST_POINTS`, taken evenly, and how many there would be.
 */
export function gridOf(
  policies: readonly Policy[],
  configured: ReadonlyMap<string, Omit<Place, 'name'>> | null,
  now: number,
): { readonly points: readonly Point[]; readonly all: number } {
  const people = peopleIn(policies);
  const places = configured === null ? placesIn(policies) : [...configured].map(([name, rest]) => ({ name, ...rest }));
  const things = thingsIn(policies);
  const all = people.length * places.length * things.length;
  const step = Math.max(1, all / MOST_POINTS);
  const points: Point[] = [];
  for (let at = 0; at < all; at += step) {
    const number = Math.floor(at);
    const person = people[number % people.length];
    const place = places[Math.floor(number / people.length) % places.length];
    const thing = things[Math.floor(number / people.length / places.length)];
    if (person === undefined || place === undefined || thing === undefined) continue;
    points.push(pointOf(person, place, thing, now));
  }
  return { points, all };
}

interface Thing {
  readonly access: (typeof ACCESS_LEVELS)[number];
  readonly operation: string;
  readonly resource: string;
}

function pointOf(principal: Principal, target: Place, { access, operation, resource }: Thing, now: number): Point {
  const raw = /[:/.]/.test(operation);
  return {
    who: principal.name,
    where: target.name,
    what: [access, ...(operation === ELSE ? [] : [operation]), ...(resource === ELSE ? [] : [resource])].join(' '),
    question: {
      principal,
      target,
      permission: { target: target.name, operation, actions: [raw ? operation : 'other:Other'], resources: [resource] },
      assessment: { access, breadth: 'exact' },
      operation: { named: !raw, risk: 'medium' },
      seconds: 900,
      hasTicket: true,
      reasonLength: 200,
      now,
    },
  };
}

/** Stands for all that no policy names. */
const ELSE = 'other';

function peopleIn(policies: readonly Policy[]): Principal[] {
  const issuer = 'https://idp.example.com';
  const someone = (kind: Principal['kind'], groups: readonly string[]): Principal => {
    const words = groups.length === 0 ? `any ${kind}` : `${kind} in ${groups.join(', ')}`;
    return { kind, issuer, subject: words, name: words, groups };
  };
  const groups = [...new Set(policies.flatMap(({ json }) => entitiesIn(json, 'Jit::Group')))].toSorted();
  const kinds = ['user', 'workload', 'agent'] as const;
  const types = { user: 'Jit::User', workload: 'Jit::Workload', agent: 'Jit::Agent' };
  return kinds.flatMap((kind) => [
    someone(kind, []),
    ...groups.map((group) => someone(kind, [group])),
    ...[...new Set(policies.flatMap(({ json }) => entitiesIn(json, types[kind])))].flatMap((id) => {
      const bar = id.indexOf('|');
      return bar < 0 ? [] : [{ kind, issuer: id.slice(0, bar), subject: id.slice(bar + 1), name: id, groups: [] }];
    }),
  ]);
}

function placesIn(policies: readonly Policy[]): Place[] {
  const place = (name: string, rest: Partial<Pick<Target, 'environment' | 'sandbox' | 'tags'>>): Place => ({
    name,
    provider: 'aws',
    environment: ELSE,
    sandbox: false,
    ...rest,
  });
  const environments = [...named(policies, 'resource.environment'), ELSE];
  const targets = [...new Set(policies.flatMap(({ json }) => entitiesIn(json, 'Jit::Target')))];
  return [
    ...environments.map((environment) => place(`any in ${environment}`, { environment })),
    ...named(policies, 'resource.tags').flatMap((tag) =>
      environments.map((environment) => place(`any in ${environment} tagged ${tag}`, { environment, tags: [tag] })),
    ),
    ...targets.flatMap((name) => environments.map((environment) => place(name, { environment }))),
    place('the sandbox', { environment: 'sandbox', sandbox: true }),
  ];
}

function thingsIn(policies: readonly Policy[]): Thing[] {
  const operations = [...named(policies, 'context.operation'), ...named(policies, 'context.permission'), ELSE];
  const resources = [...named(policies, 'context.resource'), ELSE];
  return ACCESS_LEVELS.flatMap((access) =>
    [...new Set(operations)].flatMap((operation) => resources.map((resource) => ({ access, operation, resource }))),
  );
}

/** Every text with which an attribute is compared, patterns with a word in place of each wildcard. */
function named(policies: readonly Policy[], attribute: string): string[] {
  const found = new Set<string>();
  for (const { json } of policies) {
    for (const node of nodes(json.conditions)) {
      for (const operator of ['==', '!=', 'contains', 'containsAny', 'containsAll']) {
        const sides = operands(node, operator) ?? [];
        if (!sides.some((side) => attributeOf(side) === attribute)) continue;
        for (const value of sides.flatMap((side) => literalsOf(side) ?? [])) found.add(String(value));
      }
      const pattern = patternOf(node);
      if (pattern !== undefined && attributeOf(member(member(node, 'like'), 'left')) === attribute) {
        found.add(pattern.join('any'));
      }
    }
  }
  return [...found].toSorted();
}
