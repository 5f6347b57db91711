/**
 * Which policies can match a question at all. The engine copies the whole set for each call, about a microsecond a policy, so
 * with a thousand policies it is given only those whose scope and first conditions fit.
 * @module
 */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { attributeOf, conjuncts, literalsOf, member, operands } from './expression.ts';

/** A statement about a question, such as `resource.environment="prod`. Compared as a whole, never parsed. */
export type Fact = string;

/** A policy can match only where, for each entry, one of the entry's facts holds. */
export type Needs = readonly (readonly Fact[])[];

/** @param value an attribute's value, or an entity's `Type::id`. */
export function fact(subject: string, value: string | boolean): Fact {
  // Subjects hold no `=`, and only a text has the quote: no two facts read the same.
  return typeof value === 'string' ? `${subject}="${value}` : `${subject}=${value}`;
}

/** An entity as it appears in a fact. */
export function entityName(entity: { readonly type: string; readonly id: string }): string {
  return `${entity.type}::"${entity.id}`;
}

/**
 * What must hold before the engine would look at the policy's remaining conditions. Only the scope and the leading
 * comparisons with literals are read: those cannot fail, and what follows a false one is never evaluated, so leaving the
 * policy out changes neither the decision nor the errors.
 */
export function needsOf(policy: PolicyJson): Needs {
  return [
    ...scopeNeeds('principal', policy.principal),
    ...scopeNeeds('resource', policy.resource),
    ...conditionNeeds(policy),
  ];
}

function scopeNeeds(
  variable: 'principal' | 'resource',
  scope: PolicyJson['principal'] | PolicyJson['resource'],
): Needs {
  const needs: Fact[][] = [];
  const type = member(scope, 'entity_type');
  if (typeof type === 'string') needs.push([fact(`${variable} is`, type)]);
  const within = member(scope, 'op') === 'is' ? member(scope, 'in') : scope;
  const entity = member(within, 'entity');
  const [entityType, id] = [member(entity, 'type'), member(entity, 'id')];
  if (typeof entityType === 'string' && typeof id === 'string') {
    needs.push([fact(`${variable} in`, entityName({ type: entityType, id }))]);
  }
  return needs;
}

function conditionNeeds(policy: PolicyJson): Needs {
  const needs: (readonly Fact[])[] = [];
  for (const { kind, body } of policy.conditions) {
    if (kind !== 'when') return needs;
    for (const part of conjuncts(body)) {
      const choice = membership(part) ?? comparison(part);
      if (choice !== undefined) needs.push(choice);
      else if (!cannotFail(part)) return needs;
    }
  }
  return needs;
}

/** `principal in Jit::Group::"x"` and its kin, written as a condition. */
function membership(expression: unknown): Fact[] | undefined {
  const pair = operands(expression, 'in') ?? operands(expression, '==');
  const variable = member(pair?.[0], 'Var');
  const entity = member(member(pair?.[1], 'Value'), '__entity');
  const [type, id] = [member(entity, 'type'), member(entity, 'id')];
  if (variable !== 'principal' && variable !== 'resource') return undefined;
  return typeof type === 'string' && typeof id === 'string'
    ? [fact(`${variable} in`, entityName({ type, id }))]
    : undefined;
}

/** The facts one of which makes `x.y == literal`, `[literals].contains(x.y)`, `x.y` or `!x.y` true. */
function comparison(expression: unknown): Fact[] | undefined {
  const flag = attributeOf(expression);
  if (flag !== undefined) return [fact(flag, true)];
  const denied = attributeOf(member(member(expression, '!'), 'arg'));
  if (denied !== undefined) return [fact(denied, false)];
  const [set, element] = operands(expression, 'contains') ?? [];
  const chosen = attributeOf(element);
  if (chosen !== undefined && member(set, 'Set') !== undefined) {
    return literalsOf(set)?.map((value) => fact(chosen, value));
  }
  const pair = operands(expression, '==') ?? [];
  const [attribute] = pair.flatMap((side) => attributeOf(side) ?? []);
  const [value] = pair.flatMap((side) => member(side, 'Value') ?? []);
  const literal = typeof value === 'string' || typeof value === 'boolean' ? value : undefined;
  return attribute === undefined || literal === undefined ? undefined : [fact(attribute, literal)];
}

const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='];

/** A comparison of attributes and literals: the schema makes every attribute required, so there is nothing to go wrong. */
function cannotFail(expression: unknown): boolean {
  if (attributeOf(member(member(expression, 'like'), 'left')) !== undefined) return true;
  return COMPARISONS.some((operator) =>
    operands(expression, operator)?.every((side) => (attributeOf(side) ?? member(side, 'Value')) !== undefined),
  );
}

/** @returns for the facts that hold, the positions of the policies that can match, in rising order. */
export function indexOf(all: readonly Needs[]): (holds: ReadonlySet<Fact>) => number[] {
  const spread = new Map<Fact, number>();
  for (const each of all.flat(2)) spread.set(each, (spread.get(each) ?? 0) + 1);
  const crowd = (facts: readonly Fact[]): number => Math.max(0, ...facts.map((each) => spread.get(each) ?? 0));
  const always: number[] = [];
  const shelves = new Map<Fact, number[]>();
  for (const [position, needs] of all.entries()) {
    // Filed under its rarest need, a policy is looked at least often.
    const [rarest] = needs.toSorted((a, b) => crowd(a) - crowd(b));
    if (rarest === undefined) always.push(position);
    for (const each of rarest ?? []) {
      const shelf = shelves.get(each);
      if (shelf === undefined) shelves.set(each, [position]);
      else shelf.push(position);
    }
  }
  return (holds) => {
    const candidates = new Set([...always, ...[...holds].flatMap((each) => shelves.get(each) ?? [])]);
    return [...candidates]
      .filter((position) => all[position]?.every((facts) => facts.some((each) => holds.has(each))) ?? false)
      .toSorted((a, b) => a - b);
  };
}
