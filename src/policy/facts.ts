/**
 * Which policies can match a call at all, looked up rather than tried. The engine copies the set that it is given for each call,
 * about two microseconds a policy, so with a thousand policies it gets only those that may matter.
 * @module
 */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import {
  type Attribute,
  attributeOf,
  contextName,
  entitiesOf,
  entityLiteral,
  type EntityName,
  literalsOf,
  member,
  operands,
  operatorOf,
  patternOf,
  variableOf,
} from './expression.ts';
import { isEntity, isSet, type Known, type Scene } from './known.ts';
import { CLOSED_VALUES } from './question.ts';

/** Something that a call tells, such as the words of its resource. */
interface Subject {
  readonly key: string;
  readonly read: (scene: Scene) => readonly string[];
}

/** That one of the values of a subject is this one. */
interface Fact {
  readonly subject: Subject;
  readonly value: string;
}

/** Facts one of which has to hold. */
type Need = readonly Fact[];

/** A policy can match only where, for each entry, one of the entry's facts holds. */
export type Needs = readonly Need[];

/** More ways than this to meet `a || b` are not worth keeping. */
const MOST_NEEDS = 24;

/** That the attribute has this value. */
function valueFact(attribute: Attribute, value: string | boolean): Fact {
  const read = attributeReader(attribute);
  const subject = {
    key: `${attribute} =`,
    read(scene: Scene) {
      const known = read(scene);
      return typeof known === 'string' ? [textValue(known)] : typeof known === 'boolean' ? [String(known)] : [];
    },
  };
  return { subject, value: typeof value === 'string' ? textValue(value) : String(value) };
}

/** Apart from `true` and `false`. */
function textValue(text: string): string {
  return `"${text}`;
}

/** That the words of the attribute include this one. */
function wordFact(attribute: Attribute, word: string): Fact {
  const read = attributeReader(attribute);
  const subject = {
    key: `${attribute} words`,
    read(scene: Scene) {
      const known = read(scene);
      return typeof known === 'string' ? wordsOf(known) : [];
    },
  };
  return { subject, value: word };
}

/** That the set in the attribute holds this. @param element a text, or the name of an entity. */
function elementFact(attribute: Attribute, element: string): Fact {
  const read = attributeReader(attribute);
  const subject = {
    key: `${attribute} holds`,
    read(scene: Scene) {
      const known = read(scene);
      return isSet(known) ? [...known] : [];
    },
  };
  return { subject, value: element };
}

/** That the entity is this one or belongs to it. */
function memberFact({ key, entity }: EntitySubject, name: EntityName): Fact {
  const read = (scene: Scene): readonly string[] => {
    const known = entity(scene);
    return isEntity(known) ? [known.name, ...known.parents] : [];
  };
  return { subject: { key: `${key} in`, read }, value: name };
}

function typeFact(variable: 'principal' | 'resource', type: string): Fact {
  return { subject: { key: `${variable} is`, read: (scene) => [scene[variable].type] }, value: type };
}

function presenceFact(variable: 'principal' | 'resource', attribute: string): Fact {
  const read = (scene: Scene): readonly string[] => Object.keys(scene[variable].attributes);
  return { subject: { key: `${variable} has`, read }, value: attribute };
}

function attributeReader(attribute: Attribute): (scene: Scene) => Known | undefined {
  const dot = attribute.indexOf('.');
  const [variable, name] = [attribute.slice(0, dot), attribute.slice(dot + 1)];
  const from = (scene: Scene): Readonly<Record<string, Known>> =>
    variable === 'context'
      ? scene.context
      : variable === 'principal'
        ? scene.principal.attributes
        : scene.resource.attributes;
  return (scene) => from(scene)[name];
}

/** The unbroken runs of ASCII letters and digits. */
function wordsOf(text: string): string[] {
  return text.match(/[A-Za-z0-9]+/g) ?? [];
}

/**
 * What must hold before the policy can match or fail: where for one entry no fact holds, the engine comes to a false part
 * before it comes to anything that could fail, so leaving the policy out changes neither the decision nor the errors.
 */
export function needsOf(policy: PolicyJson): Needs {
  const needs = [...scopeNeeds('principal', policy.principal), ...scopeNeeds('resource', policy.resource)];
  for (const { kind, body } of policy.conditions) {
    needs.push(...needsFor(body, kind === 'when'));
    if (!cannotFail(body)) break;
  }
  return needs;
}

