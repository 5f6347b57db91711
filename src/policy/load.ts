/**
 * From `.cedar` texts to a set of policies that can decide. Whatever is not understood stops the loading: a policy that
 * is half read is worse than none.
 * @module
 */
import { canonicalHash } from '../core/canonical.ts';
import { display } from '../core/display.ts';
import { JitError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { Manner } from './attendance.ts';
import { makeApprover, makeDecider } from './decide.ts';
import { makeConfirmer } from './emergency/confirm.ts';
import { makeEmergencyDecider } from './emergency/decide.ts';
import { type Cedar, loadEngine } from './engine.ts';
import { makeMatcher, onAction } from './match.ts';
import type { EmergencyQuestion, Question, RevokeQuestion } from './question.ts';
import { guarded, place, type Policy, type PolicySource, readSource, words } from './read.ts';
import { makeRevoker } from './revoke.ts';
import type { EmergencyVerdict, Verdict } from './verdict.ts';

export interface PolicySet {
  /** SHA-256 over the schema and all sources, independent of their order and of line endings. */
  readonly version: string;
  policies(): readonly Policy[];
  /** Never throws: what cannot be decided is denied. */
  decide(question: Question): Verdict;
  /**
   * The same in an emergency, by the policies on action `BreakGlass` alone. Whatever they say: nothing for agents, nothing for an
   * incident that is not open, and without a verified incident only what has a sealed path. Never throws.
   * @param denial `explained` where it is left out: what failed and what would do is found by asking again, some hundred times at
   * most. `plain` leaves that out.
   */
  emergency(question: EmergencyQuestion, denial?: 'explained' | 'plain'): EmergencyVerdict;
  /**
   * Whether a vote of `voter` counts on what the question asks, whose principal is the requester: a person in their own name,
   * not the requester, permitted on every pair of permission and resource. Whether the quorum names a group that they have to
   * be in is not asked here. An unattended vote counts only where each permit that gives it says `@unattended("yes")`.
   * Never throws: any doubt is no.
   * @param manner `attended` where it is left out.
   */
  approves(voter: Principal, question: Question, manner?: Manner): boolean;
  /**
   * Whether `caller` may end what somebody else holds there. For an agent that acts for a person, that person has to be
   * permitted as well. Never throws: any doubt is no.
   */
  mayRevoke(caller: Principal, question: RevokeQuestion): boolean;
  /**
   * Whether nothing forbids `voter` to vote on it: for those whom the rule of an emergency names itself. The same people are
   * barred whatever the rules as for `approves`, and any doubt is no.
   */
  confirms(voter: Principal, question: Question): boolean;
}

const MOST_POLICIES = 10_000;
const MOST_PROBLEMS = 50;

/** Throws `ERR_CONFIG`, listing for every problem the file, the line and the policy. */
export async function loadPolicies({ sources }: { readonly sources: readonly PolicySource[] }): Promise<PolicySet> {
  const { cedar, schema } = await loadEngine();
  const problems: string[] = [];
  const ordered = sources
    .map(({ name, text }) => ({ name, text: text.replaceAll('\r\n', '\n') }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const names = new Set<string>();
  const policies: Policy[] = [];
  for (const source of ordered) {
    if (names.has(source.name)) problems.push(`${display(source.name)}: this file is given twice`);
    names.add(source.name);
    policies.push(...readSource(cedar, source, problems));
  }
  const byId = new Map<string, Policy>();
  for (const policy of policies) {
    const other = byId.get(policy.id);
    if (other !== undefined) problems.push(`${place(policy)}: the id is taken by ${other.source}:${other.line}`);
    byId.set(policy.id, policy);
  }
  if (policies.length > MOST_POLICIES) problems.push(`more than ${MOST_POLICIES} policies`);
  else problems.push(...validate(cedar, schema, byId));
  if (problems.length > 0) throw refuse(problems);
  const version = canonicalHash({ v: 1, schema, sources: ordered });
  const approvals = makeMatcher(cedar, version, policies, 'Approve');
  return {
    version,
    policies: () => policies,
    mayRevoke: makeRevoker(makeMatcher(cedar, version, policies, 'Revoke')),
    decide: makeDecider(makeMatcher(cedar, version, policies, 'Request')),
    emergency: makeEmergencyDecider(
      makeMatcher(cedar, version, policies, 'BreakGlass'),
      onAction(policies, 'BreakGlass'),
    ),
    approves: makeApprover(approvals),
    confirms: makeConfirmer(approvals),
  };
}

function refuse(all: readonly string[]): JitError {
  const problems = [...new Set(all)];
  const shown = problems.slice(0, MOST_PROBLEMS);
  const rest = problems.length - shown.length;
  const lines = rest > 0 ? [...shown, `and ${rest} more`] : shown;
  return new JitError({ code: 'ERR_CONFIG', message: `the policies are refused:\n  ${lines.join('\n  ')}` });
}

function validate(cedar: Cedar, schema: string, policies: ReadonlyMap<string, Policy>): string[] {
  const staticPolicies = Object.fromEntries([...policies].map(([id, policy]) => [id, policy.text]));
  const answer = guarded(() =>
    cedar.validate({ schema, policies: { staticPolicies }, validationSettings: { mode: 'strict' } }),
  );
  if (answer.type === 'failure') return answer.errors.map(words);
  // A warning is refused too: it speaks of a rule that can never match or that does not read as what it is.
  const found = [...answer.validationErrors, ...answer.validationWarnings].map(({ policyId, error }) => {
    const policy = policies.get(policyId);
    return `${policy === undefined ? display(policyId) : place(policy)}: ${words(error)}`;
  });
  return [...found, ...answer.otherWarnings.map(words)];
}
