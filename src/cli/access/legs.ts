/**
 * A grant's parts at its targets in words: what each is called there, how it ends, and how it is known that it has ended.
 * @module
 */
import { formatDuration } from '../../core/duration.ts';
import type { LegView } from '../../wire/views.ts';
import { type Fact, fact } from '../table.ts';
import { type Line, toned, wrap } from '../text.ts';
import { bothTimes, clockTime, recordedTime } from '../time.ts';
import { SANDBOX_NOTE } from './words.ts';

/** What becomes of credentials that are out when the grant ends early. */
export function revocationWords(revocation: LegView['revocation']): string {
  switch (revocation.kind) {
    case 'immediate':
      return 'works at once';
    case 'within':
      return `works within ${formatDuration(revocation.seconds)}`;
    case 'expiry-only':
      return 'cannot take back what is out, which works until its end';
    default:
      return revocation satisfies never;
  }
}

/** @param now epoch ms. */
export function legFacts(leg: LegView, now: number): readonly Fact[] {
  const { target, provider, sandbox, state, name, revocation, notAfter, problem, gone } = leg;
  const time = (text: string): string => recordedTime(Date.parse(text), now);
  return [
    fact('target', `${target}, ${provider}${sandbox ? ` (${SANDBOX_NOTE})` : ''}`),
    fact('state', state),
    fact('called', name),
    fact('revocation', revocationWords(revocation)),
    ...(gone === null ? [fact('dead by', time(notAfter))] : [fact('gone', `${time(gone.at)}: ${gone.proof}`)]),
    ...(problem === null ? [] : [fact('problem', problem, 'bad')]),
  ];
}

/** What an end has come to at one target. */
export interface LegEnd {
  readonly target: string;
  /** RFC 3339: when it was verified that nothing of it works any more; null before that. */
  readonly goneAt: string | null;
  /** How that was verified. */
  readonly proof: string | null;
  /** RFC 3339: until when access could last where its end is not verified. */
  readonly residualUntil: string | null;
  /** Why it could not be revoked yet. */
  readonly problem: string | null;
}

export function legEnd({ target, gone, notAfter, problem }: LegView): LegEnd {
  return {
    target,
    goneAt: gone?.at ?? null,
    proof: gone?.proof ?? null,
    residualUntil: gone === null ? notAfter : null,
    problem,
  };
}

/** `postgres: gone at 14:03:20: the role and its sessions are gone`, or until when it could last. @param now epoch ms. */
export function legEndLine(leg: LegView, now: number): Line {
  const { target, gone, notAfter, problem, revocation } = leg;
  if (gone !== null) {
    return [`${target}: `, toned('good', `gone at ${clockTime(Date.parse(gone.at), now)}`), `: ${gone.proof}`];
  }
  const latest = bothTimes(Date.parse(notAfter), now);
  if (problem !== null) {
    return [`${target}: `, toned('bad', 'not revoked yet'), `; access could last until ${latest}: ${problem}`];
  }
  const begun = revocation.kind === 'expiry-only' ? 'nothing more is handed out' : 'revocation taken';
  return [`${target}: `, toned('warn', begun), `; access ends at the latest ${latest}`];
}

/**
 * Why nothing was granted, such as `the cloud issued nothing: the role does not trust us`. Where there are several targets it names
 * those that failed; and it says whether what was or may have been issued is gone.
 */
export function failedWords(legs: readonly LegView[]): string {
  const problems = legs.flatMap(({ target, problem }) =>
    problem === null ? [] : [legs.length === 1 ? problem : `${target}: ${problem}`],
  );
  // Only what was surely never issued keeps its problem when it is gone.
  const one = problems.length === 0 ? 'it could not be granted, and nothing of it is left' : 'the cloud issued nothing';
  const what = legs.length === 1 ? one : 'nothing was granted, since not all targets issued it';
  const why = problems.length === 0 ? '' : `: ${problems.join('; ')}`;
  if (legs.every(({ state }) => state === 'gone')) return `${what}${why}`;
  return `it could not be granted${why}; what may have been issued is being revoked`;
}

const INDENT = '  ';

/** The permission as the cloud was given it, indented: nothing is added or left out. */
export function permissionLines(text: string, width: number): readonly Line[] {
  return indented(text)
    .split('\n')
    .flatMap((line) => {
      const start = /^ */.exec(line)?.[0] ?? '';
      const pieces = wrap(line.slice(start.length), Math.max(width - start.length - 2 * INDENT.length, 40));
      return pieces.map((piece, index) => `${INDENT}${start}${index === 0 ? '' : INDENT}${piece}`);
    });
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
