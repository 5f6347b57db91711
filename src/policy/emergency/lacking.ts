/**
 * Why no permit matches an emergency: found by asking again with things otherwise, so that what is said is true
 * whatever the rules are.
 * @module
 */
import type { EmergencyQuestion } from '../question.ts';
import type { Policy } from '../read.ts';
import { type Denial, deny, distinct, type EmergencyVerdict } from '../verdict.ts';
import { type Aspect, aspectsOf, type Way } from './aspects.ts';

/**
 * What comes of a question for which permits match: a permit, or a denial by their limits. Null where none does, where a forbid
 * does, and where too much has been asked already.
 */
export type Attempt = (question: EmergencyQuestion) => EmergencyVerdict | null;

/** How many pairs of permission and resource may still be evaluated: an answer keeps everybody else waiting. */
export interface Budget {
  left: number;
}

/** Where nothing more can be said. */
export const UNMATCHED = 'no policy permits break-glass on this';

interface Finding {
  readonly lacks: string;
  readonly would: string;
  readonly policyIds: readonly string[];
}

/**
 * The denial where no permit matches. It names what would have to be otherwise: the alternatives where one thing is enough,
 * otherwise a combination of which nothing can be left out.
 * @param policies those on action `BreakGlass`.
 */
export function lacking(
  policies: readonly Policy[],
  question: EmergencyQuestion,
  attempt: Attempt,
  budget: Readonly<Budget>,
): Denial {
  if (!question.incident.verified) {
    return deny('no policy permits break-glass on this while the source of the incident cannot be reached');
  }
  const ask = (way: Way): EmergencyVerdict | null => attempt(changed(question, way));
  const aspects = aspectsOf(policies, question);
  const single = aspects.flatMap((aspect) => findingOf(aspect, {}, ask) ?? []);
  if (single.length > 0) return told(single, 'or');
  const found = together(aspects, ask, budget);
  if (found !== null) return told(found, 'and');
  return deny(UNMATCHED);
}

function changed(question: EmergencyQuestion, { ticket = question.hasTicket, ...facts }: Way): EmergencyQuestion {
  return {
    ...question,
    hasTicket: ticket,
    incident: { ...question.incident, ...facts },
  };
}

/** @param others what is otherwise beside this aspect. Null where no way of it helps. */
function findingOf(aspect: Aspect, others: Way, ask: (way: Way) => EmergencyVerdict | null): Finding | null {
  const working = aspect.ways.flatMap((way) => {
    const verdict = ask({ ...others, ...way });
    return verdict === null ? [] : [{ way, verdict }];
  });
  if (working.length === 0) return null;
  const policyIds = distinct(working.flatMap(({ verdict }) => idsOf(verdict)));
  return { ...aspect.tell(working.map(({ way }) => way)), policyIds };
}

function idsOf(verdict: EmergencyVerdict): readonly string[] {
  return verdict.kind === 'permit' ? [verdict.policyId, ...verdict.also] : verdict.policyIds;
}

/** Several aspects that help together, and none of which can be left out. Null where none do. */
function together(
  aspects: readonly Aspect[],
  ask: (way: Way) => EmergencyVerdict | null,
  budget: Readonly<Budget>,
): Finding[] | null {
  const present: Way = {};
  // What most rules would like first, then as it is, then the rest.
  const lists = aspects.map(({ ways: [first, ...rest] }) =>
    first === undefined ? [present] : [first, present, ...rest],
  );
  for (const ways of nearest(lists)) {
    if (budget.left <= 0) return null;
    if (ask(merged(ways)) === null) continue;
    const needed = [...ways];
    for (const position of needed.keys()) {
      const without = needed.with(position, present);
      if (needed[position] !== present && ask(merged(without)) !== null) needed[position] = present;
    }
    const findings = aspects.flatMap((aspect, position) => {
      if (needed[position] === present) return [];
      return [findingOf(aspect, merged(needed.with(position, present)), ask)];
    });
    // Half of it would not be true, where too much has been asked by now.
    return findings.every((each) => each !== null) ? findings : null;
  }
  return null;
}

function told(findings: readonly Finding[], word: 'and' | 'or'): Denial {
  const ids = distinct(findings.flatMap(({ policyIds }) => policyIds));
  const why = listed(
    findings.map(({ lacks }) => lacks),
    word,
  );
  const would = listed(
    findings.map((each) => each.would),
    word,
  );
  return deny(`${why} (${ids.length === 1 ? 'policy' : 'policies'} ${ids.join(', ')})`, ids, `possible ${would}`);
}

/** `a, b, and c`. */
function listed(parts: readonly string[], word: 'and' | 'or'): string {
  return parts.map((part, at) => (at > 0 && at === parts.length - 1 ? `${word} ${part}` : part)).join(', ');
}

function merged(ways: readonly Way[]): Way {
  let all: Way = {};
  for (const way of ways) all = { ...all, ...way };
  return all;
}

/** Every choice of one of each list, those nearest to the beginnings of the lists first. */
function* nearest<T>(lists: readonly (readonly T[])[]): Generator<readonly T[]> {
  const farthest = lists.reduce((sum, list) => sum + list.length - 1, 0);
  for (let distance = 0; distance <= farthest; distance++) yield* atDistance(distance, lists);
}

function* atDistance<T>(distance: number, [list, ...rest]: readonly (readonly T[])[]): Generator<readonly T[]> {
  if (list === undefined) {
    if (distance === 0) yield [];
    return;
  }
  for (const [position, each] of list.entries()) {
    if (position > distance) return;
    for (const others of atDistance(distance - position, rest)) yield [each, ...others];
  }
}
