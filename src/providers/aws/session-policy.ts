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
  const actions = [...new Set(clauses.flatMap((clause) => clause.actions.map(({ name }) => name)))].toSorted();
  const document = {
    Version: '2012-10-17',
    Statement: [
      ...clauses.map((clause): Statement => ({
        Effect: 'Allow',
        Action: compact(clause.actions.map(({ name }) => name)),
        Resource: compact(clause.resources),
        Condition: { DateLessThan: { 'aws:CurrentTime': end } },
      })),
      ...elsewhere(clauses),
      { Effect: 'Deny', NotAction: compact(actions), Resource: '*' } satisfies Statement,
      {
        Effect: 'Deny',
        Action: '*',
        Resource: '*',
        Condition: { DateGreaterThan: { 'aws:CurrentTime': end } },
      } satisfies Statement,
    ],
  };
  const text = JSON.stringify(document);
  if (text.length <= POLICY_LIMIT) return text;
  throw new JitError({
    code: 'ERR_PERMISSION_SIZE',
    message: `the narrowed permission takes ${text.length} characters, and ${POLICY_LIMIT} fit`,
    hint: 'ask for fewer resources or operations at once',
  });
}

/** Each action denied outside the resources of all the clauses that allow it. */
function elsewhere(clauses: readonly Clause[]): readonly Statement[] {
  const allowed = new Map<string, Set<string>>();
  for (const { actions, resources } of clauses) {
    for (const { name } of actions) allowed.set(name, new Set([...(allowed.get(name) ?? []), ...resources]));
  }
  const groups = Map.groupBy(allowed, ([, resources]) => [...resources].toSorted().join('\n'));
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
