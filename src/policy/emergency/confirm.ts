/**
 * Who may confirm emergency access whose incident cannot be verified, beside what its own rule says.
 * @module
 */
import { mayVote } from '../../core/approval.ts';
import type { Principal } from '../../core/principal.ts';
import { approveCall, pairsOf } from '../call.ts';
import { namelessness, unfitness } from '../decide.ts';
import type { Matcher } from '../match.ts';
import type { Question } from '../question.ts';

/** @param approvals the policies on action `Approve`: what forbids a vote forbids this one, and nothing has to permit it. */
export function makeConfirmer(approvals: Matcher): (voter: Principal, question: Question) => boolean {
  return (voter, question) => {
    if (!mayVote(voter, question.principal)) return false;
    if (unfitness(question) !== null || namelessness([voter]) !== null) return false;
    return pairsOf(question).every((pair) => {
      const call = approveCall(voter, question, approvals.groups, pair);
      const { kind } = approvals.match(call, question.now, ([first]) => first);
      return kind === 'permitted' || kind === 'none';
    });
  };
}
