/**
 * Policy documents: read once, refused whole where the sandbox does not know a part of them.
 * Source of the grammar: IAM user guide, "Grammar of the IAM JSON policy language".
 * @module
 */
import { isFault, malformedPolicy } from '../fault.ts';
import type { Fault } from '../fault.ts';
import { isJsonObject, readStrictJson } from '../strict-json.ts';
import type { Json } from '../strict-json.ts';
import { acceptsValue, parseOperator } from './condition.ts';
import type { Condition } from './condition.ts';
import { parseAction, parseResource } from './pattern.ts';
import type { ActionPattern, ResourcePattern } from './pattern.ts';

/** `only`: one of the patterns must match; `except`: none may. */
export interface Selection<T> {
  readonly kind: 'only' | 'except';
  readonly patterns: readonly T[];
}

/** Whom a trust policy names: `AWS` with an ARN, or `Federated` with the ARN of an identity provider. */
export interface NamedPrincipal {
  readonly kind: 'AWS' | 'Federated';
  readonly arn: string;
}

/** One statement, with every part that it may have made explicit. */
export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  /** Empty in a permission policy. */
  readonly principals: readonly NamedPrincipal[];
  readonly actions: Selection<ActionPattern>;
  /** Null in a trust policy, which speaks of the role that it belongs to. */
  readonly resources: Selection<ResourcePattern> | null;
  readonly conditions: readonly Condition[];
}

/** A policy that has been read and found acceptable. */
export interface Policy {
  readonly statements: readonly Statement[];
}

/** What kind of document is read: permissions name resources, trust policies name principals. */
export interface Dialect {
  readonly kind: 'permissions' | 'trust';
  /** Condition keys, in lower case. */
  knowsKey(key: string): boolean;
}

const DEPTH = 8;
const KEYS: ReadonlySet<string> = new Set([
  'aws:currenttime',
  'aws:tokenissuetime',
  'aws:userid',
  'aws:sourceidentity',
  'sts:rolesessionname',
  's3:prefix',
]);

/** Permission policies of roles, users and sessions. */
export const PERMISSIONS: Dialect = {
  kind: 'permissions',
  knowsKey: (key) => KEYS.has(key) || /^aws:(?:principaltag|requesttag)\/./.test(key),
};

/** Reads a policy document, or says why it is refused (`MalformedPolicyDocument`). */
export function parsePolicy(source: string, dialect: Dialect): Policy | Fault {
  const outcome = readStrictJson(source, DEPTH);
  if ('error' in outcome) return malformedPolicy(outcome.error);
  const root = outcome.value;
  if (!isJsonObject(root)) return malformedPolicy('the document is not an object');
  const stray = unknownMember(root, ['Version', 'Id', 'Statement']);
  if (stray !== null) return malformedPolicy(`unknown element ${stray}`);
  if (root.get('Version') !== '2012-10-17') return malformedPolicy('Version is not 2012-10-17');
  if (root.has('Id') && typeof root.get('Id') !== 'string') return malformedPolicy('Id is not a string');
  const listed = root.get('Statement');
  const items = Array.isArray(listed) ? listed : [listed];
  if (items.length === 0) return malformedPolicy('there is no Statement');
  const statements: Statement[] = [];
  const sids = new Set<string>();
  for (const item of items) {
    const statement = parseStatement(item, dialect, sids);
    if (isFault(statement)) return statement;
    statements.push(statement);
  }
  return { statements };
}

function unknownMember(object: ReadonlyMap<string, Json>, known: readonly string[]): string | null {
  const stray = [...object.keys()].find((name) => !known.includes(name));
  return stray === undefined ? null : JSON.stringify(stray.slice(0, 64));
}

const SHARED = ['Sid', 'Effect', 'Action', 'NotAction', 'Condition'];

