/**
 * The file of cases as it is written, and the few fields of broker.yaml that say what there is to ask for.
 * @module
 */
import * as z from 'zod';
import { ACCESS_LEVELS, BREADTHS } from '../../core/access.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';
import { parseYaml, type Yaml } from '../../local/yaml.ts';
import { RISKS } from '../../policy/question.ts';
import { incidentSchema } from './incident.ts';

const text = z.string().min(1).max(2_048);
const texts = z.array(text).max(100);
const named = <T extends z.ZodType>(value: T) => z.record(text, value).default({});

const target = z.strictObject({
  provider: text.default('aws'),
  environment: text,
  tags: texts.default([]),
  sandbox: z.boolean().default(false),
});

const operation = z.strictObject({
  permissions: texts.min(1),
  access: z.enum(ACCESS_LEVELS).optional(),
  risk: z.enum(RISKS).default('medium'),
});

const person = z.strictObject({
  kind: z.enum(['user', 'workload', 'agent']).default('user'),
  issuer: text.default('https://idp.example.com'),
  subject: text.optional(),
  groups: texts.default([]),
  person_key: text.optional(),
  acts_for: text.optional(),
});

const quorum = z.array(z.strictObject({ approvers: z.int().min(1), group: text.optional() }));
const DECISIONS = ['auto', 'self-serve', 'manual', 'break-glass', 'denied'] as const;

const expected = z.strictObject({
  decision: z.enum(DECISIONS).optional(),
  policy: text.optional(),
  why: text.optional(),
  max: text.optional(),
  idle: text.optional(),
  renewals: z.int().min(0).optional(),
  quorum: quorum.optional(),
  // Break-glass alone.
  sealed: z.union([z.literal(false), z.strictObject({ approvers: z.int().min(2), group: text })]).optional(),
  warn: text.optional(),
  handover: z.enum(['ends', 'stays']).optional(),
  may_approve: texts.default([]),
  may_not_approve: texts.default([]),
  may_revoke: texts.default([]),
  may_not_revoke: texts.default([]),
});

const shared = {
  action: z.enum(['request', 'break-glass']).default('request'),
  incident: incidentSchema.optional(),
  who: text,
  operation: text,
  permissions: texts.min(1).optional(),
  resources: texts.min(1),
  target: text,
  access: z.enum(ACCESS_LEVELS).optional(),
  breadth: z.enum(BREADTHS).optional(),
  risk: z.enum(RISKS).optional(),
  for: text.default('15m'),
  ticket: z.boolean().default(false),
  reason: text.default('a reason of usual length, for a case'),
  at: text.optional(),
};

const file = z.strictObject({
  now: text.default('2026-01-07T12:00:00Z'),
  targets: named(target),
  operations: named(operation),
  people: named(person),
  cases: z
    .array(
      z.strictObject({
        name: text,
        ...shared,
        // One word is the decision alone.
        expect: z.preprocess((value) => (typeof value === 'string' ? { decision: value } : value), expected),
      }),
    )
    .default([]),
});

export type TargetText = Readonly<z.infer<typeof target>>;
export type OperationText = Readonly<z.infer<typeof operation>>;
export type PersonText = Readonly<z.infer<typeof person>>;
export type ExpectedText = Readonly<z.infer<typeof expected>>;
export type CasesText = Readonly<z.infer<typeof file>>;
export type CaseText = CasesText['cases'][number];

// Everything else in broker.yaml is the broker's business.
const configuration = z.looseObject({
  targets: named(
    z.looseObject({
      provider: text,
      environment: text,
      tags: texts.default([]),
      sandbox: z.boolean().default(false),
    }),
  ),
  operations: named(
    z.looseObject({
      actions: texts.min(1),
      risk: z.enum(RISKS).default('medium'),
      target: text.optional(),
      targets: texts.optional(),
    }),
  ),
});

/** What a broker's configuration offers. */
export interface Offered {
  readonly targets: ReadonlyMap<string, TargetText>;
  readonly operations: ReadonlyMap<string, OperationText>;
}

/** @param name what messages call the file. Throws `ERR_CONFIG`, listing for every problem line and field. */
export function parseCasesText(source: string, name: string): { readonly content: CasesText; readonly yaml: Yaml } {
  const yaml = parseYaml(source, name);
  const parsed = file.safeParse(yaml.value ?? {}, { reportInput: false });
  if (!parsed.success) throw refused(parsed.error, yaml, name);
  return { content: parsed.data, yaml };
}

/** @param name what messages call the file. Throws `ERR_CONFIG`. */
export function parseOffered(source: string, name: string): Offered {
  const yaml = parseYaml(source, name);
  const parsed = configuration.safeParse(yaml.value ?? {}, { reportInput: false });
  if (!parsed.success) throw refused(parsed.error, yaml, name);
  const { targets, operations } = parsed.data;
  return {
    targets: new Map(
      Object.entries(targets).map(([key, { provider, environment, tags, sandbox }]) => [
        key,
        { provider, environment, tags, sandbox },
      ]),
    ),
    operations: new Map(
      Object.entries(operations).map(([key, { actions, risk }]) => [key, { permissions: actions, risk }]),
    ),
  };
}

/** Problems of one file as one error: `file:line: field: what is wrong`. */
export function problemsError(problems: readonly string[]): JitError {
  return new JitError({ code: 'ERR_CONFIG', message: problems.join('\n  ') });
}

const FIELDS: readonly string[] = (
  'now targets operations people cases provider environment tags sandbox kind issuer subject action incident ' +
  'source open severity services responder commander on_call_tier reachable drill sealed warn handover ' +
  'groups person_key acts_for name who operation permissions resources target access breadth risk ' +
  'for ticket reason at expect decision policy why max idle renewals quorum approvers group ' +
  'may_approve may_not_approve may_revoke may_not_revoke '
)
  .trim()
  .split(' ');

function refused(error: z.ZodError, yaml: Yaml, name: string): JitError {
  return problemsError(error.issues.flatMap((issue) => describe(issue, yaml, name)));
}

function describe(issue: z.core.$ZodIssue, yaml: Yaml, name: string): string[] {
  const field = issue.path.length === 0 ? '' : ` ${display(issue.path.map(String).join('.'), 200)}:`;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const hint = didYouMean(key, FIELDS);
      const unknown = `unknown field ${display(key, 80)}${hint === undefined ? '' : `, ${hint}`}`;
      return `${name}:${yaml.lineOf(issue.path, key)}:${field} ${unknown}`;
    });
  }
  const message = issue.message.slice(0, 1).toLowerCase() + issue.message.slice(1);
  return [`${name}:${yaml.lineOf(issue.path)}:${field} ${display(message, 300)}`];
}