function scopeNeeds(
  variable: 'principal' | 'resource',
  scope: PolicyJson['principal'] | PolicyJson['resource'],
): Needs {
  const needs: Fact[][] = [];
  const type = member(scope, 'entity_type');
  if (typeof type === 'string') needs.push([typeFact(variable, type)]);
  const within = member(scope, 'op') === 'is' ? member(scope, 'in') : scope;
  const name = entityLiteral(member(within, 'entity'));
  if (name !== undefined) needs.push([memberFact(variableSubject(variable), name)]);
  return needs;
}

/** What must hold for the expression to come to `wanted`: without it, it comes to the opposite, and does not fail. */
function needsFor(expression: unknown, wanted: boolean): Needs {
  const operator = operatorOf(expression);
  const [left, right] = operands(expression, operator) ?? [];
  switch (operator) {
    case '!':
      return needsFor(member(member(expression, '!'), 'arg'), !wanted);
    case '&&':
      return wanted ? inTurn([left, true], [right, true]) : either(needsFor(left, false), needsFor(right, false));
    case '||':
      return wanted ? either(needsFor(left, true), needsFor(right, true)) : inTurn([left, false], [right, false]);
    case 'if-then-else': {
      const parts = member(expression, operator);
      const condition = member(parts, 'if');
      return either(
        inTurn([condition, true], [member(parts, 'then'), wanted]),
        inTurn([condition, false], [member(parts, 'else'), wanted]),
      );
    }
    case 'Value': {
      const value = member(expression, 'Value');
      return typeof value === 'boolean' && value !== wanted ? [[]] : [];
    }
    case '!=':
      return equality(left, right, !wanted);
    case '==':
      return equality(left, right, wanted);
    default:
      return simple(expression, operator, wanted);
  }
}

function inTurn(first: readonly [unknown, boolean], second: readonly [unknown, boolean]): Needs {
  return [...needsFor(...first), ...(cannotFail(first[0]) ? needsFor(...second) : [])];
}

function either(a: Needs, b: Needs): Needs {
  return a.flatMap((some) => b.map((others) => [...some, ...others])).slice(0, MOST_NEEDS);
}

function equality(left: unknown, right: unknown, wanted: boolean): Needs {
  for (const [side, other] of [
    [left, right],
    [right, left],
  ]) {
    const attribute = attributeOf(side);
    const literal = member(other, 'Value');
    if (attribute !== undefined && (typeof literal === 'string' || typeof literal === 'boolean')) {
      if (wanted) return [[valueFact(attribute, literal)]];
      const others = typeof literal === 'boolean' ? [!literal] : otherWords(attribute, literal);
      return others === undefined ? [] : [others.map((value) => valueFact(attribute, value))];
    }
    const names = entitiesOf(other);
    const subject = entitySubject(side);
    if (wanted && names !== undefined && subject !== undefined) return [names.map((name) => memberFact(subject, name))];
  }
  return [];
}

/** Where an attribute has a closed list of values, all but this one. */
function otherWords(attribute: Attribute, word: string): readonly string[] | undefined {
  const known = CLOSED_VALUES.get(contextName(attribute) ?? '');
  return known?.filter((each) => each !== word);
}

function simple(expression: unknown, operator: string, wanted: boolean): Needs {
  const flag = attributeOf(expression);
  if (flag !== undefined) return [[valueFact(flag, wanted)]];
  if (!wanted) return [];
  const [left, right] = operands(expression, operator) ?? [];
  switch (operator) {
    case 'in': {
      const [subject, names] = [entitySubject(left), entitiesOf(right)];
      return subject === undefined || names === undefined ? [] : [names.map((name) => memberFact(subject, name))];
    }
    case 'is': {
      const variable = variableOf(member(member(expression, 'is'), 'left'));
      const type = member(member(expression, 'is'), 'entity_type');
      if (variable === undefined || variable === 'context' || typeof type !== 'string') return [];
      return [[typeFact(variable, type)]];
    }
    case 'has': {
      const variable = variableOf(member(member(expression, 'has'), 'left'));
      const attribute = member(member(expression, 'has'), 'attr');
      if (variable === undefined || variable === 'context' || typeof attribute !== 'string') return [];
      return [[presenceFact(variable, attribute)]];
    }
    case 'like':
      return patternNeeds(expression);
    case 'contains': {
      const element = attributeOf(right);
      const literals = literalsOf(left);
      if (element !== undefined && literals !== undefined) return [literals.map((value) => valueFact(element, value))];
      return elementsNeeded(left, right).map((each) => [each]);
    }
    case 'containsAll':
      return elementsNeeded(left, right).map((each) => [each]);
    case 'containsAny': {
      const elements = elementsNeeded(left, right);
      return elements.length === 0 ? [] : [elements];
    }
    default:
      return [];
  }
}

