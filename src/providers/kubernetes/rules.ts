/**
 * The rules of the roles of a grant, written as objects and never pasted from text.
 * @module
 */
import { canonicalJson } from '../../core/canonical.ts';
import { JitError } from '../../core/errors.ts';
import { VERBS, ruleResource } from './action.ts';
import type { Verb } from './action.ts';
import type { Clause } from './narrow.ts';

/** In the field names of RBAC. */
export interface Rule {
  readonly apiGroups: readonly [string];
  readonly resources: readonly [string];
  /** Left out: every name. */
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly Verb[];
}

/** What one role holds. */
export interface ScopedRules {
  /** A namespace, or `_cluster`. */
  readonly scope: string;
  readonly rules: readonly Rule[];
}

/** Each is two objects, made and removed one by one. */
const SCOPE_LIMIT = 16;
/** Roles are read by the API server for each request of the account. */
const TEXT_LIMIT = 16_384;

/** One role for each scope, sorted, so that the same permission is always the same text. Throws `ERR_PERMISSION_SIZE`. */
export function rulesOf(clauses: readonly Clause[]): readonly ScopedRules[] {
  const scopes = new Map<string, Map<string, Wanted>>();
  for (const { action, places } of clauses) {
    for (const { scope, name } of places) {
      const wanted = scopes.get(scope) ?? new Map<string, Wanted>();
      scopes.set(scope, wanted);
      for (const verb of action.verbs) add(wanted, { group: action.group, resource: ruleResource(action), verb }, name);
    }
  }
  const scoped = [...scopes]
    .map(([scope, wanted]) => ({ scope, rules: merge([...wanted.values()]) }))
    .toSorted((a, b) => order(a.scope, b.scope));
  const text = rulesText(scoped);
  if (scoped.length <= SCOPE_LIMIT && text.length <= TEXT_LIMIT) return scoped;
  throw new JitError({
    code: 'ERR_PERMISSION_SIZE',
    message:
      scoped.length > SCOPE_LIMIT
        ? `the permission reaches ${scoped.length} namespaces, and ${SCOPE_LIMIT} fit`
        : `the rules take ${text.length} characters, and ${TEXT_LIMIT} fit`,
    hint: 'ask for fewer resources or operations at once',
  });
}

/** Exactly what the cluster is given, as JSON. */
export function rulesText(scoped: readonly ScopedRules[]): string {
  return canonicalJson(scoped.map(({ scope, rules }) => ({ scope, rules: rules.map((rule) => ({ ...rule })) })));
}

interface Wanted {
  readonly group: string;
  readonly resource: string;
  readonly verb: Verb;
  /** Null for every name. */
  names: ReadonlySet<string> | null;
}

function add(wanted: Map<string, Wanted>, what: Omit<Wanted, 'names'>, name: string | null): void {
  const key = `${what.group}/${what.resource}/${what.verb}`;
  const known = wanted.get(key);
  if (known === undefined) wanted.set(key, { ...what, names: name === null ? null : new Set([name]) });
  else known.names = name === null || known.names === null ? null : new Set([...known.names, name]);
}

/** Verbs that share resource and names become one rule. */
function merge(wanted: readonly Wanted[]): readonly Rule[] {
  const groups = Map.groupBy(wanted, ({ group, resource, names }) =>
    JSON.stringify([group, resource, names === null ? null : [...names].toSorted(order)]),
  );
  return [...groups]
    .toSorted(([a], [b]) => order(a, b))
    .flatMap(([, members]) => {
      const [first] = members;
      if (first === undefined) return [];
      const { group, resource, names } = first;
      const verbs = VERBS.filter((verb) => members.some((member) => member.verb === verb));
      const base = { apiGroups: [group] as const, resources: [resource] as const, verbs };
      return [names === null ? base : { ...base, resourceNames: [...names].toSorted(order) }];
    });
}

function order(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
