/**
 * Reading the JSON form of a policy (docs.cedarpolicy.com, "JSON policy format"): just enough to check and to index it.
 * @module
 */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { CLOSED_VALUES } from './question.ts';

/** An attribute of the request, such as `context.access` or `context.incident.severity`. */
export type Attribute = `${'principal' | 'resource' | 'context'}.${string}`;

/** An entity as text, `Jit::Group::"sre`: compared as a whole, never parsed. */
export type EntityName = string;

/** An entity as it appears in facts. Only the id can hold a quote, so no two entities read the same. */
export function entityName(entity: { readonly type: string; readonly id: string }): EntityName {
  return `${entity.type}::"${entity.id}`;
}

/** `left op right`, when the expression is that operator. */
export function operands(expression: unknown, operator: string): readonly [left: unknown, right: unknown] | undefined {
  const inner = member(expression, operator);
  return isRecord(inner) && 'left' in inner && 'right' in inner ? [inner['left'], inner['right']] : undefined;
}

/** What an attribute is called in the context, or undefined for one of something else. */
export function contextName(attribute: Attribute | undefined): string | undefined {
  return attribute?.startsWith('context.') === true ? attribute.slice('context.'.length) : undefined;
}

/** The name of the operator at the top of an expression, such as `&&`, `like` or `Value`. */
export function operatorOf(expression: unknown): string {
  return isRecord(expression) ? (Object.keys(expression)[0] ?? '') : '';
}

/** `principal.x`, `resource.x`, `context.x`, or `context.x.y` for a record in the context. */
export function attributeOf(expression: unknown): Attribute | undefined {
  const access = member(expression, '.');
  const [left, name] = [member(access, 'left'), member(access, 'attr')];
  if (typeof name !== 'string') return undefined;
  const variable = variableOf(left);
  if (variable !== undefined) return `${variable}.${name}`;
  const holder = attributeOf(left);
  // Only the context holds records: what an entity holds in an attribute is another entity.
  return holder?.startsWith('context.') === true ? `${holder}.${name}` : undefined;
}

/** `principal`, `resource` or `context` itself. */
export function variableOf(expression: unknown): 'principal' | 'resource' | 'context' | undefined {
  const variable = member(expression, 'Var');
  return variable === 'principal' || variable === 'resource' || variable === 'context' ? variable : undefined;
}

/** The literal strings or booleans of `"a"`, `true` or `["a", "b"]`. */
export function literalsOf(expression: unknown): readonly (string | boolean)[] | undefined {
  const one = member(expression, 'Value');
  if (typeof one === 'string' || typeof one === 'boolean') return [one];
  const set = member(expression, 'Set');
  if (!Array.isArray(set)) return undefined;
  const values = set.map((each: unknown) => member(each, 'Value'));
  return values.every((value) => typeof value === 'string' || typeof value === 'boolean') ? values : undefined;
}

/** The entities of `Jit::Group::"a"` or of `[Jit::Group::"a", Jit::Group::"b"]`. */
export function entitiesOf(expression: unknown): readonly EntityName[] | undefined {
  const set = member(expression, 'Set');
  const elements: readonly unknown[] = Array.isArray(set) ? set : [expression];
  const names = elements.map((each) => entityLiteral(member(member(each, 'Value'), '__entity')));
  return names.every((name) => name !== undefined) ? names : undefined;
}

/** @param entity `{type, id}`, or anything else. */
export function entityLiteral(entity: unknown): EntityName | undefined {
  const [type, id] = [member(entity, 'type'), member(entity, 'id')];
  return typeof type === 'string' && typeof id === 'string' ? entityName({ type, id }) : undefined;
}

/** The parts of `a && b && c`, in the order in which they are evaluated. */
export function conjuncts(expression: unknown): unknown[] {
  const both = operands(expression, '&&');
  return both === undefined ? [expression] : [...conjuncts(both[0]), ...conjuncts(both[1])];
}

/** A `like` pattern: the literal texts between its wildcards, the first and the last anchored, both possibly empty. */
export function patternOf(expression: unknown): readonly string[] | undefined {
  const pattern = member(member(expression, 'like'), 'pattern');
  if (!Array.isArray(pattern)) return undefined;
  const texts = [''];
  for (const element of pattern) {
    const literal = member(element, 'Literal');
    if (element === 'Wildcard') texts.push('');
    else if (typeof literal === 'string') texts.push(`${texts.pop() ?? ''}${literal}`);
    else return undefined;
  }
  return texts;
}

/**
 * Comparisons of a closed list of words with something that is not among them: `context.access == "raed"` type-checks,
 * never holds, and in a forbid would silently forbid nothing.
 */
export function impossibleComparisons(expression: unknown): string[] {
  return [...nodes(expression)].flatMap((node) =>
    ['==', '!=', 'contains'].flatMap((operator) => strangersIn(node, operator)),
  );
}

/** The ids of all entities of a type that a policy speaks of, wherever it does. */
export function entitiesIn(policy: unknown, type: string): string[] {
  return [...nodes(policy)].flatMap((node) => {
    const id = member(node, 'id');
    return member(node, 'type') === type && typeof id === 'string' ? [id] : [];
  });
}

/** Every text with which policies compare an attribute or a part of it, sorted; patterns with a word in place of each wildcard. */
export function namedTexts(policies: readonly { readonly json: PolicyJson }[], attribute: Attribute): string[] {
  const found = new Set<string>();
  for (const node of policies.flatMap(({ json }) => [...nodes(json.conditions)])) {
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
  return [...found].toSorted();
}

/** Whether an expression speaks of an attribute anywhere. */
export function mentions(expression: unknown, attribute: Attribute): boolean {
  return [...nodes(expression)].some((node) => attributeOf(node) === attribute);
}

/** An expression and everything inside it. */
export function* nodes(value: unknown): Generator {
  yield value;
  if (isRecord(value)) for (const child of Object.values(value)) yield* nodes(child);
}

function strangersIn(node: unknown, operator: string): string[] {
  const sides = operands(node, operator);
  if (sides === undefined) return [];
  const attribute = sides.map(attributeOf).find((each) => each !== undefined);
  const known = CLOSED_VALUES.get(contextName(attribute) ?? '');
  if (known === undefined) return [];
  return sides
    .flatMap((side) => literalsOf(side) ?? [])
    .filter((value) => !known.some((word) => word === value))
    .map((value) => `${attribute} is never ${JSON.stringify(value)}: it is ${known.join(', ')}`);
}

export function member(value: unknown, key: string): unknown {
  return isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
