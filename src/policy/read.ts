/**
 * Reading one file of policies: each policy's text, place, id and terms, and everything that is wrong with it.
 * @module
 */
import type { DetailedError, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { display } from '../core/display.ts';
import { type PolicyKind, readLabels, readSeason, readTerms, type Season } from './annotations.ts';
import { readUnattended } from './attendance.ts';
import { excess } from './bounds.ts';
import { readEmergencyTerms } from './emergency/terms.ts';
import type { Cedar } from './engine.ts';
import { impossibleComparisons, member } from './expression.ts';
import type { EmergencyTerms, Terms } from './verdict.ts';

/** One file of policies. The name is how messages and ids speak of it. */
export interface PolicySource {
  readonly name: string;
  readonly text: string;
}

export interface Policy {
  /** The `@id`, or `file#n` counted from 1. */
  readonly id: string;
  readonly source: string;
  readonly line: number;
  readonly effect: 'permit' | 'forbid';
  readonly description: string | null;
  /** Null unless it is a permit on `Request`. */
  readonly terms: Terms | null;
  /** Null unless it is a permit on `BreakGlass`. */
  readonly emergency: EmergencyTerms | null;
  /** The actions that it names, or null when it is about all of them. */
  readonly actions: readonly string[] | null;
  /** Null where it counts at all times. */
  readonly season: Season | null;
  /** Whether a permit on `Approve` also lets vote whom nobody saw to be there. */
  readonly unattended: boolean;
  readonly text: string;
  readonly json: PolicyJson;
}

/** @param problems collects what is wrong, each with file, line and policy. */
export function readSource(cedar: Cedar, source: PolicySource, problems: string[]): Policy[] {
  const where = display(source.name);
  if (!source.text.isWellFormed()) {
    problems.push(`${where}: not valid Unicode`);
    return [];
  }
  const tooMuch = excess(source.text);
  if (tooMuch !== null) {
    problems.push(`${where}:${tooMuch.line}: ${tooMuch.problem}`);
    return [];
  }
  const parts = guarded(() => cedar.policySetTextToParts(source.text));
  if (parts.type === 'failure') {
    for (const error of parts.errors) problems.push(`${where}:${lineOf(source.text, error)}: ${words(error)}`);
    return [];
  }
  for (const template of parts.policy_templates) {
    problems.push(
      `${where}:${lineAt(source.text, source.text.indexOf(template))}: templates (?principal, ?resource) are not supported`,
    );
  }
  let cursor = 0;
  return inFileOrder(parts.policies).map((text, position) => {
    const start = Math.max(source.text.indexOf(text, cursor), 0);
    cursor = start + text.length;
    return readPolicy(
      cedar,
      { text, source: source.name, line: lineAt(source.text, start), position: position + 1 },
      problems,
    );
  });
}

/** The engine numbers policies as they come and returns them sorted by `policy0`, `policy1`, `policy10`, `policy2`… */
function inFileOrder(sorted: readonly string[]): string[] {
  const numbers = [...sorted.keys()].toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
  const texts: string[] = [];
  for (const [index, number] of numbers.entries()) texts[number] = sorted[index] ?? '';
  return texts;
}

interface Excerpt {
  readonly text: string;
  readonly source: string;
  readonly line: number;
  readonly position: number;
}

function readPolicy(cedar: Cedar, { text, source, line, position }: Excerpt, problems: string[]): Policy {
  const parsed = guarded(() => cedar.policyToJson(text));
  const json = parsed.type === 'success' ? parsed.json : NOTHING;
  const annotations = json.annotations ?? {};
  const found: string[] = parsed.type === 'success' ? [] : parsed.errors.map(words);
  const report = (problem: string): void => void found.push(problem);
  const labels = readLabels(annotations, report);
  const actions = actionsOf(json);
  const kind = kindOf(json, actions, report);
  const terms = kind === null ? null : readTerms(kind, annotations, report);
  found.push(...json.conditions.flatMap(({ body }) => impossibleComparisons(body)));
  const policy: Policy = {
    id: labels.id ?? `${source}#${position}`,
    source,
    line,
    effect: json.effect,
    description: labels.description,
    terms,
    emergency: kind === null ? null : readEmergencyTerms(kind, json, report),
    actions,
    season: readSeason(json.effect, annotations, report),
    unattended: readUnattended(json.effect, actions, annotations, report),
    text,
    json,
  };
  problems.push(...found.map((problem) => `${place(policy)}: ${problem}`));
  return policy;
}

/** What a text that does not parse stands for while problems are collected: it never leaves the loader. */
const NOTHING: PolicyJson = {
  effect: 'forbid',
  principal: { op: 'All' },
  action: { op: 'All' },
  resource: { op: 'All' },
  conditions: [],
};

/** The ids of the actions that the scope names, or null when it names none. */
function actionsOf({ action }: PolicyJson): string[] | null {
  if (action.op === 'All') return null;
  const entities = member(action, 'entities') ?? [member(action, 'entity')];
  return Array.isArray(entities) ? entities.map((entity: unknown) => String(member(entity, 'id'))) : null;
}

function kindOf(
  json: PolicyJson,
  actions: readonly string[] | null,
  report: (problem: string) => void,
): PolicyKind | null {
  if (json.effect === 'forbid') return 'forbid';
  const [action, ...more] = actions ?? [];
  if (action === undefined || more.length > 0) {
    // One permit, one action: otherwise a tier meant for requests would also let people approve.
    report('a permit names exactly one action, such as action == Jit::Action::"Request"');
    return null;
  }
  if (action === 'Request') return 'permit-request';
  return action === 'BreakGlass' ? 'permit-break-glass' : 'permit-other';
}

type Failure = { readonly type: 'failure'; readonly errors: DetailedError[] };

/** The engine may trap on absurd input, such as a hundred thousand brackets: that is a refusal like any other. */
export function guarded<T>(call: () => T): T | Failure {
  try {
    return call();
  } catch {
    const message = 'the parser gave up';
    return { type: 'failure', errors: [{ message, help: null, code: null, url: null, severity: null }] };
  }
}

/** Where a policy is, for messages. */
export function place(policy: Policy): string {
  return `${display(policy.source)}:${policy.line} policy ${display(policy.id)}`;
}

/** One line of what the engine says. */
export function words(error: DetailedError): string {
  const labels = (error.sourceLocations ?? []).flatMap(({ label }) => label ?? []);
  const message = error.message.replace(/^for policy `[^`]*`, /, '');
  return display([message, ...labels, ...(error.help === null ? [] : [error.help])].join('; '), 400);
}

/** Offsets from the engine count bytes of UTF-8. */
function lineOf(text: string, error: DetailedError): number {
  const [location] = error.sourceLocations ?? [];
  return Buffer.from(text)
    .subarray(0, location?.start ?? 0)
    .toString()
    .split('\n').length;
}

function lineAt(text: string, index: number): number {
  return text.slice(0, Math.max(index, 0)).split('\n').length;
}
