/**
 * The broker's configuration file.
 * @module
 */
import { isIP, isIPv4 } from 'node:net';
import * as z from 'zod';
import { JitError } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';
import { RISKS } from '../../policy/question.ts';
import { type ApprovalsConfig, approvalsSchema } from './approvals.ts';
import {
  demandOwnIssuers,
  type IdentityConfig,
  identitySchema,
  sessionsSchema,
  type SessionsConfig,
} from './identity.ts';
import {
  demandOwnHooks,
  type EmergenciesConfig,
  emergenciesSchema,
  INCIDENT_FIELDS,
  incidentSchema,
  type IncidentsConfig,
} from './incidents.ts';
import { NOTIFY_FIELDS, type NotifyConfig, notifySchema } from './notify.ts';
import { parseYaml, type Yaml } from '../../local/yaml.ts';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const PERMISSION = /^[A-Za-z0-9][A-Za-z0-9:/._$-]{0,199}$/;
const LINE = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,200}$/u;

const name = z.string().regex(NAME, 'a name is lower-case letters, digits and -, at most 63, starting with a letter');
const line = z.string().regex(LINE, 'one line of at most 200 characters');
const pathOf = (what: string): z.ZodString => z.string().regex(/^[^\0]{1,1024}$/, what);
const named = <T extends z.ZodType>(value: T) => z.record(name, value).default({});

const parameter = z
  .strictObject({
    description: line,
    values: z.array(z.string()).min(1).max(200).optional(),
    pattern: z.string().max(200).optional(),
  })
  .refine(({ values, pattern }) => (values === undefined) !== (pattern === undefined), 'give either values or pattern');

const operation = z
  .strictObject({
    description: line,
    actions: z
      .array(
        z
          .string()
          .regex(PERMISSION, "one of the provider's own permissions, without wildcards")
          .refine(isRawPermission, "one of the provider's own permissions, such as s3:GetObject"),
      )
      .min(1)
      .max(100),
    resources: z.array(z.string().min(1).max(2_048)).min(1).max(50),
    parameters: named(parameter),
    target: name.optional(),
    targets: z.array(name).min(1).max(20).optional(),
    risk: z.enum(RISKS).default('medium'),
    also: z.array(name).max(9).default([]),
  })
  .refine(({ target, targets }) => target === undefined || targets === undefined, 'give either target or targets');

const listen = z
  .strictObject({
    host: z.string(),
    port: z.int().min(1).max(65_535),
    tls: z
      .strictObject({ cert: pathOf('the path of a PEM file'), key: pathOf('the path of a PEM file') })
      .nullable()
      .default(null),
  })
  .refine(({ host, tls }) => tls === null || host === 'localhost' || isIP(host) !== 0, {
    path: ['host'],
    message: 'an IP address, or localhost',
  })
  .refine(({ host, tls }) => tls !== null || isLoopback(host), {
    path: ['host'],
    message: 'only a loopback address: without TLS nothing else is safe, give listen.tls or put a TLS proxy in front',
  });

const config = z.strictObject({
  targets: named(z.looseObject({ provider: name, environment: line, tags: z.array(name).max(50).default([]) })),
  operations: named(operation),
  policies: pathOf('the path of a folder').nullable().default(null),
  listen: listen.nullable().default(null),
  sessions: sessionsSchema,
  approvals: approvalsSchema,
  identity: named(identitySchema).superRefine(demandOwnIssuers),
  notify: named(notifySchema),
  incidents: named(incidentSchema),
  emergencies: emergenciesSchema,
  issuer: z
    .string()
    .refine(isIssuer, 'an https URL without user, query, fragment or final slash')
    .nullable()
    .default(null),
});

export type ParameterConfig = Readonly<z.infer<typeof parameter>>;
export type OperationConfig = Readonly<z.infer<typeof operation>>;

export interface TargetConfig {
  readonly provider: string;
  readonly environment: string;
  /** Words for policy, each once. */
  readonly tags: readonly string[];
  /** Everything else that was written about the target, for its provider to judge. */
  readonly config: unknown;
}