function parseStatement(item: Json | undefined, dialect: Dialect, sids: Set<string>): Statement | Fault {
  if (!isJsonObject(item)) return malformedPolicy('a Statement is not an object');
  const own = dialect.kind === 'trust' ? ['Principal'] : ['Resource', 'NotResource'];
  const stray = unknownMember(item, [...SHARED, ...own]);
  if (stray !== null) return malformedPolicy(`unknown element ${stray}`);
  const sid = item.get('Sid');
  if (sid !== undefined) {
    if (typeof sid !== 'string' || !/^[A-Za-z0-9]*$/.test(sid)) return malformedPolicy('a Sid is not alphanumeric');
    if (sids.has(sid)) return malformedPolicy('a Sid appears twice');
    sids.add(sid);
  }
  const effect = item.get('Effect');
  if (effect !== 'Allow' && effect !== 'Deny') return malformedPolicy('Effect is neither Allow nor Deny');
  const actions = parseSelection(item, 'Action', parseAction);
  if (isFault(actions)) return actions;
  const resources = dialect.kind === 'trust' ? null : parseSelection(item, 'Resource', parseResource);
  if (isFault(resources)) return resources;
  const principals = dialect.kind === 'trust' ? parsePrincipals(item.get('Principal')) : [];
  if (isFault(principals)) return principals;
  const conditions = parseConditions(item.get('Condition'), dialect);
  if (isFault(conditions)) return conditions;
  return { effect, principals, actions, resources, conditions };
}

/** One string or a list of at least one string; null for anything else. */
function strings(value: Json | undefined): readonly string[] | null {
  const list: readonly (Json | undefined)[] = Array.isArray(value) ? value : [value];
  const kept = list.filter((item) => typeof item === 'string');
  return kept.length === list.length && kept.length > 0 ? kept : null;
}

function parseSelection<T>(
  item: ReadonlyMap<string, Json>,
  name: string,
  parse: (source: string) => T | null,
): Selection<T> | Fault {
  const inverse = `Not${name}`;
  if (item.has(name) === item.has(inverse)) return malformedPolicy(`exactly one of ${name} and ${inverse} is needed`);
  const kind = item.has(name) ? 'only' : 'except';
  const sources = strings(item.get(kind === 'only' ? name : inverse));
  if (sources === null) return malformedPolicy(`${name} is not a string or a list of strings`);
  const patterns: T[] = [];
  for (const source of sources) {
    const pattern = parse(source);
    if (pattern === null) return malformedPolicy(`${name} has a form that the sandbox does not know`);
    patterns.push(pattern);
  }
  return { kind, patterns };
}

function parsePrincipals(value: Json | undefined): readonly NamedPrincipal[] | Fault {
  if (!isJsonObject(value) || value.size === 0) return malformedPolicy('Principal is not an object');
  const principals: NamedPrincipal[] = [];
  for (const [kind, named] of value) {
    const arns = strings(named);
    if ((kind !== 'AWS' && kind !== 'Federated') || arns === null || arns.some((arn) => /[*?]/.test(arn))) {
      return malformedPolicy('Principal has a form that the sandbox does not know');
    }
    principals.push(...arns.map((arn) => ({ kind, arn }) as const));
  }
  return principals;
}

function parseConditions(value: Json | undefined, dialect: Dialect): readonly Condition[] | Fault {
  if (value === undefined) return [];
  if (!isJsonObject(value)) return malformedPolicy('Condition is not an object');
  const conditions: Condition[] = [];
  for (const [name, keys] of value) {
    const operator = parseOperator(name);
    if (operator === null) return malformedPolicy(`unknown condition operator ${JSON.stringify(name.slice(0, 64))}`);
    if (!isJsonObject(keys) || keys.size === 0) return malformedPolicy(`${name} has no condition key`);
    for (const [rawKey, rawValues] of keys) {
      const key = rawKey.toLowerCase();
      if (!dialect.knowsKey(key))
        return malformedPolicy(`unknown condition key ${JSON.stringify(rawKey.slice(0, 128))}`);
      const values = strings(asTexts(rawValues));
      if (values === null || !values.every((text) => acceptsValue(operator.operator, text))) {
        return malformedPolicy(`${name} has a value that the sandbox does not know`);
      }
      conditions.push({ ...operator, key, values });
    }
  }
  return conditions;
}

/** JSON's own true and false are taken for the words. */
function asTexts(value: Json): Json {
  if (typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? value.map((item: Json) => (typeof item === 'boolean' ? String(item) : item)) : value;
}
