/**
 * `jit policy explain`: why a question gets its answer, and what would change it.
 * @module
 */
import { display } from '../../core/display.ts';
import { formatDuration } from '../../core/duration.ts';
import { didYouMean } from '../../core/suggest.ts';
import { explain, explainEmergency, type Explanation, type PolicyReport } from '../../policy/explain.ts';
import type { PolicySet } from '../../policy/load.ts';
import { type EmergencyQuestion, isEmergency, type Question } from '../../policy/question.ts';
import type { EmergencyPermit, EmergencyVerdict, Permit, Verdict } from '../../policy/verdict.ts';
import { usage } from '../command.ts';
import type { PolicyOptions } from '../commands/policy.ts';
import type { Context } from '../context.ts';
import { fact, record } from '../table.ts';
import type { Line } from '../text.ts';
import { questionOf, readCases, readPeople } from './cases.ts';
import { readText } from './files.ts';
import type { AskFlags } from './flags.ts';
import { type Report, reportLines } from './reports.ts';
import { type Offered, parseCasesText } from './shape.ts';
import { decisionOf, hintOf, quorumWords, sealedWords } from './trial.ts';

type Options = Extract<PolicyOptions, { readonly verb: 'explain' }>;

export async function runExplain(
  context: Context,
  options: Options,
  set: PolicySet,
  offered: Offered | null,
): Promise<number> {
  const { out } = context;
  const question = await chosen(context, options, offered ?? { targets: new Map(), operations: new Map() });
  const explained = isEmergency(question) ? await explainEmergency(set, question) : await explain(set, question);
  const behind = question.principal.actsFor;
  // In an emergency an agent gets nothing, whoever it acts for.
  const people =
    behind === undefined || isEmergency(question) ? null : await explain(set, { ...question, principal: behind });
  if (options.format === 'json') {
    out.document('policy-explanation', {
      policy: set.version,
      ...documentOf(explained),
      person: people === null ? null : documentOf(people),
    });
    return 0;
  }
  await out.print(linesFor(explained, out.width));
  if (people !== null) await out.print(['', 'and for the person it acts for:', ...linesFor(people, out.width)]);
  return 0;
}

async function chosen(
  context: Context,
  { ask, cases }: Options,
  offered: Offered,
): Promise<Question | EmergencyQuestion> {
  if (ask.kind === 'flags') return await questionFrom(context, ask.flags, cases, offered);
  const all = readCases(await readText(cases ?? ''), cases ?? '', offered);
  const found = all.find(({ name }) => name === ask.name);
  if (found !== undefined) return found.question;
  const hint = didYouMean(
    ask.name,
    all.map(({ name }) => name),
  );
  throw usage(`there is no case ${display(ask.name, 80)} in ${display(cases ?? '', 200)}`, hint);
}

async function questionFrom(
  context: Context,
  flags: AskFlags,
  path: string | null,
  offered: Offered,
): Promise<Question | EmergencyQuestion> {
  const file = path === null ? null : parseCasesText(await readText(path), path).content;
  const targets = new Map([...offered.targets, ...Object.entries(file?.targets ?? {})]);
  const operations = new Map([...offered.operations, ...Object.entries(file?.operations ?? {})]);
  const people = new Map(readPeople(file?.people ?? {}, () => undefined));
  const { environment, kind, groups } = flags;
  const target = flags.target ?? environment ?? '';
  if (environment !== null) {
    if (targets.has(target))
      throw usage(`the target ${display(target, 80)} has its environment already`, 'leave --environment out');
    targets.set(target, { provider: 'aws', environment, tags: [...flags.tags], sandbox: false });
  }
  const who = flags.who ?? 'you';
  if (flags.who === null) people.set(who, { kind, issuer: 'https://idp.example.com', subject: who, name: who, groups });
  const problems: string[] = [];
  const question = questionOf(
    {
      action: flags.incident === null ? 'request' : 'break-glass',
      incident: flags.incident ?? undefined,
      who,
      target,
      operation: flags.operation,
      permissions: flags.permissions.length === 0 ? undefined : [...flags.permissions],
      resources: flags.resources.length === 0 ? ['any'] : [...flags.resources],
      access: flags.access ?? undefined,
      breadth: flags.breadth ?? undefined,
      risk: flags.risk ?? undefined,
      for: flags.duration ?? '15m',
      ticket: flags.ticket,
      reason: 'a reason of usual length, as people give',
      at: flags.at ?? undefined,
    },
    { targets, operations, people, now: `${new Date(context.now()).toISOString().slice(0, 19)}Z` },
    (field, problem) => void problems.push(`--${field === 'operation' ? 'permission' : field}: ${problem}`),
  );
  if (question === null) throw usage(problems.join('; '), 'see: jit policy --help');
  return question;
}

function documentOf({ verdict, permission, resource, reports }: AnyExplanation): Readonly<Record<string, unknown>> {
  return {
    decision: decisionOf(verdict),
    why: verdict.why,
    hint: hintOf(verdict),
    permission,
    resource,
    policies: reports.map(({ policy: { id, source, line, effect }, state, missing }) => ({
      id,
      source,
      line,
      effect,
      state,
      missing,
    })),
  };
}

type AnyExplanation = Explanation<Verdict | EmergencyVerdict>;

function linesFor({ verdict, permission, resource, reports }: AnyExplanation, width: number): Line[] {
  const permit = verdict.kind === 'permit' ? verdict : null;
  const hint = hintOf(verdict);
  return [
    ...record(
      [
        fact('decision', decisionOf(verdict), permit === null ? 'bad' : 'good'),
        fact('why', display(verdict.why)),
        ...(permit === null ? [] : [fact('terms', termsWords(permit))]),
        ...(hint === null ? [] : [fact('or', display(hint))]),
        fact('permission', display(permission, 200)),
        fact('resource', display(resource, 200)),
      ],
      width,
    ),
    ...reportLines(reports.map(reportOf), width),
  ];
}

function reportOf({ policy: { id, effect, terms, emergency }, state, missing }: PolicyReport): Report {
  return { id, effect, tier: terms?.tier ?? (emergency === null ? null : 'break-glass'), state, missing };
}

function termsWords(permit: Permit | EmergencyPermit): string {
  const { maxSeconds, renewals, idleSeconds, needsTicket, minReason } = permit;
  return [
    `up to ${formatDuration(maxSeconds)}`,
    ...(permit.tier === 'manual' ? [`approved by ${quorumWords(permit.quorum)}`] : []),
    ...(renewals > 0 ? [`renewed up to ${renewals} times`] : []),
    ...(idleSeconds === null ? [] : [`ended when unused for ${formatDuration(idleSeconds)}`]),
    ...(needsTicket ? ['with a ticket'] : []),
    ...(minReason > 0 ? [`with a reason of ${minReason} characters`] : []),
    ...(permit.tier === 'break-glass' ? emergencyWords(permit) : []),
  ].join(', ');
}

function emergencyWords({ warnSeconds, handover, sealed }: EmergencyPermit): string[] {
  return [
    warnSeconds === 0
      ? 'gone as soon as the incident is closed'
      : `gone ${formatDuration(warnSeconds)} after the incident is closed`,
    ...(handover === 'ends' ? ['ended by a hand-over of the on-call duty'] : []),
    ...(sealed === null
      ? []
      : [`without its source confirmed by ${sealedWords(sealed)}, up to ${formatDuration(sealed.maxSeconds)}`]),
  ];
}
