/**
 * Holding a set of policies to a case.
 * @module
 */
import { formatDuration } from '../../core/duration.ts';
import type { Quorum } from '../../core/request.ts';
import type { PolicySet } from '../../policy/load.ts';
import { wouldCount } from '../../policy/outcome.ts';
import { type EmergencyQuestion, isEmergency, type Question } from '../../policy/question.ts';
import type { EmergencyVerdict, Sealed, Verdict } from '../../policy/verdict.ts';
import type { PolicyCase } from './cases.ts';

/** Where a case and the policies differ. */
export interface Difference {
  readonly field: string;
  readonly expected: string;
  readonly actual: string;
}

export interface Trial {
  readonly case: PolicyCase;
  readonly verdict: Verdict | EmergencyVerdict;
  /** Empty where everything is as expected. */
  readonly differences: readonly Difference[];
}

/** What the policies say, in an emergency or without one. */
export function judge(
  set: PolicySet,
  question: Question | EmergencyQuestion,
  denial: 'explained' | 'plain' = 'explained',
): Verdict | EmergencyVerdict {
  return isEmergency(question) ? set.emergency(question, denial) : set.decide(question);
}

/** Asks the policies what the case asks. */
export function tryCase(set: PolicySet, subject: PolicyCase): Trial {
  const { question, expected } = subject;
  const verdict = judge(set, question);
  const permit = verdict.kind === 'permit' ? verdict : null;
  const differences: Difference[] = [];
  const compare = (field: string, wanted: string | null, actual: string): void => {
    if (wanted !== null && wanted !== actual) differences.push({ field, expected: wanted, actual });
  };
  const span = (seconds: number | null | undefined): string =>
    seconds === null || seconds === undefined ? 'none' : formatDuration(seconds);
  const { decision, quorum, maxSeconds, idleSeconds, renewals, policy, why, sealed, warnSeconds, handover } = expected;
  const emergency = permit?.tier === 'break-glass' ? permit : null;
  const plain = permit === null || permit.tier === 'break-glass' ? null : permit;
  compare('decision', decision ?? null, decisionOf(verdict));
  compare('quorum', quorum === null ? null : quorumWords(quorum), quorumWords(plain?.quorum ?? []));
  compare('max', maxSeconds === null ? null : span(maxSeconds), span(permit?.maxSeconds));
  compare('idle', idleSeconds === null ? null : span(idleSeconds), span(permit?.idleSeconds));
  compare('renewals', renewals === null ? null : String(renewals), String(permit?.renewals ?? 0));
  compare(
    'sealed',
    sealed === null ? null : sealedWords(sealed === 'none' ? null : sealed),
    sealedWords(emergency?.sealed),
  );
  compare('warn', warnSeconds === null ? null : span(warnSeconds), span(emergency?.warnSeconds));
  compare('handover', handover, emergency?.handover ?? 'none');
  const deciding = permit === null ? (verdict.kind === 'deny' ? verdict.policyIds : []) : [permit.policyId];
  if (policy !== null && !deciding.includes(policy)) {
    differences.push({ field: 'policy', expected: policy, actual: deciding.join(', ') || 'none' });
  }
  if (why !== null && !verdict.why.includes(why)) {
    differences.push({ field: 'why', expected: `…${why}…`, actual: verdict.why });
  }
  const voters = [
    ...expected.mayApprove.map((voter) => ({ voter, wanted: 'may approve' })),
    ...expected.mayNotApprove.map((voter) => ({ voter, wanted: 'may not approve' })),
  ];
  for (const { voter, wanted } of voters) {
    compare(
      voter.name,
      wanted,
      plain !== null && wouldCount(set, plain, voter, question) ? 'may approve' : 'may not approve',
    );
  }
  const revokers = [
    ...expected.mayRevoke.map((who) => ({ who, wanted: 'may revoke' })),
    ...expected.mayNotRevoke.map((who) => ({ who, wanted: 'may not revoke' })),
  ];
  const held = { holder: question.principal, target: question.target, now: question.now };
  for (const { who, wanted } of revokers) {
    compare(who.name, wanted, set.mayRevoke(who, held) ? 'may revoke' : 'may not revoke');
  }
  return { case: subject, verdict, differences };
}

/** `2 of on-call`; none: `not at all`. */
export function sealedWords(sealed: Pick<Sealed, 'approvers' | 'group'> | null | undefined): string {
  return sealed === null || sealed === undefined ? 'not at all' : `${sealed.approvers} of ${sealed.group}`;
}

/** What would change the answer, or null. */
export function hintOf(verdict: Verdict | EmergencyVerdict): string | null {
  return 'hint' in verdict ? verdict.hint : null;
}

/** One word for a verdict. */
export function decisionOf(verdict: Verdict | EmergencyVerdict): string {
  return verdict.kind === 'deny' ? 'denied' : verdict.tier;
}

/** `2 of sre-leads and 1 of anybody who may approve`; nobody: `nobody`. */
export function quorumWords(quorum: readonly Quorum[]): string {
  if (quorum.length === 0) return 'nobody';
  return quorum
    .map(({ group, approvers }) => `${approvers} of ${group ?? 'those who may approve'}`)
    .toSorted()
    .join(' and ');
}