export interface BrokerConfig {
  readonly targets: ReadonlyMap<string, TargetConfig>;
  readonly operations: ReadonlyMap<string, OperationConfig>;
  /** A folder of `.cedar` files, relative to the configuration file, or null. */
  readonly policies: string | null;
  /** Where a shared broker listens. Without `tls`, whose files are relative to the configuration file, only on loopback. */
  readonly listen: Readonly<z.infer<typeof listen>> | null;
  /** Exact `iss` of the broker's own tokens, the address at which it is reached, and the audience of proofs of identity. */
  readonly issuer: string | null;
  readonly sessions: SessionsConfig;
  readonly approvals: ApprovalsConfig;
  /** Who is told of what, by name. */
  readonly notify: ReadonlyMap<string, NotifyConfig>;
  /** Where incidents come from, by name. */
  readonly incidents: IncidentsConfig;
  readonly emergencies: EmergenciesConfig;
  /** Who vouches for those who sign in, by name. */
  readonly identity: ReadonlyMap<string, IdentityConfig>;
}

/** Whether an operation is a provider's own permission rather than a name from the catalogue: no name holds these. */
export function isRawPermission(text: string): boolean {
  return /[:/.]/.test(text);
}

/**
 * An empty text is a configuration with nothing in it.
 * @param file how messages call it. Throws `ERR_CONFIG`, listing for every problem line and field.
 */
export function parseBrokerConfig(text: string, file: string): BrokerConfig {
  const yaml = parseYaml(text, file);
  const parsed = config.superRefine(demandOwnHooks).safeParse(yaml.value ?? {}, { reportInput: false });
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) => describe(issue, yaml, file));
    throw new JitError({ code: 'ERR_CONFIG', message: problems.join('\n  ') });
  }
  const { targets, operations, identity, notify, incidents, ...rest } = parsed.data;
  return {
    ...rest,
    targets: new Map(
      Object.entries(targets).map(([key, { tags, ...target }]) => [
        key,
        { provider: target.provider, environment: target.environment, tags: [...new Set(tags)], config: target },
      ]),
    ),
    operations: new Map(Object.entries(operations)),
    identity: new Map(Object.entries(identity)),
    notify: new Map(Object.entries(notify)),
    incidents: new Map(Object.entries(incidents)),
  };
}

const FIELDS = [
  'targets',
  'operations',
  'policies',
  'listen',
  'host',
  'port',
  'tls',
  'cert',
  'issuer',
  'sessions',
  'approvals',
  'wait',
  'takeUp',
  'confirm',
  'identity',
  ...NOTIFY_FIELDS,
  ...INCIDENT_FIELDS,
  'target',
  'resources',
  'actions',
  'risk',
  'tags',
  'values',
];

function describe(issue: z.core.$ZodIssue, yaml: Yaml, file: string): string[] {
  const field = (path: readonly PropertyKey[]): string => (path.length === 0 ? '' : ` ${path.map(String).join('.')}:`);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const hint = didYouMean(key, FIELDS);
      const unknown = `unknown field ${JSON.stringify(key)}${hint === undefined ? '' : `, ${hint}`}`;
      return `${file}:${yaml.lineOf(issue.path, key)}:${field(issue.path)} ${unknown}`;
    });
  }
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  const text = message.slice(0, 1).toLowerCase() + message.slice(1);
  return [`${file}:${yaml.lineOf(issue.path)}:${field(issue.path)} ${text}`];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function isIssuer(text: string): boolean {
  if (!/^https:\/\/[\x21-\x7e]{1,500}$/.test(text) || /[?#@|\\]|\/$/.test(text) || !URL.canParse(text)) return false;
  const { href, pathname } = new URL(text);
  // Compared byte for byte by the clouds, so only the form that every parser leaves alone will do.
  return href === (pathname === '/' ? `${text}/` : text);
}
