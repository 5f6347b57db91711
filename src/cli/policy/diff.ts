/**
 * `jit policy diff`: who gains and who loses what from one set of policies to another.
 * @module
 */
import { display } from '../../core/display.ts';
import { formatDuration } from '../../core/duration.ts';
import { gridOf } from '../../policy/grid.ts';
import type { PolicySet } from '../../policy/load.ts';
import type { EmergencyQuestion, Question } from '../../policy/question.ts';
import type { EmergencyTerms, EmergencyVerdict, Verdict } from '../../policy/verdict.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { type Column, table } from '../table.ts';
import { toned } from '../text.ts';
import type { PolicyCase } from './cases.ts';
import type { Offered } from './shape.ts';
import { decisionOf, judge, quorumWords, sealedWords } from './trial.ts';

interface Comparison {
  readonly before: PolicySet;
  readonly after: PolicySet;
  readonly cases: readonly PolicyCase[];
  readonly offered: Offered | null;
}

interface Change {
  readonly kind: 'gains' | 'loses' | 'changes';
  readonly who: string;
  readonly where: string;
  /** Everything that changes in the same way for them there. */
  readonly what: readonly string[];
  readonly before: string;
  readonly after: string;
}

/** What is left of a list that people read. */
const MOST_WORDS = 6;

/** @returns 0: a difference is what is asked for. */
export async function runDiff(
  { out, now }: Context,
  format: Format,
  { before, after, cases, offered }: Comparison,
): Promise<number> {
  const at = cases[0]?.question.now ?? now();
  const { points, asked: reach } = gridOf(before.policies(), after.policies(), offered?.targets ?? null, at);
  const asked = [
    ...cases.map(({ name, question }) => ({
      who: question.principal.name,
      where: question.target.name,
      what: name,
      question,
    })),
    ...points,
  ];
  const changes = grouped(
    asked.flatMap(({ question, ...words }) => {
      const change = changeOf(before, after, question);
      return change === null ? [] : [{ ...words, ...change }];
    }),
  );
  if (format === 'json') {
    out.document('policy-diff', {
      before: before.version,
      after: after.version,
      asked: asked.length,
      complete: reach === 'all',
      changes,
    });
    return 0;
  }
  const rows = changes.map((change) => [
    toned(change.kind === 'gains' ? 'warn' : change.kind === 'loses' ? 'good' : 'plain', change.kind),
    toned('strong', display(change.who, 200)),
    toned('plain', display(change.where, 200)),
    toned('plain', display(listed(change.what), 400)),
    toned('plain', display(change.before, 200)),
    toned('plain', display(change.after, 200)),
  ]);
  await out.print(rows.length === 0 ? ['nobody gains or loses anything'] : table(COLUMNS, rows, out.width));
  const part =
    reach === 'all' ? '' : ', a part of all that the changed policies speak of: add --cases for what matters';
  await out.note(`${asked.length} questions were asked of both${part}`);
  return 0;
}

const COLUMNS: readonly Column[] = [
  { title: 'CHANGE', cut: 'never' },
  { title: 'WHO', cut: 'may' },
  { title: 'WHERE', cut: 'may' },
  { title: 'WHAT', cut: 'may' },
  { title: 'BEFORE', cut: 'never' },
  { title: 'AFTER', cut: 'never' },
];

function changeOf(before: PolicySet, after: PolicySet, question: Question | EmergencyQuestion) {
  const [old, next] = [judge(before, question, 'plain'), judge(after, question, 'plain')];
  const [was, is] = [wordsFor(old), wordsFor(next)];
  if (was === is) return null;
  const step = rank(next) - rank(old);
  return { kind: step < 0 ? 'gains' : step > 0 ? 'loses' : 'changes', before: was, after: is } as const;
}

/** In rising order of what stands before access. */
function rank(verdict: Verdict | EmergencyVerdict): number {
  return ['auto', 'self-serve', 'manual', 'break-glass', 'denied'].indexOf(decisionOf(verdict));
}

function wordsFor(verdict: Verdict | EmergencyVerdict): string {
  if (verdict.kind === 'deny') return 'denied';
  const { tier, maxSeconds, needsTicket, minReason, renewals, idleSeconds } = verdict;
  return [
    tier === 'manual' ? `manual by ${quorumWords(verdict.quorum)}` : tier,
    `up to ${formatDuration(maxSeconds)}`,
    ...(renewals > 0 ? [`${renewals} renewals`] : []),
    ...(idleSeconds === null ? [] : [`idle ${formatDuration(idleSeconds)}`]),
    ...(needsTicket ? ['ticket'] : []),
    ...(minReason > 0 ? [`reason of ${minReason}`] : []),
    ...(verdict.tier === 'break-glass' ? emergencyWords(verdict) : []),
  ].join(', ');
}

function emergencyWords({ warnSeconds, handover, sealed }: EmergencyTerms): string[] {
  return [
    ...(warnSeconds === 0 ? [] : [`warning ${formatDuration(warnSeconds)}`]),
    ...(handover === 'ends' ? ['until hand-over'] : []),
    ...(sealed === null ? [] : [`sealed by ${sealedWords(sealed)} up to ${formatDuration(sealed.maxSeconds)}`]),
  ];
}

/** What changes for the same person at the same place in the same way, on one line; gains first. */
function grouped(changes: readonly (Omit<Change, 'what'> & { readonly what: string })[]): Change[] {
  const groups = Map.groupBy(changes, ({ kind, who, where, before, after }) =>
    JSON.stringify([kind, who, where, before, after]),
  );
  const order = ['gains', 'loses', 'changes'];
  return [...groups.values()]
    .flatMap((group) => {
      const [first] = group;
      return first === undefined ? [] : [{ ...first, what: [...new Set(group.map(({ what }) => what))] }];
    })
    .toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

function listed(what: readonly string[]): string {
  const rest = what.length - MOST_WORDS;
  return rest > 0 ? `${what.slice(0, MOST_WORDS).join(', ')} and ${rest} more` : what.join(', ');
}
