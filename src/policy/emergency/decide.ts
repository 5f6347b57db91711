/**
 * One question in an emergency, put to the engine and answered.
 * @module
 */
import { emergencyCall, type Pair, pairsOf, sceneOf } from '../call.ts';
import { forbidden, unfitness, unmatched } from '../decide.ts';
import { compileParts, type Scene } from '../known.ts';
import type { Matcher } from '../match.ts';
import { believed, type EmergencyQuestion, UNKNOWN_SEVERITY } from '../question.ts';
import type { Policy } from '../read.ts';
import { type Denial, deny, type EmergencyVerdict } from '../verdict.ts';
import {
  chooseEmergency,
  combineEmergencies,
  type EmergencyOffer,
  type EmergencyRule,
  foremostEmergency,
} from './choose.ts';
import { type Budget, lacking, UNMATCHED } from './lacking.ts';

/** What comes of the pairs of a question, up to the first that is not permitted. */
type Trial =
  /** A permit, or a denial by the limits of permits that match. */
  | { readonly kind: 'matched'; readonly verdict: EmergencyVerdict }
  | { readonly kind: 'refused'; readonly denial: Denial }
  | { readonly kind: 'unmatched'; readonly pair: Pair };

/** Evaluations with which a denial is explained at most: an answer keeps everybody else waiting. */
const MOST_EVALUATIONS = 500;

/**
 * Each evaluation carries all services of the incident, and whoever can write to it has chosen how many and how long they are: by
 * this size a denial is explained with fewer of them, and above the largest nothing is judged at all.
 */
const USUAL_SIZE = 500;
const LARGEST_SIZE = 50_000;

function sizeOf({ services }: EmergencyQuestion['incident']): number {
  return services.reduce((sum, name) => sum + name.length + 50, 0);
}

/** Of requests with more pairs than this, policies that have nothing to do with them are not left out first. */
const MOST_NARROWED = 20;

/** @param matcher the policies on action `BreakGlass`, which are `policies`. */
export function makeEmergencyDecider(
  matcher: Matcher,
  policies: readonly Policy[],
): (question: EmergencyQuestion, denial?: 'explained' | 'plain') => EmergencyVerdict {
  const attempt = (question: EmergencyQuestion, pairs: readonly Pair[], budget: Budget = { left: Infinity }): Trial => {
    const verdicts: EmergencyVerdict[] = [];
    for (const pair of pairs) {
      budget.left -= 1;
      if (budget.left < 0) return { kind: 'unmatched', pair };
      const call = emergencyCall(question, matcher.groups, pair);
      const match = matcher.match(call, question.now, (permits) => foremostOf(permits, question));
      if (match.kind === 'none') return { kind: 'unmatched', pair };
      if (match.kind === 'broken') {
        return { kind: 'refused', denial: deny('the policies could not be evaluated', match.policyIds) };
      }
      if (match.kind === 'forbidden') return { kind: 'refused', denial: forbidden(match.by, question.now) };
      const rules = rulesOf(match.by);
      if (rules.length === 0) return { kind: 'unmatched', pair };
      const verdict = chooseEmergency(rules, question);
      if (verdict.kind === 'deny') return { kind: 'matched', verdict };
      verdicts.push(verdict);
    }
    return { kind: 'matched', verdict: combineEmergencies(verdicts, question.incident) };
  };

  const tests = policies.map(({ json }) => compileParts(json));

  /** The policies that say anything of these pairs, if the incident were another. @param pairs null for all policies. */
  const relevant = (question: EmergencyQuestion, pairs: readonly Pair[] | null): readonly Policy[] => {
    const scenes = pairs?.map((pair) => unbound(sceneOf(emergencyCall(question, matcher.groups, pair))));
    return policies.filter((_, at) => scenes?.some((scene) => tests[at]?.(scene) !== false) !== false);
  };

  return (asked, denial = 'explained') => {
    const barred = barrier(asked);
    if (barred !== null) return deny(barred);
    const question = { ...asked, incident: believed(asked.incident) };
    const pairs = pairsOf(question);
    const trial = attempt(question, pairs);
    if (trial.kind === 'matched') return trial.verdict;
    if (trial.kind === 'refused') return trial.denial;
    if (denial === 'plain') return deny(UNMATCHED);
    const { pair } = trial;
    const resting = matcher.resting(emergencyCall(question, matcher.groups, pair), question.now);
    if (resting.length > 0) return unmatched(resting, question.now);
    // What stopped it goes first: most of what is tried stops there again.
    const again = [pair, ...pairs.filter((other) => other !== pair)];
    const budget: Budget = { left: MOST_EVALUATIONS / Math.max(1, sizeOf(question.incident) / USUAL_SIZE) };
    const near = relevant(question, pairs.length > MOST_NARROWED ? null : pairs);
    const changed = (other: EmergencyQuestion): EmergencyVerdict | null => {
      const next = attempt(other, again, budget);
      return next.kind === 'matched' ? next.verdict : null;
    };
    return lacking(near, question, changed, budget);
  };
}

/** Without what the search for a denial's reason changes. */
function unbound(scene: Scene): Scene {
  const kept = Object.entries(scene.context).filter(([name]) => !name.startsWith('incident.') && name !== 'hasTicket');
  return { ...scene, context: Object.fromEntries(kept) };
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
  if (sizeOf(incident) > LARGEST_SIZE) return 'the incident names more services than can be judged';
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
