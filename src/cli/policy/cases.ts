/**
 * From the text of a file of cases to questions and what is expected of their answers.
 * @module
 */
import { parseDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import type { Person, Principal } from '../../core/principal.ts';
import type { Quorum } from '../../core/request.ts';
import { didYouMean } from '../../core/suggest.ts';
import { type EmergencyQuestion, type Question, reasonLength } from '../../policy/question.ts';
import type { Sealed } from '../../policy/verdict.ts';
import { factsOf } from './incident.ts';
import {
  type CaseText,
  type ExpectedText,
  type Offered,
  parseCasesText,
  type PersonText,
  problemsError,
} from './shape.ts';

/** What a case claims. What is null or empty is not claimed. */
export interface Expected {
  readonly decision: ExpectedText['decision'] | null;
  readonly policy: string | null;
  /** Part of the reason. */
  readonly why: string | null;
  readonly maxSeconds: number | null;
  readonly idleSeconds: number | null;
  readonly renewals: number | null;
  readonly quorum: readonly Quorum[] | null;
  /** `none`: there is no sealed path. */
  readonly sealed: Pick<Sealed, 'approvers' | 'group'> | 'none' | null;
  readonly warnSeconds: number | null;
  readonly handover: 'ends' | 'stays' | null;
  readonly mayApprove: readonly Principal[];
  readonly mayNotApprove: readonly Principal[];
  /** Whether they could end it, were it granted. */
  readonly mayRevoke: readonly Principal[];
  readonly mayNotRevoke: readonly Principal[];
}

export interface PolicyCase {
  readonly name: string;
  /** In its file, from 1. */
  readonly line: number;
  readonly question: Question | EmergencyQuestion;
  readonly expected: Expected;
}

const NOTHING: Offered = { targets: new Map(), operations: new Map() };

/**
 * @param file what messages call it.
 * @param offered targets and operations of a broker's configuration; the file may add to them.
 * Throws `ERR_CONFIG`, listing for every problem line and field.
 */
export function readCases(text: string, file: string, offered: Offered = NOTHING): PolicyCase[] {
  const { content, yaml } = parseCasesText(text, file);
  const problems: string[] = [];
  const report = (path: readonly PropertyKey[], problem: string): void =>
    void problems.push(`${file}:${yaml.lineOf(path)}: ${path.map(String).join('.')}: ${problem}`);
  const known = {
    targets: merged('targets', offered.targets, content.targets, report),
    operations: merged('operations', offered.operations, content.operations, report),
    people: readPeople(content.people, report),
    now: content.now,
  };
  const names = new Set<string>();
  const cases = content.cases.flatMap((each, position) => {
    const path = ['cases', position] as const;
    if (names.has(each.name))
      report([...path, 'name'], `${JSON.stringify(each.name)} is the name of another case, too`);
    names.add(each.name);
    const question = questionOf(each, known, (field, problem) => report([...path, field], problem));
    const wrong = (field: string, problem: string): void => report([...path, 'expect', field], problem);
    const expected = expectedOf(each.expect, known.people, wrong);
    const foreign = each.action === 'break-glass' ? VOTING : EMERGENCY;
    for (const field of foreign.filter((name) => isClaimed(each.expect[name]))) {
      wrong(
        field,
        each.action === 'break-glass' ? 'nobody approves an emergency beforehand' : 'needs action: break-glass',
      );
    }
    return question === null ? [] : [{ name: each.name, line: yaml.lineOf(path), question, expected }];
  });
  if (problems.length > 0) throw problemsError(problems);
  return cases;
}

/** What is claimed of requests alone, and of emergencies alone. */
const VOTING = ['quorum', 'may_approve', 'may_not_approve'] as const;
const EMERGENCY = ['sealed', 'warn', 'handover'] as const;

function isClaimed(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

type Report = (field: string, problem: string) => void;
type Known = Offered & { readonly people: ReadonlyMap<string, Principal>; readonly now: string };

/** What a case says, without its name and what it expects: the same for one that is given by flags. */
export type AskText = Omit<CaseText, 'name' | 'expect'>;

/** @returns null where something is wrong. @param report is called with each problem. */
export function questionOf(ask: AskText, known: Known, report: Report): Question | EmergencyQuestion | null {
  let sound = true;
  const fail = (field: string, problem: string): null => {
    sound = false;
    report(field, problem);
    return null;
  };
  const target = find(ask.target, known.targets, 'target', (problem) => fail('target', problem));
  const principal = find(ask.who, known.people, 'person', (problem) => fail('who', problem));
  const operation = known.operations.get(ask.operation);
  const raw = /[:/.]/.test(ask.operation);
  const permissions = ask.permissions ?? operation?.permissions ?? (raw ? [ask.operation] : null);
  if (permissions === null) {
    const hint = didYouMean(ask.operation, known.operations.keys());
    fail('operation', `unknown, so its permissions have to be given${hint === undefined ? '' : `, or ${hint}`}`);
  }
  const access = ask.access ?? operation?.access ?? null;
  if (access === null) fail('access', 'missing: list, read, tagging, write or permissions');
  const wild = ask.resources.some((each) => /[*?]/.test(each));
  const breadth = ask.breadth ?? (wild ? null : 'exact');
  if (breadth === null) fail('breadth', 'missing: a resource holds a wildcard, which is within one thing or broad');
  const seconds = attempt(
    () => parseDuration(ask.for),
    (problem) => fail('for', problem),
  );
  const now = timeOf(ask.at ?? known.now);
  if (now === null) fail(ask.at === undefined ? 'now' : 'at', 'not a time such as 2026-03-30T10:00:00+02:00');
  if (ask.action === 'break-glass' && ask.incident === undefined)
    fail('incident', 'missing: write open, severity, responder …');
  if (ask.action === 'request' && ask.incident !== undefined) fail('incident', 'needs action: break-glass');
  if (!sound || target === null || principal === null || permissions === null || access === null) return null;
  if (breadth === null || seconds === null || now === null) return null;
  return {
    principal,
    target: { name: ask.target, ...target },
    permission: { target: ask.target, operation: ask.operation, actions: permissions, resources: ask.resources },
    assessment: { access, breadth },
    operation: { named: !raw, risk: ask.risk ?? operation?.risk ?? 'medium' },
    seconds,
    hasTicket: ask.ticket,
    reasonLength: reasonLength(ask.reason),
    now,
    ...(ask.incident === undefined ? {} : { incident: factsOf(ask.incident) }),
  };
}

function expectedOf(text: ExpectedText, people: ReadonlyMap<string, Principal>, report: Report): Expected {
  const duration = (field: 'max' | 'idle' | 'warn'): number | null => {
    const value = text[field];
    return value === undefined
      ? null
      : attempt(
          () => parseDuration(value),
          (problem) => report(field, problem),
        );
  };
  const some = (field: 'may_approve' | 'may_not_approve' | 'may_revoke' | 'may_not_revoke'): Principal[] =>
    text[field].flatMap((name) => find(name, people, 'person', (problem) => report(field, problem)) ?? []);
  return {
    decision: text.decision ?? null,
    policy: text.policy ?? null,
    why: text.why ?? null,
    maxSeconds: duration('max'),
    idleSeconds: duration('idle'),
    renewals: text.renewals ?? null,
    quorum: text.quorum?.map(({ group = null, approvers }) => ({ group, approvers })) ?? null,
    sealed: text.sealed === undefined ? null : text.sealed === false ? 'none' : text.sealed,
    warnSeconds: duration('warn'),
    handover: text.handover ?? null,
    mayApprove: some('may_approve'),
    mayNotApprove: some('may_not_approve'),
    mayRevoke: some('may_revoke'),
    mayNotRevoke: some('may_not_revoke'),
  };
}

function merged<T>(
  field: string,
  offered: ReadonlyMap<string, T>,
  own: Readonly<Record<string, T>>,
  report: (path: readonly PropertyKey[], problem: string) => void,
): ReadonlyMap<string, T> {
  for (const name of Object.keys(own)) {
    if (offered.has(name)) report([field, name], 'the configuration has one of this name already');
  }
  return new Map([...offered, ...Object.entries(own)]);
}

/** @param report is called with the path of each problem. */
export function readPeople(
  texts: Readonly<Record<string, PersonText>>,
  report: (path: readonly PropertyKey[], problem: string) => void,
): ReadonlyMap<string, Principal> {
  const people = new Map<string, Principal>();
  const alone = (name: string, { kind, issuer, subject, groups, person_key: key }: PersonText): Principal => ({
    kind,
    issuer,
    subject: subject ?? name,
    name,
    groups,
    ...(key === undefined ? {} : { personKey: key }),
  });
  for (const [name, text] of Object.entries(texts)) people.set(name, alone(name, text));
  for (const [name, text] of Object.entries(texts)) {
    if (text.acts_for === undefined) continue;
    const path = ['people', name, 'acts_for'];
    const behind = find(text.acts_for, people, 'person', (problem) => report(path, problem));
    if (behind === null) continue;
    if (text.kind !== 'agent') report(path, 'only an agent acts for somebody');
    else if (!isPerson(behind)) report(path, 'an agent acts for a user');
    else people.set(name, { ...alone(name, text), actsFor: behind });
  }
  return people;
}

function isPerson(principal: Principal): principal is Person {
  return principal.kind === 'user' && principal.actsFor === undefined;
}

function find<T>(name: string, all: ReadonlyMap<string, T>, what: string, report: (problem: string) => void): T | null {
  const found = all.get(name);
  if (found !== undefined) return found;
  const hint = didYouMean(name, all.keys());
  report(`there is no ${what} ${JSON.stringify(name.slice(0, 80))}${hint === undefined ? '' : `, ${hint}`}`);
  return null;
}

/** @returns epoch ms, or null for what is no RFC 3339 time. */
export function timeOf(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)$/.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

function attempt<T>(read: () => T, report: (problem: string) => void): T | null {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof JitError)) throw thrown;
    report(thrown.message);
    return null;
  }
}
