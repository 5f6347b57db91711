/**
 * Why a question gets its answer: for every policy whether it matches, and what stands in the way where it does not.
 * @module
 */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { setImmediate as turn } from 'node:timers/promises';
import { formatDuration } from '../core/duration.ts';
import { emergencyCall, type Pair, pairsOf, requestCall, type TypedCall } from './call.ts';
import { type Cedar, evaluate, loadEngine } from './engine.ts';
import { attributeOf, conjuncts, entitiesIn, nodes, operands } from './expression.ts';
import { inZone, nextChange } from './hours.ts';
import type { PolicySet } from './load.ts';
import { countsAt, onAction } from './match.ts';
import { believed, type EmergencyQuestion, isEmergency, type Question } from './question.ts';
import type { Policy } from './read.ts';
import { type EmergencyVerdict, flagsToMeet, type Limits, type Verdict } from './verdict.ts';

/** What a policy has to do with an answer. */
export interface PolicyReport {
  readonly policy: Policy;
  /** `decides`: it is the one. `matches`: it would do, or forbids as well. `misses`: it does not match, or not now, or not within its limits. */
  readonly state: 'decides' | 'matches' | 'misses';
  /** What would have to be otherwise, in words; conditions as Cedar has them. Empty unless it misses. */
  readonly missing: readonly string[];
}

export interface Explanation<V = Verdict> {
  readonly verdict: V;
  /** The pair of permission and resource that the reports are about. */
  readonly permission: string;
  readonly resource: string;
  /** On the action that was asked about, in the order of the files. */
  readonly reports: readonly PolicyReport[];
}

/** Policies that are looked at in one turn of the event loop: some ten milliseconds. */
const AT_ONCE = 20;

/** About the first pair that is denied, or the first where none is. */
export async function explain(set: PolicySet, question: Question): Promise<Explanation> {
  return await explainBy(set, question, {
    action: 'Request',
    decide: set.decide,
    call: requestCall,
  });
}

/** The same in an emergency. For an agent there are no reports: no rule can say anything about it. */
export async function explainEmergency(
  set: PolicySet,
  asked: EmergencyQuestion,
): Promise<Explanation<EmergencyVerdict>> {
  const { kind, actsFor } = asked.principal;
  if (kind === 'agent' || actsFor !== undefined) {
    return { verdict: set.emergency(asked), permission: '', resource: '', reports: [] };
  }
  const question = { ...asked, incident: believed(asked.incident) };
  return await explainBy(set, question, { action: 'BreakGlass', decide: set.emergency, call: emergencyCall });
}

interface Way<Q extends Question, V> {
  readonly action: 'Request' | 'BreakGlass';
  readonly decide: (question: Q) => V;
  readonly call: (question: Q, groups: ReadonlySet<string>, pair: Pair) => TypedCall;
}

async function explainBy<Q extends Question, V extends Verdict | EmergencyVerdict>(
  set: PolicySet,
  question: Q,
  { action, decide, call: callFor }: Way<Q, V>,
): Promise<Explanation<V>> {
  const { cedar } = await loadEngine();
  const single = (pair: Pair): Q => ({
    ...question,
    permission: { ...question.permission, actions: [pair.permission], resources: [pair.resource] },
  });
  const pairs = pairsOf(question);
  const pair = pairs.find((each) => decide(single(each)).kind === 'deny') ?? pairs[0];
  const verdict = decide(question);
  if (pair === undefined) return { verdict, permission: '', resource: '', reports: [] };
  const policies = onAction(set.policies(), action);
  const groups = new Set(policies.flatMap((policy) => entitiesIn(policy.json, 'Jit::Group')));
  const call = callFor(question, groups, pair);
  const own = decide(single(pair));
  const reports: PolicyReport[] = [];
  for (const [position, policy] of policies.entries()) {
    // A broker has other calls to answer meanwhile.
    if (position % AT_ONCE === 0) await turn();
    reports.push(reportOn(cedar, set.version, policy, question, call, own));
  }
  return { verdict, ...pair, reports };
}

function reportOn(
  cedar: Cedar,
  version: string,
  policy: Policy,
  question: Question,
  call: TypedCall,
  verdict: Verdict | EmergencyVerdict,
): PolicyReport {
  const pieces = piecesOf(policy.json);
  const holding = holdingOf(cedar, `${version}/explain/${policy.id}`, pieces, call);
  const failing = pieces.filter((piece) => !holding.has(piece)).map(({ words }) => words(cedar));
  const missing = [...failing, ...limitsMissing(policy, question)];
  const decides = verdict.kind === 'permit' ? verdict.policyId === policy.id : verdict.policyIds.includes(policy.id);
  if (missing.length > 0) return { policy, state: 'misses', missing };
  return { policy, state: decides ? 'decides' : 'matches', missing };
}

interface Piece {
  /** A permit that matches where the piece holds. */
  readonly json: PolicyJson;
  readonly words: (cedar: Cedar) => string;
}

