/**
 * The session policy: everything that one credential may do, written as an object and never pasted from text.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Clause } from './narrow.ts';

/** STS takes 2,048 characters; the rest is kept for what its packing adds for tags. */
export const POLICY_LIMIT = 1_600;

type OneOrMore = string | readonly string[];

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action?: OneOrMore;
  readonly NotAction?: OneOrMore;
  readonly Resource?: OneOrMore;
  readonly NotResource?: OneOrMore;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * Writes the policy for these clauses until `endsAt` (epoch ms, rounded down to the second).
 *
 * The first statements allow, until the end. The others deny the rest explicitly: a resource's own policy that names this
 * session would otherwise add to the session policy (IAM user guide, "Session policies"), so a session that may edit a bucket
 * policy could let itself in elsewhere, or for longer. STS answers GetCallerIdentity whatever a policy says.
 * Throws `ERR_PERMISSION_SIZE` above `POLICY_LIMIT` characters: it is never made to fit by widening.
 */
export function sessionPolicy(clauses: readonly Clause[], endsAt: number): string {
  const end = wholeSecond(endsAt);
  const over = everythingDenied({ DateGreaterThan: { 'aws:CurrentTime': end } });
  const text = policyText([
    ...allowed(clauses).map((one) => ({ ...one, Condition: { DateLessThan: { 'aws:CurrentTime': end } } })),
    ...rest(clauses),
    over,
  ]);
  if (text.length <= POLICY_LIMIT) return text;
  throw new JitError({
    code: 'ERR_PERMISSION_SIZE',
    message: `the narrowed permission takes ${text.length} characters, and ${POLICY_LIMIT} fit`,
    hint: 'ask for fewer resources or operations at once',
  });
}

/** The same without an end, for a managed policy that is prepared once: the end is then `endPolicy`'s. */
export function lastingPolicy(clauses: readonly Clause[]): string {
  return policyText([...allowed(clauses), ...rest(clauses)]);
}

/**
 * What stands beside a managed policy that allows these clauses: denials only, which bind whatever else is allowed. Everything
 * after the end (and in its very second, for which nothing else stands here), and the other actions of AWS, or of the other services where that is too long.
 * Throws `ERR_PERMISSION_SIZE`. @param room characters.
 */
export function endPolicy(clauses: readonly Clause[], endsAt: number, room: number): string {
  const over = everythingDenied({ DateGreaterThanEquals: { 'aws:CurrentTime': wholeSecond(endsAt) } });
  const actions = actionsOf(clauses);
  const services = [...new Set(actions.map((name) => `${name.split(':', 1)[0] ?? ''}:*`))];
  for (const spared of [actions, services]) {
    const text = policyText([{ Effect: 'Deny', NotAction: compact(spared), Resource: '*' }, over]);
    if (text.length <= room) return text;
  }
  throw new JitError({
    code: 'ERR_PERMISSION_SIZE',
    message: 'the narrowed permission is of too many services',
    hint: 'ask for fewer operations at once',
  });
}

function policyText(statements: readonly Statement[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

function allowed(clauses: readonly Clause[]): readonly Statement[] {
  return clauses.map(({ actions, resources }) => ({
    Effect: 'Allow',
    Action: compact(actions.map(({ name }) => name)),
    Resource: compact(resources),
  }));
}

/** Denials of everything that the clauses do not allow. */
function rest(clauses: readonly Clause[]): readonly Statement[] {
  return [...elsewhere(clauses), { Effect: 'Deny', NotAction: compact(actionsOf(clauses)), Resource: '*' }];
}

function everythingDenied(Condition: NonNullable<Statement['Condition']>): Statement {
  return { Effect: 'Deny', Action: '*', Resource: '*', Condition };
}

function actionsOf(clauses: readonly Clause[]): readonly string[] {
  return [...new Set(clauses.flatMap((clause) => clause.actions.map(({ name }) => name)))].toSorted();
}

/** Each action denied outside the resources of all the clauses that allow it. */
function elsewhere(clauses: readonly Clause[]): readonly Statement[] {
  const byAction = new Map<string, Set<string>>();
  for (const { actions, resources } of clauses) {
    for (const { name } of actions) byAction.set(name, new Set([...(byAction.get(name) ?? []), ...resources]));
  }
  const groups = Map.groupBy(byAction, ([, resources]) => [...resources].toSorted().join('\n'));
  return [...groups.values()].flatMap((members): Statement[] => {
    const resources = [...(members[0]?.[1] ?? [])].toSorted();
    if (resources.includes('*')) return [];
    return [
      { Effect: 'Deny', Action: compact(members.map(([name]) => name).toSorted()), NotResource: compact(resources) },
    ];
  });
}

function compact(list: readonly string[]): OneOrMore {
  const [only, ...others] = list;
  return only !== undefined && others.length === 0 ? only : list;
}

/** IAM's date form, ISO 8601 in UTC. */
export function wholeSecond(epochMs: number): string {
  return `${new Date(Math.floor(epochMs / 1_000) * 1_000).toISOString().slice(0, 19)}Z`;
}
