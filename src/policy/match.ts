/**
 * Which of the policies on one action match a call.
 * @module
 */
import { factsOf, GROUP, type TypedCall } from './call.ts';
import { type Cedar, evaluate } from './engine.ts';
import { entitiesIn } from './expression.ts';
import { indexOf, needsOf } from './facts.ts';
import type { Policy } from './read.ts';

export type Match =
  | { readonly kind: 'none' }
  /** Nothing may be concluded. */
  | { readonly kind: 'broken'; readonly policyIds: readonly string[] }
  /** At least one forbid. */
  | { readonly kind: 'forbidden'; readonly by: readonly Policy[] }
  /** At least one permit, and no forbid. */
  | { readonly kind: 'permitted'; readonly by: readonly Policy[] };

/** The policies on one action, ready to be asked. */
export interface Matcher {
  /** The groups that any of them speaks of. */
  readonly groups: ReadonlySet<string>;
  match(call: TypedCall): Match;
}

/** @param version names exactly the policies of `all`. */
export function makeMatcher(
  cedar: Cedar,
  version: string,
  all: readonly Policy[],
  action: 'Request' | 'Approve',
): Matcher {
  const policies = all.filter(({ actions }) => actions === null || actions.includes(action));
  const byId = new Map(policies.map((policy) => [policy.id, policy]));
  const candidatesFor = indexOf(policies.map((policy) => needsOf(policy.json)));
  return {
    groups: new Set(policies.flatMap((policy) => entitiesIn(policy.json, GROUP))),
    match(call) {
      const positions = candidatesFor(factsOf(call));
      if (positions.length === 0) return { kind: 'none' };
      const chosen = (): Readonly<Record<string, string>> =>
        Object.fromEntries(positions.flatMap((position) => policies[position] ?? []).map(({ id, text }) => [id, text]));
      const outcome = evaluate(cedar, `${version}/${action}/${positions.join(',')}`, chosen, call);
      if (outcome.kind === 'broken') return outcome;
      const by = outcome.satisfied.flatMap((id) => byId.get(id) ?? []);
      if (outcome.allowed) return by.length === 0 ? { kind: 'none' } : { kind: 'permitted', by };
      return by.length === 0 ? { kind: 'none' } : { kind: 'forbidden', by };
    },
  };
}
