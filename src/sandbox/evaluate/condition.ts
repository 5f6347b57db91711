/**
 * Condition operators, for exactly the part of the language that jit uses.
 * @module
 */
import { globMatches } from './pattern.ts';

/** What is known about one request: condition key in lower case → its single value. */
export type Context = ReadonlyMap<string, string>;

/** One operator, one key, the values of which one (or none, for the negated operator) must match. */
export interface Condition {
  readonly operator: Operator;
  readonly ifExists: boolean;
  /** In lower case: condition keys are compared without regard to case. */
  readonly key: string;
  readonly values: readonly string[];
}

interface OperatorFacts {
  /** What a missing key means without `IfExists`. Source: IAM user guide, "Condition operators". */
  readonly whenMissing: boolean;
  /** Whether a value of a policy is acceptable at all. */
  accepts(value: string): boolean;
  /** Whether the request's value satisfies the policy's values. */
  holds(actual: string, values: readonly string[]): boolean;
}

// One form only. A bare number would mean epoch seconds to one reader and a year to another.
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

const anyText = (value: string): boolean => !value.includes('${');
const isTruth = (value: string): boolean => /^(?:true|false)$/i.test(value);
const isInstant = (value: string): boolean => INSTANT.test(value) && !Number.isNaN(Date.parse(value));

function dated(compare: (actual: number, bound: number) => boolean): OperatorFacts {
  return {
    whenMissing: false,
    accepts: isInstant,
    holds: (actual, values) =>
      isInstant(actual) && values.some((value) => compare(Date.parse(actual), Date.parse(value))),
  };
}

const OPERATORS = {
  StringEquals: { whenMissing: false, accepts: anyText, holds: (actual, values) => values.includes(actual) },
  StringNotEquals: { whenMissing: true, accepts: anyText, holds: (actual, values) => !values.includes(actual) },
  StringLike: {
    whenMissing: false,
    accepts: anyText,
    holds: (actual, values) => values.some((value) => globMatches(value, actual)),
  },
  DateLessThan: dated((actual, bound) => actual < bound),
  DateGreaterThan: dated((actual, bound) => actual > bound),
  Bool: {
    whenMissing: false,
    accepts: isTruth,
    holds: (actual, values) => values.some((value) => value.toLowerCase() === actual.toLowerCase()),
  },
  // Answers whether the key is missing; `conditionHolds` gives it that instead of the value.
  Null: {
    whenMissing: false,
    accepts: isTruth,
    holds: (actual, values) => values.some((value) => value.toLowerCase() === actual),
  },
} as const satisfies Record<string, OperatorFacts>;

/** The operators that the sandbox knows. */
export type Operator = keyof typeof OPERATORS;

function isOperator(name: string): name is Operator {
  return Object.hasOwn(OPERATORS, name);
}

/** Reads an operator name such as `StringEqualsIfExists`. Returns null for one that the sandbox does not know. */
export function parseOperator(name: string): { operator: Operator; ifExists: boolean } | null {
  const ifExists = name.endsWith('IfExists');
  const operator = ifExists ? name.slice(0, -'IfExists'.length) : name;
  if (!isOperator(operator) || (operator === 'Null' && ifExists)) return null;
  return { operator, ifExists };
}

/** Whether a value may stand beside this operator in a policy. */
export function acceptsValue(operator: Operator, value: string): boolean {
  return OPERATORS[operator].accepts(value);
}

/** Whether one condition holds for a request. */
export function conditionHolds(condition: Condition, context: Context): boolean {
  const facts: OperatorFacts = OPERATORS[condition.operator];
  const actual = context.get(condition.key);
  if (condition.operator === 'Null') return facts.holds(String(actual === undefined), condition.values);
  if (actual === undefined) return condition.ifExists || facts.whenMissing;
  return facts.holds(actual, condition.values);
}
