/**
 * Why no permit matches an emergency: found by asking again with the fewest things otherwise, so that what is said is true
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

/** Where nothing more can be said. */
export const UNMATCHED = 'no policy permits break-glass on this';

interface Finding {
  readonly lacks: string;
  readonly would: string;
  readonly policyIds: readonly string[];
}

/**
 * The denial where no permit matches. It names the fewest things that would have to be otherwise: alternatives where one is
 * enough, otherwise the first such combination.
 * @param policies those on action `BreakGlass`.
 */
export function lacking(policies: readonly Policy[], question: EmergencyQuestion, attempt: Attempt): Denial {
  if (!question.incident.verified) {
    return deny('no policy permits break-glass on this while the source of the incident cannot be reached');
  }
  const ask = (way: Way): EmergencyVerdict | null => attempt(changed(question, way));
  const aspects = aspectsOf(policies, question);
  const single = aspects.flatMap((aspect) => findingOf(aspect, {}, ask) ?? []);
  if (single.length > 0) return told(single, 'or');
  for (let size = 2; size <= aspects.length; size++) {
    for (const some of combinations(aspects, size)) {
      const found = together(some, ask);
      if (found !== null) return told(found, 'and');
    }
  }
  return deny(UNMATCHED);
}

function changed(question: EmergencyQuestion, { ticket, ...facts }: Way): EmergencyQuestion {
  return {
    ...question,
    hasTicket: question.hasTicket || ticket === true,
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

/** What each of the aspects lacks while the others are as they should be. Null where they do not help together either. */
function together(aspects: readonly Aspect[], ask: (way: Way) => EmergencyVerdict | null): Finding[] | null {
  for (const ways of product(aspects.map((aspect) => aspect.ways))) {
    if (ask(merged(ways)) === null) continue;
    const findings = aspects.flatMap((aspect, position) => {
      const others = merged(ways.filter((_, other) => other !== position));
      return findingOf(aspect, others, ask) ?? [];
    });
    // Half of it would not be true, where too much has been asked by now.
    return findings.length === aspects.length ? findings : null;
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

function* combinations<T>(all: readonly T[], size: number, from = 0): Generator<readonly T[]> {
  if (size === 0) yield [];
  for (let at = from; size > 0 && at <= all.length - size; at++) {
    for (const rest of combinations(all, size - 1, at + 1)) yield [...all.slice(at, at + 1), ...rest];
  }
}

function* product<T>([first, ...rest]: readonly (readonly T[])[]): Generator<readonly T[]> {
  if (first === undefined) yield [];
  for (const each of first ?? []) for (const others of product(rest)) yield [each, ...others];
}
