/**
 * Why a request was decided as it was, and what the present policies make of it.
 * @module
 */
import * as z from 'zod';
import { canonicalJson } from '../../core/canonical.ts';
import { display } from '../../core/display.ts';
import { asJitError } from '../../core/errors.ts';
import { TIERS } from '../../core/tier.ts';
import { explain, explainEmergency, type PolicyReport } from '../../policy/explain.ts';
import type { PolicySet } from '../../policy/load.ts';
import type { Principal } from '../../core/principal.ts';
import { isEmergency, type Question } from '../../policy/question.ts';
import type { EmergencyVerdict, Verdict } from '../../policy/verdict.ts';
import type { ExplanationView } from '../../wire/views.ts';
import type { Store, StoredRequest } from '../store/store.ts';
import { shape } from './approvals.ts';
import { type Draft, judge, type Ruling } from './decide.ts';
import { emergencyQuestions } from './emergency/rule.ts';
import { decisionOf } from './submit.ts';
import type { World } from './world.ts';

/** Policies looked at one by one in one answer: the engine takes up to a millisecond for each. */
const MOST_REPORTS = 1_000;
/** Of all reports as JSON in UTF-8: a client takes 1 MiB. */
const MOST_BYTES = 600_000;

type QuestionView = ExplanationView['questions'][number];
type Part = NonNullable<QuestionView['person']>;

/** Whether the caller may see the request has been asked before. Policies are named and described; of their texts only the conditions that do not hold are told. */
export async function explanationOf(world: World, stored: StoredRequest): Promise<ExplanationView> {
  const { request, decision } = stored;
  const { policy: set } = world;
  const { state, tier, why, policy } = decision;
  const decided = { state, tier, why, policy, policies: await decidedBy(world.store, stored) };
  const about = { request: request.id, decided, policy: set.version };
  const at = world.now();
  const requester = await world.present(request.requester);
  let judged: Pick<Draft, 'permissions' | 'questions' | 'verdict' | 'policy'>;
  try {
    judged = await judge({ ...world, policy: set }, requester, request, at);
  } catch (thrown) {
    const error = asJitError(thrown);
    // A passing fault is no answer.
    if (error.facts.retryable || error.code === 'ERR_UNEXPECTED') throw error;
    return { ...about, now: null, note: cut(error.message), questions: [] };
  }
  const { verdict, permissions } = judged;
  const questions = await askedOf(world, requester, request, judged.questions);
  const now = decisionOf(world, judged, requester, at);
  const same = canonicalJson(shape(permissions)) === canonicalJson(shape(request.permissions));
  return {
    ...about,
    now: { state: now.state, tier: now.tier, ...wordsOf(verdict), why: cut(now.why) },
    note: same ? null : 'what was asked for means something else now',
    questions: await questionViews(set, questions),
  };
}

/** In an emergency, with the incident as its source has it. */
async function askedOf(
  world: World,
  requester: Principal,
  { incident }: StoredRequest['request'],
  questions: readonly Question[],
): Promise<readonly Question[]> {
  return incident === null ? questions : emergencyQuestions(world, requester, questions, incident);
}

const decidedEntry = z.looseObject({
  type: z.literal('request.decided'),
  data: z.looseObject({ version: z.string(), tier: z.enum(TIERS).nullable(), policies: z.array(z.string()) }),
});

/** By id, as the audit log has it; null where it has no word on the decision as it stands. */
async function decidedBy(store: Store, { request, decision }: StoredRequest): Promise<string[] | null> {
  const entries = await store.entries({ from: 0, limit: 10, request: request.id });
  for (const { line } of entries) {
    const { success, data: entry } = decidedEntry.safeParse(JSON.parse(line));
    if (!success) continue;
    const { version, tier, policies } = entry.data;
    if (version === decision.policy && tier === decision.tier) return policies;
  }
  return null;
}

async function questionViews(set: PolicySet, questions: readonly Question[]): Promise<QuestionView[]> {
  const views: QuestionView[] = [];
  const room: Room = { reports: MOST_REPORTS, bytes: MOST_BYTES };
  for (const question of questions) {
    const { actsFor } = question.principal;
    const own = await partOf(set, question, room);
    const person = actsFor === undefined ? null : await partOf(set, { ...question, principal: actsFor }, room);
    views.push({ target: question.target.name, operation: question.permission.operation, ...own, person });
  }
  return views;
}

/** What is left of the limits of one answer. */
interface Room {
  reports: number;
  bytes: number;
}

async function partOf(set: PolicySet, question: Question, room: Room): Promise<Part> {
  room.reports -= set.policies().length;
  if (room.reports < 0) {
    const [permission = '', resource = ''] = [question.permission.actions[0], question.permission.resources[0]];
    return { ...verdictView(verdictOf(set, question)), permission, resource, policies: null };
  }
  const { verdict, permission, resource, reports } = await (isEmergency(question)
    ? explainEmergency(set, question)
    : explain(set, question));
  const policies = reports.map(reportView);
  room.bytes -= Buffer.byteLength(JSON.stringify(policies));
  return { ...verdictView(verdict), permission, resource, policies: room.bytes < 0 ? null : policies };
}

function verdictOf(set: PolicySet, question: Question): Verdict | EmergencyVerdict {
  return isEmergency(question) ? set.emergency(question) : set.decide(question);
}

function reportView({ policy, state, missing }: PolicyReport): NonNullable<Part['policies']>[number] {
  const { id, effect, description, terms, emergency } = policy;
  return {
    id,
    effect,
    tier: terms?.tier ?? (emergency === null ? null : 'break-glass'),
    description: description === null ? null : cut(description),
    state,
    missing: missing.map(cut),
  };
}

function verdictView(
  verdict: Verdict | EmergencyVerdict,
): Pick<Part, 'decision' | 'tier' | 'why' | 'hint' | 'decidedBy'> {
  const permit = verdict.kind === 'permit';
  return { decision: verdict.kind, tier: permit ? verdict.tier : null, ...wordsOf(verdict) };
}

function wordsOf(verdict: Ruling | EmergencyVerdict): Pick<Part, 'why' | 'hint' | 'decidedBy'> {
  const decidedByIds = verdict.kind === 'permit' ? [verdict.policyId] : [...verdict.policyIds];
  return { why: cut(verdict.why), hint: hintOf(verdict), decidedBy: decidedByIds };
}

function hintOf(verdict: Ruling | EmergencyVerdict): string | null {
  return 'hint' in verdict && verdict.hint !== null ? cut(verdict.hint) : null;
}

/** What rules say of themselves has no limit, and a line of a reply has one. */
function cut(text: string): string {
  return display(text, 1_000);
}