/** What the set in an attribute would hold, for literal texts or entities. */
function elementsNeeded(set: unknown, elements: unknown): Fact[] {
  const attribute = attributeOf(set);
  const names = entitiesOf(elements) ?? literalsOf(elements)?.filter((value) => typeof value === 'string');
  return attribute === undefined ? [] : (names ?? []).map((name: EntityName) => elementFact(attribute, name));
}

interface EntitySubject {
  readonly key: string;
  readonly entity: (scene: Scene) => Known | undefined;
}

function variableSubject(variable: 'principal' | 'resource'): EntitySubject {
  return { key: variable, entity: (scene) => scene[variable] };
}

/** `principal` and `resource` themselves, and the person for whom an agent acts. */
function entitySubject(expression: unknown): EntitySubject | undefined {
  const variable = variableOf(expression);
  if (variable === 'principal' || variable === 'resource') return variableSubject(variable);
  const attribute = attributeOf(expression);
  return attribute === 'principal.actsFor' ? { key: attribute, entity: attributeReader(attribute) } : undefined;
}

/** Whatever matches a pattern holds, as a word of its own, each word that the pattern has between two other characters. */
function patternNeeds(expression: unknown): Needs {
  const attribute = attributeOf(member(member(expression, 'like'), 'left'));
  const texts = patternOf(expression);
  if (attribute === undefined || texts === undefined) return [];
  if (texts.length === 1) return [[valueFact(attribute, texts[0] ?? '')]];
  return texts
    .flatMap((text, position) => {
      const [start, end] = [position === 0 ? '' : 'x', position === texts.length - 1 ? '' : 'x'];
      // The letters stand for what a wildcard may continue the word with: a word that touches one is not known whole.
      const known = wordsOf(`${start}${text}${end}`);
      if (start !== '') known.shift();
      if (end !== '') known.pop();
      return known;
    })
    .map((word) => [wordFact(attribute, word)]);
}

const SAFE: ReadonlySet<string> = new Set(
  '! && || if-then-else Value Var Set . has in is like == != < <= > >= contains containsAll containsAny isEmpty'.split(
    ' ',
  ),
);

/**
 * Whether nothing in the expression can fail once strict validation has passed it: that leaves only arithmetic, which can
 * overflow, and extension functions. (Validation proves that an optional attribute is looked for before it is read.)
 */
function cannotFail(expression: unknown): boolean {
  const operator = operatorOf(expression);
  if (!SAFE.has(operator)) return false;
  if (operator === 'Value' || operator === 'Var') return true;
  const inner = member(expression, operator);
  if (Array.isArray(inner)) return inner.every(cannotFail);
  return ['left', 'right', 'arg', 'if', 'then', 'else', 'in'].every((key) => {
    const part = member(inner, key);
    return part === undefined || cannotFail(part);
  });
}

/** @returns for a scene, the positions of the policies that can match, in rising order. */
export function indexOf(all: readonly Needs[]): (scene: Scene) => number[] {
  const keyOf = ({ subject, value }: Fact): string => `${subject.key} ${value}`;
  const spread = new Map<string, number>();
  for (const each of all.flat(2)) spread.set(keyOf(each), (spread.get(keyOf(each)) ?? 0) + 1);
  const crowd = (facts: Need): number => facts.reduce((sum, each) => sum + (spread.get(keyOf(each)) ?? 0), 0);
  const always: number[] = [];
  const cabinets = new Map<string, { readonly subject: Subject; readonly shelves: Map<string, number[]> }>();
  for (const [position, needs] of all.entries()) {
    // Filed under its rarest need, a policy is looked at least often.
    const [rarest] = needs.toSorted((a, b) => crowd(a) - crowd(b));
    if (rarest === undefined) always.push(position);
    for (const { subject, value } of rarest ?? []) {
      const cabinet = cabinets.get(subject.key) ?? { subject, shelves: new Map<string, number[]>() };
      cabinets.set(subject.key, cabinet);
      const shelf = cabinet.shelves.get(value);
      if (shelf === undefined) cabinet.shelves.set(value, [position]);
      else shelf.push(position);
    }
  }
  return (scene) => {
    const candidates = new Set(always);
    for (const { subject, shelves } of cabinets.values()) {
      for (const value of subject.read(scene)) for (const each of shelves.get(value) ?? []) candidates.add(each);
    }
    return [...candidates].toSorted((a, b) => a - b);
  };
}
