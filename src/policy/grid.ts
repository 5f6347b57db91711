/**
 * Questions about everything that policies speak of: a grid of who, where and what, for comparing two sets.
 * @module
 */
import { ACCESS_LEVELS } from '../core/access.ts';
import type { Target } from '../core/ports.ts';
import type { Principal } from '../core/principal.ts';
import { type Case, incidentsFor } from './emergency/incidents.ts';
import { entitiesIn, namedTexts } from './expression.ts';
import type { EmergencyQuestion, Question } from './question.ts';
import type { Policy } from './read.ts';

/** A question, and words for its three sides. */
export interface Point {
  readonly who: string;
  readonly where: string;
  readonly what: string;
  readonly question: Question | EmergencyQuestion;
}

type Place = Question['target'];

/** More questions than this take more than some seconds. */
const MOST_POINTS = 20_000;

/**
 * For each policy that only one of two sets has, a grid of what it speaks of: elsewhere the answers are the same. Each kind of
 * principal, in no group and in each that is named, whoever is named, agents of people in such groups; each target of the
 * configuration, or one for each that is named and for each environment and tag; each access level with each operation and resource
 * that is named, and one that is not; where it is about emergencies, in each incident that can be told apart. For fifteen minutes,
 * with a ticket and a long reason.
 * @returns at most 20,000, taken evenly, and whether these are all.
 */
export function gridOf(
  before: readonly Policy[],
  after: readonly Policy[],
  configured: ReadonlyMap<string, Omit<Place, 'name'>> | null,
  now: number,
): { readonly points: readonly Point[]; readonly asked: 'all' | 'some' } {
  const places = configured === null ? null : [...configured].map(([name, rest]) => ({ name, ...rest }));
  const grids = [...without(before, after), ...without(after, before)].map((policy) => ({
    people: peopleIn([policy]),
    places: places ?? placesIn([policy]),
    things: thingsIn([policy]).flatMap((thing) => incidentsIn(policy).map((incident) => ({ ...thing, incident }))),
  }));
  const sizes = grids.map((grid) => grid.people.length * grid.places.length * grid.things.length);
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const step = Math.max(1, all / MOST_POINTS);
  const points = new Map<string, Point>();
  let at = 0;
  for (const [position, grid] of grids.entries()) {
    const size = sizes[position] ?? 0;
    for (; at < size; at += step) {
      const number = Math.floor(at);
      const person = grid.people[number % grid.people.length];
      const place = grid.places[Math.floor(number / grid.people.length) % grid.places.length];
      const thing = grid.things[Math.floor(number / grid.people.length / grid.places.length)];
      if (person === undefined || place === undefined || thing === undefined) continue;
      const point = pointOf(person, place, thing, now);
      points.set(JSON.stringify([point.who, point.where, place.environment, place.tags, point.what]), point);
    }
    at -= size;
  }
  return { points: [...points.values()], asked: all > MOST_POINTS ? 'some' : 'all' };
}

/** The policies of one set that the other does not have word for word. */
function without(policies: readonly Policy[], others: readonly Policy[]): Policy[] {
  const known = new Set(others.map(({ id, text }) => `${id} ${text}`));
  return policies.filter(({ id, text }) => !known.has(`${id} ${text}`));
}

interface Thing {
  readonly access: (typeof ACCESS_LEVELS)[number];
  readonly operation: string;
  readonly resource: string;
}

/** Null: without an emergency. */
function incidentsIn(policy: Policy): (Case | null)[] {
  const { actions } = policy;
  const inEmergencies = actions === null || actions.includes('BreakGlass');
  const elsewhere = actions === null || actions.some((action) => action !== 'BreakGlass');
  return [...(elsewhere ? [null] : []), ...(inEmergencies ? incidentsFor(policy) : [])];
}

type Happening = Thing & { readonly incident: Case | null };

function pointOf(principal: Principal, target: Place, happening: Happening, now: number): Point {
  const { access, operation, resource, incident } = happening;
  const raw = /[:/.]/.test(operation);
  return {
    who: principal.name,
    where: target.name,
    what: [
      access,
      ...(operation === ELSE ? [] : [operation]),
      ...(resource === ELSE ? [] : [resource]),
      ...(incident === null ? [] : [incident.words]),
    ].join(' '),
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
      ...(incident === null ? {} : { incident: incident.facts }),
    },
  };
}

/** Stands for all that no policy names. */
const ELSE = 'other';

function peopleIn(policies: readonly Policy[]): Principal[] {
  const issuer = 'https://idp.example.com';
  const someone = <K extends Principal['kind']>(kind: K, groups: readonly string[]) => {
    const words = groups.length === 0 ? `any ${kind}` : `${kind} in ${groups.join(', ')}`;
    return { kind, issuer, subject: words, name: words, groups };
  };
  const groups = [...new Set(policies.flatMap(({ json }) => entitiesIn(json, 'Jit::Group')))].toSorted();
  const kinds = ['user', 'workload', 'agent'] as const;
  const types = { user: 'Jit::User', workload: 'Jit::Workload', agent: 'Jit::Agent' };
  const helped = ['any user', ...groups].map((group, position): Principal => {
    const person = someone('user', position === 0 ? [] : [group]);
    const words = `agent of a ${position === 0 ? 'user' : person.name}`;
    return { ...someone('agent', []), subject: words, name: words, actsFor: person };
  });
  const alone = kinds.flatMap((kind): Principal[] => [
    someone(kind, []),
    ...groups.map((group) => someone(kind, [group])),
    ...[...new Set(policies.flatMap(({ json }) => entitiesIn(json, types[kind])))].flatMap((id) => {
      const bar = id.indexOf('|');
      return bar < 0 ? [] : [{ kind, issuer: id.slice(0, bar), subject: id.slice(bar + 1), name: id, groups: [] }];
    }),
  ]);
  return [...alone, ...helped];
}

function placesIn(policies: readonly Policy[]): Place[] {
  const place = (name: string, rest: Partial<Pick<Target, 'environment' | 'sandbox' | 'tags'>>): Place => ({
    name,
    provider: 'aws',
    environment: ELSE,
    sandbox: false,
    ...rest,
  });
  const environments = [...namedTexts(policies, 'resource.environment'), ELSE];
  const targets = [...new Set(policies.flatMap(({ json }) => entitiesIn(json, 'Jit::Target')))];
  return [
    ...environments.map((environment) => place(`any in ${environment}`, { environment })),
    ...namedTexts(policies, 'resource.tags').flatMap((tag) =>
      environments.map((environment) => place(`any in ${environment} tagged ${tag}`, { environment, tags: [tag] })),
    ),
    ...targets.flatMap((name) => environments.map((environment) => place(name, { environment }))),
    place('the sandbox', { environment: 'sandbox', sandbox: true }),
  ];
}

function thingsIn(policies: readonly Policy[]): Thing[] {
  const operations = [
    ...namedTexts(policies, 'context.operation'),
    ...namedTexts(policies, 'context.permission'),
    ELSE,
  ];
  const resources = [...namedTexts(policies, 'context.resource'), ELSE];
  return ACCESS_LEVELS.flatMap((access) =>
    [...new Set(operations)].flatMap((operation) => resources.map((resource) => ({ access, operation, resource }))),
  );
}