const ANY: PolicyJson = {
  effect: 'permit',
  principal: { op: 'All' },
  action: { op: 'All' },
  resource: { op: 'All' },
  conditions: [],
};

/** The parts of a policy that have to hold, each on its own. */
function piecesOf({ principal, resource, conditions }: PolicyJson): Piece[] {
  const scope = (json: PolicyJson): Piece => ({
    json,
    words: (cedar) => {
      const text = textOf(cedar, json);
      const [who = '', , where = ''] = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')).split(/,\s*/);
      return (json.principal.op === 'All' ? where : who).trim();
    },
  });
  return [
    ...(principal.op === 'All' ? [] : [scope({ ...ANY, principal })]),
    ...(resource.op === 'All' ? [] : [scope({ ...ANY, resource })]),
    ...conditions.flatMap(({ kind, body }) => split(kind, body)),
  ];
}

type Expression = PolicyJson['conditions'][number]['body'];

/** `a && b` under `when`, `a || b` under `unless`: each part has to hold, or not. */
function split(kind: 'when' | 'unless', body: Expression): Piece[] {
  const parts = (kind === 'when' ? conjuncts(body) : disjuncts(body)).filter(isExpression);
  const guards = parts.filter((part) => 'has' in part);
  return parts.map((part) => {
    // What reads an optional attribute fails without the part that looks for it.
    const guarded =
      kind === 'when' && reads(part) ? guards.reduceRight((right, left) => both(left, right), part) : part;
    const alone = { ...ANY, conditions: [{ kind, body: part }] };
    return {
      json: { ...ANY, conditions: [{ kind, body: guarded }] },
      words: (cedar) => bodyOf(textOf(cedar, alone)),
    };
  });
}

function disjuncts(expression: unknown): unknown[] {
  const sides = operands(expression, '||');
  return sides === undefined ? [expression] : sides.flatMap(disjuncts);
}

function both(left: Expression, right: Expression): Expression {
  return { '&&': { left, right } };
}

function reads(part: Expression): boolean {
  return [...nodes(part)].some((node) => attributeOf(node) === 'principal.actsFor');
}

function isExpression(value: unknown): value is Expression {
  return typeof value === 'object' && value !== null;
}

/** The pieces that hold: asked all at once, and one by one where one of them fails. */
function holdingOf(cedar: Cedar, key: string, pieces: readonly Piece[], call: TypedCall): ReadonlySet<Piece> {
  const all = new Map(pieces.map((piece, position) => [`piece${position}`, piece]));
  const texts = (): Record<string, PolicyJson> => Object.fromEntries([...all].map(([id, { json }]) => [id, json]));
  const outcome = pieces.length === 0 ? null : evaluate(cedar, key, texts, call);
  if (outcome?.kind === 'answer') {
    const satisfied = new Set(outcome.satisfied);
    return new Set([...all].flatMap(([id, piece]) => (satisfied.has(id) ? [piece] : [])));
  }
  return new Set(
    [...all].flatMap(([id, piece]) => {
      const alone = evaluate(cedar, `${key}/${id}`, () => ({ [id]: piece.json }), call);
      return alone.kind === 'answer' && alone.allowed ? [piece] : [];
    }),
  );
}

function textOf(cedar: Cedar, json: PolicyJson): string {
  const answer = cedar.policyToText(json);
  return answer.type === 'success' ? answer.text.replace(/\s+/g, ' ') : 'a part that cannot be shown';
}

function bodyOf(text: string): string {
  const [, kind = '', body = text] = /\b(when|unless) \{ ?(.*?) ?\};?$/.exec(text) ?? [];
  return kind === 'unless' ? `not: ${body}` : body;
}

function limitsMissing(policy: Policy, question: Question): string[] {
  const { season, terms } = policy;
  const found: string[] = [];
  if (season !== null && !countsAt(policy, question.now)) {
    const next = nextChange(season.hours, question.now);
    const when = next === null ? 'never' : `next from ${inZone(season.hours, next)}`;
    found.push(`it counts ${season.counts === 'outside' ? 'outside' : 'during'} ${season.hours.text}, ${when}`);
  }
  const limits = terms ?? emergencyLimits(policy, question);
  if (limits === 'not sealed') return [...found, 'it has no sealed path, for when the source cannot be reached'];
  if (limits === null) return found;
  if (question.seconds > limits.maxSeconds) found.push(`at most ${formatDuration(limits.maxSeconds)}`);
  return [...found, ...flagsToMeet(limits, question).filter((flag) => !flag.startsWith('--for'))];
}

function emergencyLimits({ emergency }: Policy, question: Question): Limits | 'not sealed' | null {
  if (emergency === null || !isEmergency(question) || question.incident.verified) return emergency;
  return emergency.sealed === null ? 'not sealed' : { ...emergency, maxSeconds: emergency.sealed.maxSeconds };
}
