/**
 * What comes of a question, in full: the decision, and who of some people could approve.
 * @module
 */
import type { Principal } from '../core/principal.ts';
import type { PolicySet } from './load.ts';
import type { Question } from './question.ts';
import type { Verdict } from './verdict.ts';

/** Whether a vote of `voter` would count towards what the verdict on this question demands. */
export function wouldCount(
  set: Pick<PolicySet, 'approves'>,
  verdict: Verdict,
  voter: Principal,
  question: Question,
): boolean {
  if (verdict.kind === 'deny' || verdict.tier !== 'manual') return false;
  if (!verdict.quorum.some(({ group }) => group === null || voter.groups.includes(group))) return false;
  return set.approves(voter, question);
}
