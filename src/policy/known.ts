/**
 * Telling without the engine whether a policy surely matches or surely does not. What is not understood is left open, so an
 * omission here costs time and never an answer.
 * @module
 */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import {
  attributeOf,
  conjuncts,
  contextName,
  type EntityName,
  entityLiteral,
  member,
  operands,
  operatorOf,
  patternOf,
  variableOf,
} from './expression.ts';

/** An entity: what it is called, what it is, what it belongs to and what is known of it. */
export interface Entity {
  readonly name: EntityName;
  readonly type: string;
  readonly parents: ReadonlySet<EntityName>;
  readonly attributes: Attributes;
}

type Attributes = Readonly<Record<string, Known>>;

/** A value that is surely what the engine would have. Sets hold texts, or names of entities. */
export type Known = string | boolean | number | Entity | ReadonlySet<string>;

/** What a call is about. */
export interface Scene {
  readonly principal: Entity;
  readonly resource: Entity;
  /** What is in a record is under the names of both: `incident.severity`. */
  readonly context: Attributes;
}

/** Undefined: not known, or it fails. */
type Test = (scene: Scene) => Known | undefined;

const UNKNOWN: Test = () => undefined;

/** @returns whether the policy matches; undefined where that is not known or it may fail. */
export function compilePolicy(policy: PolicyJson): (scene: Scene) => boolean | undefined {
  const tests = [
    scopeTest('principal', policy.principal),
    scopeTest('resource', policy.resource),
    ...policy.conditions.map(({ kind, body }) => {
      const test = compile(body);
      return kind === 'when' ? test : negated(test);
    }),
  ];
  return (scene) => {
    for (const test of tests) {
      const value = test(scene);
      // Beyond what is not known, nothing is.
      if (value !== true) return value === false ? false : undefined;
    }
    return true;
  };
}

/** @returns whether the policy could match if what is not known were as it likes: false only where a part of it surely fails. */
export function compileParts({ principal, resource, conditions }: PolicyJson): (scene: Scene) => boolean {
  const tests = [
    scopeTest('principal', principal),
    scopeTest('resource', resource),
    ...conditions.flatMap(({ kind, body }) =>
      kind === 'when' ? conjuncts(body).map(compile) : [negated(compile(body))],
    ),
  ];
  return (scene) => tests.every((test) => test(scene) !== false);
}

function scopeTest(variable: 'principal' | 'resource', scope: PolicyJson['principal'] | PolicyJson['resource']): Test {
  const type = member(scope, 'entity_type');
  const within = member(scope, 'op') === 'is' ? member(scope, 'in') : scope;
  const name = entityLiteral(member(within, 'entity'));
  return (scene) => {
    const entity = scene[variable];
    if (typeof type === 'string' && entity.type !== type) return false;
    return name === undefined || belongs(entity, name);
  };
}

function belongs(entity: Entity, name: EntityName): boolean {
  return entity.name === name || entity.parents.has(name);
}

function compile(expression: unknown): Test {
  const operator = operatorOf(expression);
  const inner = member(expression, operator);
  const [left, right] = (operands(expression, operator) ?? []).map(compile);
  if (left !== undefined && right !== undefined) return compileBinary(operator, left, right, expression);
  switch (operator) {
    case 'Value':
      return literal(inner);
    case 'Var':
      return variableTest(expression);
    case '!':
      return negated(compile(member(inner, 'arg')));
    case 'if-then-else': {
      const [condition, yes, no] = ['if', 'then', 'else'].map((key) => compile(member(inner, key)));
      return (scene) => {
        const value = condition?.(scene);
        return typeof value === 'boolean' ? (value ? yes : no)?.(scene) : undefined;
      };
    }
    case '.':
      return attributeTest(expression);
    case 'has':
      return presenceTest(inner);
    case 'is':
      return member(inner, 'in') === undefined ? typeTest(inner) : UNKNOWN;
    case 'like':
      return likeTest(expression);
    default:
      return UNKNOWN;
  }
}

function negated(test: Test): Test {
  return (scene) => {
    const value = test(scene);
    return typeof value === 'boolean' ? !value : undefined;
  };
}

function literal(value: unknown): Test {
  // A whole number beyond this has lost its last digits on the way here.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? () => value : UNKNOWN;
  return typeof value === 'string' || typeof value === 'boolean' ? () => value : UNKNOWN;
}

function variableTest(expression: unknown): Test {
  const variable = variableOf(expression);
  return variable === 'principal' || variable === 'resource' ? (scene) => scene[variable] : UNKNOWN;
}

/** The attributes of an entity. Whether the context has something is left open: a record in it is there in parts only. */
function holderOf(expression: unknown): (scene: Scene) => Attributes | undefined {
  const test = compile(expression);
  return (scene) => {
    const value = test(scene);
    return isEntity(value) ? value.attributes : undefined;
  };
}

function attributeTest(expression: unknown): Test {
  const asked = contextName(attributeOf(expression));
  if (asked !== undefined) return ({ context }) => own(context, asked);
  const inner = member(expression, '.');
  const [holder, name] = [holderOf(member(inner, 'left')), member(inner, 'attr')];
  if (typeof name !== 'string') return UNKNOWN;
  return (scene) => own(holder(scene), name);
}

function own(attributes: Attributes | undefined, name: string): Known | undefined {
  return attributes !== undefined && Object.hasOwn(attributes, name) ? attributes[name] : undefined;
}

