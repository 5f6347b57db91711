/**
 * A policy as a list of conditions that all have to hold: what shadows, contradictions and the rest are found with.
 * @module
 */
import {
  attributeOf,
  entitiesOf,
  literalsOf,
  member,
  operands,
  operatorOf,
  patternOf,
  variableOf,
} from '../expression.ts';
import type { Policy } from '../read.ts';

/** A condition, and whether it has to hold or must not. */
export interface Atom {
  readonly expression: unknown;
  readonly wanted: boolean;
  /** Equal for equal conditions. */
  readonly key: string;
}

/** What a condition says about one thing, as far as that can be said by values. */
export interface Limits {
  /** `context.access`, `resource`, `principal is`, … */
  readonly subject: string;
  /** The only values it may have, or null. */
  readonly among: ReadonlySet<string> | null;
  readonly not: ReadonlySet<string>;
  readonly least: number;
  readonly most: number;
  /** Texts between the wildcards of patterns that it has to match. */
  readonly like: readonly (readonly string[])[];
}

/** Everything that has to hold for a policy to match, but for its action and its hours. */
export function atomsOf({ json }: Pick<Policy, 'json'>): readonly Atom[] {
  const scope = (variable: 'principal' | 'resource'): Atom[] => {
    const { [variable]: given } = json;
    const left = { Var: variable };
    const type = member(given, 'entity_type');
    const within = member(given, 'op') === 'is' ? member(given, 'in') : given;
    const entity = member(within, 'entity');
    const operator = member(given, 'op') === '==' ? '==' : 'in';
    return [
      ...(typeof type === 'string' ? [atom({ is: { left, entity_type: type } }, true)] : []),
      ...(entity === undefined ? [] : [atom({ [operator]: { left, right: { Value: { __entity: entity } } } }, true)]),
    ];
  };
  return [
    ...scope('principal'),
    ...scope('resource'),
    ...json.conditions.flatMap(({ kind, body }) => parts(body, kind === 'when')),
  ];
}

/** The conditions that together mean that the expression comes to `wanted`. */
export function parts(expression: unknown, wanted: boolean): Atom[] {
  const operator = operatorOf(expression);
  if (operator === '!') return parts(member(member(expression, '!'), 'arg'), !wanted);
  const both = operands(expression, operator);
  if (both !== undefined && operator === (wanted ? '&&' : '||')) return both.flatMap((part) => parts(part, wanted));
  if (both !== undefined && operator === '!=') return [atom({ '==': { left: both[0], right: both[1] } }, !wanted)];
  return [atom(expression, wanted)];
}

/** The two ways in which the condition can be met, where it is met in either. */
export function alternatives({ expression, wanted }: Atom): readonly (readonly Atom[])[] | null {
  const both = operands(expression, wanted ? '||' : '&&');
  return both === undefined ? null : both.map((part) => parts(part, wanted));
}

/** A condition of its own. */
export function atom(expression: unknown, wanted: boolean): Atom {
  return { expression, wanted, key: `${wanted ? '' : '!'}${JSON.stringify(expression)}` };
}

const OPEN = { among: null, not: new Set<string>(), least: -Infinity, most: Infinity, like: [] };
const TURNED: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=', '==': '==' };
const OPPOSITE: Readonly<Record<string, string>> = { '<': '>=', '<=': '>', '>': '<=', '>=': '<', '==': '!=' };

/** @returns null for a condition that says nothing in these terms. */
export function limitsOf({ expression, wanted }: Atom): Limits | null {
  const values = (subject: string, all: readonly (string | boolean)[]): Limits => {
    const set = new Set(all.map(String));
    return wanted ? { ...OPEN, subject, among: set } : { ...OPEN, subject, not: set };
  };
  const flag = attributeOf(expression);
  if (flag !== undefined) return { ...OPEN, subject: flag, among: new Set([String(wanted)]) };
  const operator = operatorOf(expression);
  const [left, right] = operands(expression, operator) ?? [];
  if (operator === 'is') {
    const variable = variableOf(member(member(expression, 'is'), 'left'));
    const type = member(member(expression, 'is'), 'entity_type');
    return variable === undefined || typeof type !== 'string' ? null : values(`${variable} is`, [type]);
  }
  if (operator === 'like') {
    const [attribute, pattern] = [attributeOf(member(member(expression, 'like'), 'left')), patternOf(expression)];
    if (attribute === undefined || pattern === undefined || !wanted) return null;
    return { ...OPEN, subject: attribute, like: [pattern] };
  }
  if (operator === 'contains') {
    const [attribute, literals] = [attributeOf(right), literalsOf(left)];
    if (attribute !== undefined && literals !== undefined) return values(attribute, literals);
    const [set, element] = [attributeOf(left), literalsOf(right) ?? entitiesOf(right)];
    // Holding one element and lacking it: a subject of its own.
    return set === undefined || element === undefined ? null : flagOf(`${set} holds ${String(element[0])}`, wanted);
  }
  if (operator === 'in' || operator === '==') {
    const variable = variableOf(left);
    const names = entitiesOf(right);
    if (variable !== undefined && names !== undefined) {
      if (operator === '==' || variable === 'resource') return values(variable, names);
      return names.length === 1 ? flagOf(`${variable} in ${names[0] ?? ''}`, wanted) : null;
    }
  }
  const side = attributeOf(left) === undefined ? 'right' : 'left';
  const [attribute, literal] = side === 'left' ? [attributeOf(left), right] : [attributeOf(right), left];
  const value = member(literal, 'Value');
  if (attribute === undefined) return null;
  if (operator === '==' && (typeof value === 'string' || typeof value === 'boolean')) return values(attribute, [value]);
  const turned = side === 'left' ? operator : TURNED[operator];
  return typeof value === 'number' ? rangeOf(attribute, wanted ? turned : OPPOSITE[turned ?? ''], value) : null;
}

function flagOf(subject: string, holds: boolean): Limits {
  return { ...OPEN, subject, among: new Set([String(holds)]) };
}

function rangeOf(subject: string, operator: string | undefined, value: number): Limits | null {
  switch (operator) {
    case '<':
      return { ...OPEN, subject, most: value - 1 };
    case '<=':
      return { ...OPEN, subject, most: value };
    case '>':
      return { ...OPEN, subject, least: value + 1 };
    case '>=':
      return { ...OPEN, subject, least: value };
    case '==':
      return { ...OPEN, subject, least: value, most: value };
    case '!=':
      return { ...OPEN, subject, not: new Set([String(value)]) };
    case undefined:
    default:
      return null;
  }
}
