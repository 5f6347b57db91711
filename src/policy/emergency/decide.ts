/**
 * One question in an emergency, put to the engine and answered.
 * @module
 */
import { emergencyCall, pairsOf } from '../call.ts';
import { forbidden, unfitness, unmatched } from '../decide.ts';
import type { Matcher } from '../match.ts';
import { type EmergencyQuestion, UNKNOWN_SEVERITY } from '../question.ts';
import type { Policy } from '../read.ts';
import { deny, type EmergencyVerdict } from '../verdict.ts';
import {
  chooseEmergency,
  combineEmergencies,
  type EmergencyOffer,
  type EmergencyRule,
  foremostEmergency,
} from './choose.ts';

/** @param matcher the policies on action `BreakGlass`. */
export function makeEmergencyDecider(matcher: Matcher): (question: EmergencyQuestion) => EmergencyVerdict {
  return (question) => {
    const barred = barrier(question);
    if (barred !== null) return deny(barred);
    const verdicts: EmergencyVerdict[] = [];
    for (const pair of pairsOf(question)) {
      const call = emergencyCall(question, matcher.groups, pair);
      const match = matcher.match(call, question.now, (permits) => foremostOf(permits, question));
      if (match.kind === 'none') return unmatched(matcher.resting(call, question.now), question.now);
      if (match.kind === 'broken') return deny('the policies could not be evaluated', match.policyIds);
      if (match.kind === 'forbidden') return forbidden(match.by, question.now);
      const rules = rulesOf(match.by);
      if (rules.length === 0) return deny('no policy permits break-glass on this');
      const verdict = chooseEmergency(rules, question);
      if (verdict.kind === 'deny') return verdict;
      verdicts.push(verdict);
    }
    return combineEmergencies(verdicts, question);
  };
}

/** What no policy can permit, or null. */
function barrier(question: EmergencyQuestion): string | null {
  const { principal, incident } = question;
  if (principal.kind === 'agent' || principal.actsFor !== undefined)
    return 'an agent cannot break glass: a person has to';
  const { source, open, severity, services, onCallTier, verified } = incident;
  if (verified && !open) return 'the incident is not open any more';
  const ranked = severity === UNKNOWN_SEVERITY || (Number.isSafeInteger(severity) && severity >= 1 && severity <= 5);
  if (!ranked) return 'the severity of the incident is not one from 1 to 5';
  if (!Number.isSafeInteger(onCallTier) || onCallTier < 0) return 'the tier on call is not a whole number';
  if (![source, ...services].every((text) => text.isWellFormed())) return 'a name in the incident is not valid Unicode';
  return unfitness(question);
}

function foremostOf(permits: readonly Policy[], offer: EmergencyOffer): Policy | undefined {
  const best = permits.length < 2 ? undefined : foremostEmergency(rulesOf(permits), offer);
  return permits.find(({ id }) => id === best?.id) ?? permits[0];
}

function rulesOf(permits: readonly Policy[]): EmergencyRule[] {
  return permits.flatMap(({ id, emergency }) => (emergency === null ? [] : [{ id, terms: emergency }]));
}
