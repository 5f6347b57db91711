/**
 * Which of the policies on one action match a call.
 * @module
 */
import { type DecidedAction, GROUP, sceneOf, type TypedCall } from './call.ts';
import { type Cedar, evaluate } from './engine.ts';
import { entitiesIn } from './expression.ts';
import { indexOf, needsOf } from './facts.ts';
import { isWithin } from './hours.ts';
import { compilePolicy } from './known.ts';
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
  /**
   * @param now epoch ms: policies count in their hours only.
   * @param prefer of several permits the one that would decide.
   */
  match(call: TypedCall, now: number, prefer: (permits: readonly Policy[]) => Policy | undefined): Match;
  /** The permits that would match if they counted at this time. Empty where nothing can be said. */
  resting(call: TypedCall, now: number): readonly Policy[];
}

/** The policies that can matter to an action. */
export function onAction(all: readonly Policy[], action: DecidedAction): readonly Policy[] {
  return all.filter(({ actions }) => actions === null || actions.includes(action));
}

/** @param version names exactly the policies of `all`. */
export function makeMatcher(cedar: Cedar, version: string, all: readonly Policy[], action: DecidedAction): Matcher {
  const policies = onAction(all, action);
  const byId = new Map(policies.map((policy) => [policy.id, policy]));
  const candidatesFor = indexOf(policies.map((policy) => needsOf(policy.json)));
  const tests = policies.map((policy) => compilePolicy(policy.json));

  const ask = (call: TypedCall, positions: readonly number[]): Match => {
    const chosen = (): Readonly<Record<string, string>> =>
      Object.fromEntries(positions.flatMap((position) => policies[position] ?? []).map(({ id, text }) => [id, text]));
    const outcome = evaluate(cedar, `${version}/${action}/${positions.join(',')}`, chosen, call);
    if (outcome.kind === 'broken') return outcome;
    const by = outcome.satisfied.flatMap((id) => byId.get(id) ?? []);
    if (by.length === 0) return { kind: 'none' };
    return { kind: outcome.allowed ? 'permitted' : 'forbidden', by };
  };

  const matchAmong = (
    call: TypedCall,
    counted: (policy: Policy) => boolean,
    prefer: (permits: readonly Policy[]) => Policy | undefined,
  ): Match => {
    const scene = sceneOf(call);
    const sure = new Map<Policy, number>();
    const open: number[] = [];
    for (const position of candidatesFor(scene)) {
      const policy = policies[position];
      if (policy === undefined || !counted(policy)) continue;
      const matches = tests[position]?.(scene);
      if (matches === true) sure.set(policy, position);
      else if (matches === undefined) open.push(position);
    }
    // One of those that surely match stands for all: the fewer different sets there are, the more often one is compiled already.
    // The engine has the last word on whatever decides.
    const forbids = [...sure.keys()].filter(({ effect }) => effect === 'forbid');
    const peers = forbids.length > 0 ? forbids : [...sure.keys()];
    const lead = forbids.length > 0 ? forbids[0] : prefer(peers);
    const asked = lead === undefined ? open : [...open, sure.get(lead) ?? []].flat().toSorted((a, b) => a - b);
    if (asked.length === 0) return { kind: 'none' };
    const match = ask(call, asked);
    if (lead === undefined || match.kind === 'broken') return match;
    if (match.kind !== 'none' && match.by.includes(lead)) {
      return { kind: match.kind, by: [...new Set([...match.by, ...peers])].toSorted((a, b) => (a.id < b.id ? -1 : 1)) };
    }
    return match.kind === 'forbidden'
      ? match
      : ask(
          call,
          [...open, ...sure.values()].toSorted((a, b) => a - b),
        );
  };

  return {
    groups: new Set(policies.flatMap((policy) => entitiesIn(policy.json, GROUP))),
    match: (call, now, prefer) => matchAmong(call, (policy) => countsAt(policy, now), prefer),
    resting(call, now) {
      const rests = (policy: Policy): boolean => policy.effect === 'permit' && !countsAt(policy, now);
      const match = matchAmong(call, rests, ([first]) => first);
      return match.kind === 'permitted' ? match.by : [];
    },
  };
}

/** Whether a policy counts at this time. By a clock that cannot be read no permit with hours counts, and every forbid does. */
export function countsAt({ season, effect }: Pick<Policy, 'season' | 'effect'>, now: number): boolean {
  if (season === null) return true;
  const within = isWithin(season.hours, now);
  if (within === null) return effect === 'forbid';
  return within === (season.counts === 'during');
}