function presenceTest(inner: unknown): Test {
  const [holder, name] = [holderOf(member(inner, 'left')), member(inner, 'attr')];
  if (typeof name !== 'string') return UNKNOWN;
  return (scene) => {
    const attributes = holder(scene);
    return attributes === undefined ? undefined : Object.hasOwn(attributes, name);
  };
}

function typeTest(inner: unknown): Test {
  const [test, type] = [compile(member(inner, 'left')), member(inner, 'entity_type')];
  return (scene) => {
    const value = test(scene);
    return isEntity(value) ? value.type === type : undefined;
  };
}

function likeTest(expression: unknown): Test {
  const [test, texts] = [compile(member(member(expression, 'like'), 'left')), patternOf(expression)];
  if (texts === undefined) return UNKNOWN;
  return (scene) => {
    const value = test(scene);
    return typeof value === 'string' ? matches(value, texts) : undefined;
  };
}

/** @param texts what stands between the wildcards. */
export function matches(value: string, texts: readonly string[]): boolean {
  const [first = '', ...rest] = texts;
  const last = rest.pop();
  if (last === undefined) return value === first;
  if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false;
  const end = value.length - last.length;
  let from = first.length;
  for (const text of rest) {
    const found = value.indexOf(text, from);
    if (found < 0 || found + text.length > end) return false;
    from = found + text.length;
  }
  return true;
}

function compileBinary(operator: string, left: Test, right: Test, expression: unknown): Test {
  switch (operator) {
    case '&&':
      return (scene) => {
        const value = left(scene);
        return value === true ? right(scene) : value === false ? false : undefined;
      };
    case '||':
      return (scene) => {
        const value = left(scene);
        return value === false ? right(scene) : value === true ? true : undefined;
      };
    case '==':
    case '!=':
      return equalityTest(left, right, operands(expression, operator) ?? [], operator === '==' ? 'same' : 'other');
    case '<':
    case '<=':
    case '>':
    case '>=':
      return orderTest(operator, left, right);
    case 'in':
      return membershipTest(left, operands(expression, operator)?.[1]);
    case 'contains':
    case 'containsAll':
    case 'containsAny':
      return setTest(operator, operands(expression, operator) ?? []);
    default:
      return UNKNOWN;
  }
}

function equalityTest(left: Test, right: Test, sides: readonly unknown[], asked: 'same' | 'other'): Test {
  const answer = (same: boolean): boolean => same === (asked === 'same');
  const [one, other] = sides.map((side) => entityLiteral(member(member(side, 'Value'), '__entity')));
  const name = one ?? other;
  if (name !== undefined) {
    const entity = one === undefined ? left : right;
    return (scene) => {
      const value = entity(scene);
      return isEntity(value) ? answer(value.name === name) : undefined;
    };
  }
  return (scene) => {
    const [a, b] = [left(scene), right(scene)];
    if (isEntity(a) && isEntity(b)) return answer(a.name === b.name);
    return typeof a === typeof b && typeof a !== 'object' && a !== undefined ? answer(a === b) : undefined;
  };
}

function orderTest(operator: '<' | '<=' | '>' | '>=', left: Test, right: Test): Test {
  return (scene) => {
    const [a, b] = [left(scene), right(scene)];
    if (typeof a !== 'number' || typeof b !== 'number') return undefined;
    if (operator === '<') return a < b;
    if (operator === '<=') return a <= b;
    return operator === '>' ? a > b : a >= b;
  };
}

function membershipTest(left: Test, right: unknown): Test {
  const set = member(right, 'Set');
  const elements: readonly unknown[] = Array.isArray(set) ? set : [right];
  const names = elements.flatMap((each) => entityLiteral(member(member(each, 'Value'), '__entity')) ?? []);
  if (names.length !== elements.length) return UNKNOWN;
  return (scene) => {
    const value = left(scene);
    return isEntity(value) ? names.some((name) => belongs(value, name)) : undefined;
  };
}

/** Sets of literals and sets in attributes: texts among texts, names of entities among names. */
function setTest(operator: 'contains' | 'containsAll' | 'containsAny', sides: readonly unknown[]): Test {
  const [set, asked] = sides.map(setOf);
  if (set === undefined || asked === undefined) return UNKNOWN;
  return (scene) => {
    const [a, b] = [set(scene), asked(scene)];
    if (a === undefined || b === undefined) return undefined;
    const elements = [...b];
    return operator === 'containsAny' ? elements.some((each) => a.has(each)) : elements.every((each) => a.has(each));
  };
}

/** One element counts as a set of one. */
function setOf(expression: unknown): (scene: Scene) => ReadonlySet<string> | undefined {
  const list = member(expression, 'Set');
  const elements: readonly unknown[] | undefined = Array.isArray(list) ? list : undefined;
  const literals = (elements ?? [expression]).map((each) => {
    const value = member(each, 'Value');
    return typeof value === 'string' ? value : entityLiteral(member(value, '__entity'));
  });
  if (literals.every((each) => each !== undefined)) {
    const known = new Set(literals);
    return () => known;
  }
  if (elements !== undefined) return () => undefined;
  const test = compile(expression);
  return (scene) => {
    const value = test(scene);
    if (isSet(value)) return value;
    return typeof value === 'string' ? new Set([value]) : isEntity(value) ? new Set([value.name]) : undefined;
  };
}

/** Whether a known value is an entity. */
export function isEntity(value: Known | undefined): value is Entity {
  return typeof value === 'object' && 'name' in value;
}

/** Whether a known value is a set. */
export function isSet(value: Known | undefined): value is ReadonlySet<string> {
  return value instanceof Set;
}
