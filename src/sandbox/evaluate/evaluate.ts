/**
 * The decision: explicit denials first, then identity-based policies and the session policy must both allow.
 * Source: IAM user guide, "Policy evaluation logic", "Session policies".
 * @module
 */
import { conditionHolds } from './condition.ts';
import type { Context } from './condition.ts';
import type { Policy, Selection, Statement } from './document.ts';
import { actionMatches, resourceMatches } from './pattern.ts';

/** One thing that somebody wants to do. */
export interface Ask {
  /** Such as `s3:GetObject`. */
  readonly action: string;
  /** An ARN without wildcards, or `*` for an action that has no resource. */
  readonly resource: string;
  readonly context: Context;
}

/** Which policies speak for the caller. */
export interface Policies {
  /** The role's or user's own policies. */
  readonly identity: readonly Policy[];
  /** Null where the session was created without one. */
  readonly session: Policy | null;
}

/** Why something is denied; the words that AWS uses for each are in `denial.ts`. */
export type Reason = 'identity-explicit' | 'session-explicit' | 'identity-implicit' | 'session-implicit';

/** The outcome for one request; a denial says which kind of policy is behind it. */
export type Decision = { readonly allowed: true } | { readonly allowed: false; readonly reason: Reason };

/** What one set of policies says: a denial beats any allowance. */
export type Verdict = 'allow' | 'deny' | 'silent';

function selects<T>(selection: Selection<T>, matches: (pattern: T) => boolean): boolean {
  return selection.patterns.some(matches) === (selection.kind === 'only');
}

/** Whether a statement's action, resource and conditions fit; principals are the caller's business. */
export function statementApplies(statement: Statement, ask: Ask): boolean {
  const { actions, resources, conditions } = statement;
  return (
    selects(actions, (pattern) => actionMatches(pattern, ask.action)) &&
    (resources === null || selects(resources, (pattern) => resourceMatches(pattern, ask.resource))) &&
    conditions.every((condition) => conditionHolds(condition, ask.context))
  );
}

/** The verdict of the statements that apply. */
export function verdictOf(statements: readonly Statement[]): Verdict {
  if (statements.some((statement) => statement.effect === 'Deny')) return 'deny';
  return statements.length > 0 ? 'allow' : 'silent';
}

/** What a set of policies of one kind says about a request. */
export function verdict(policies: readonly Policy[], ask: Ask): Verdict {
  return verdictOf(policies.flatMap((policy) => policy.statements.filter((one) => statementApplies(one, ask))));
}

/** Decides. Where several reasons hold, explicit denials come first, and identity-based policies before the session's. */
export function decide(policies: Policies, ask: Ask): Decision {
  const identity = verdict(policies.identity, ask);
  const session = policies.session === null ? 'allow' : verdict([policies.session], ask);
  if (identity === 'deny') return { allowed: false, reason: 'identity-explicit' };
  if (session === 'deny') return { allowed: false, reason: 'session-explicit' };
  if (identity === 'silent') return { allowed: false, reason: 'identity-implicit' };
  if (session === 'silent') return { allowed: false, reason: 'session-implicit' };
  return { allowed: true };
}
