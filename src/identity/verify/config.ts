/**
 * One identity provider in the broker's configuration: who vouches, with which keys, and for whom it is believed.
 * @module
 */
import { isAbsolute } from 'node:path';
import * as z from 'zod';
import type { ProviderView } from '../../wire/sessions.ts';
import { type Reach, urlProblem } from '../../outbound/address.ts';
import { ALGORITHMS, SPIFFE_ALGORITHMS } from './algorithms.ts';
import { isPlain, LONGEST_GROUP } from './claims.ts';
import { isPathPattern, isTrustDomain } from './spiffe-id.ts';

const GUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const KUBERNETES_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

const line = z.string().refine((text) => isPlain(text, 256), 'one line of at most 256 characters');
const scalar = z.union([line, z.number(), z.boolean()], 'a text, a number, true or false');
const group = z.string().refine((text) => isPlain(text, LONGEST_GROUP), 'the name of a group');
const id = z
  .union(
    [z.int().positive(), z.string().regex(/^[1-9]\d{0,30}$/, 'an id, which is a whole number')],
    'an id, which is a whole number',
  )
  .transform(String);
const guid = z.string().toLowerCase().regex(GUID, 'a GUID');
/** One value may stand for the list of it. */
const some = <T extends z.ZodType>(value: T, what: string) =>
  z.union([value.transform((one) => [one]), z.array(value).min(1).max(1_000)], `${what}, or a list of them`);

const ids = some(id, 'an id, which is a whole number');
const lines = some(line, 'one line of text');

/** The form that everything compares: no `|`, which separates it from the subject elsewhere, and not the name of the embedded broker's own. */
const issuer = z
  .string()
  .regex(/^[\x21-\x7b\x7d-\x7e]{1,500}$/, 'an issuer exactly as in its tokens, without spaces and |')
  .refine((text) => text !== 'os', 'an issuer, and os is taken');

const place = z.union(
  [
    z.literal('discovery'),
    z.strictObject({ url: z.string() }),
    z.strictObject({ file: z.string().refine(isAbsolute, 'an absolute path') }),
  ],
  'discovery, or url or file with its value',
);

const algorithms = z.array(z.enum(ALGORITHMS)).min(1).default(['RS256', 'ES256']);
const common = {
  keys: place.default('discovery'),
  algorithms,
  /** Lets keys be fetched from private networks and from this host, the latter without TLS too. */
  allow_private_addresses: z.boolean().default(false),
  /** Claims that a token must have, each with its value or one of several. */
  require: z.record(line, some(scalar, 'a text, a number, true or false')).default({}),
};
const workload = {
  ...common,
  kind: z.enum(['workload', 'agent']).default('workload'),
  /** Given by the operator to whoever matches. */
  groups: z.array(group).max(100).default([]),
};

const oidc = z.strictObject({
  ...common,
  type: z.literal('oidc'),
  issuer,
  client_id: line,
  scopes: z
    .array(line)
    .default(['openid', 'profile', 'offline_access'])
    .refine((scopes) => scopes.includes('openid'), 'scopes with openid among them'),
  device: z.boolean().default(false),
  /** Whether the approvers' pages offer it. The redirect URI to register is `<issuer of the broker>/web/callback`. */
  web: z.boolean().default(true),
  /** Where the provider demands a secret of the pages, as of a web application: its file, which only the broker's user can read. */
  client_secret_file: z.string().refine(isAbsolute, 'an absolute path').optional(),
  claims: z
    .strictObject({
      groups: line.default('groups'),
      name: line.default('name'),
      /** Names the person behind several accounts, such as `email` or an employee number: nobody approves as two people. */
      person: line.optional(),
    })
    .prefault({}),
});

const jwt = z.strictObject({
  ...workload,
  type: z.literal('jwt'),
  issuer,
  /** Without one everybody for whom the issuer makes a token would be let in. */
  require: common.require.refine((claims) => Object.keys(claims).length > 0, 'at least one claim, such as sub'),
  claims: z.strictObject({ groups: line.optional(), name: line.optional() }).prefault({}),
});

const github = z.strictObject({
  ...workload,
  type: z.literal('github'),
  issuer: issuer.default('https://token.actions.githubusercontent.com'),
  repository_ids: ids,
  repository_owner_ids: ids,
  environment: lines.optional(),
  ref: lines.optional(),
  job_workflow_ref: lines.optional(),
  event_name: lines.optional(),
});

const gitlab = z
  .strictObject({
    ...workload,
    type: z.literal('gitlab'),
    issuer: issuer.default('https://gitlab.com'),
    project_ids: ids.optional(),
    namespace_ids: ids.optional(),
    ref: lines.optional(),
    ref_protected: z.boolean().optional(),
    environment: lines.optional(),
    environment_protected: z.boolean().optional(),
  })
  .refine((each) => each.project_ids ?? each.namespace_ids, 'project_ids, namespace_ids or both are needed');

const namespace = z.string().regex(KUBERNETES_NAME, 'a namespace');
const serviceAccount = z.string().refine((text) => {
  const parts = text.split('/');
  return parts.length === 2 && parts.every((part) => KUBERNETES_NAME.test(part));
}, 'a service account, as namespace/name');
const kubernetes = z
  .strictObject({
    ...workload,
    type: z.literal('kubernetes'),
    issuer,
    /** All service accounts of these. */
    namespaces: some(namespace, 'a namespace').optional(),
    service_accounts: some(serviceAccount, 'a service account, as namespace/name').optional(),
  })
  .refine((each) => each.namespaces ?? each.service_accounts, 'namespaces, service_accounts or both are needed');

const PATH = 'a path such as /ns/prod/sa/web, or /ns/prod/* for all below it';
const spiffe = z.strictObject({
  ...workload,
  type: z.literal('spiffe'),
  trust_domain: z.string().refine(isTrustDomain, 'a trust domain, such as example.org'),
  paths: some(z.string().refine(isPathPattern, PATH), PATH),
  /** Where given, the `iss` that tokens must have; SPIFFE itself does not ask for one. */
  issuer: issuer.optional(),
  /** The trust domain's bundle. */
  keys: place.refine((keys) => keys !== 'discovery', 'url or file of the bundle of the trust domain'),
  algorithms: z
    .array(z.enum(SPIFFE_ALGORITHMS))
    .min(1)
    .default([...SPIFFE_ALGORITHMS]),
});

const azure = z.strictObject({
  ...workload,
  type: z.literal('azure'),
  /** `https://sts.windows.net/TENANT/` for tokens of version 1.0, `https://login.microsoftonline.com/TENANT/v2.0` for 2.0. */
  issuer,
  tenant_id: guid,
  /** Of managed identities or other service principals. */
  object_ids: some(guid, 'a GUID'),
  /** The application that stands for this broker: in tokens of version 2.0 it is the audience, in place of the broker's URL. */
  application_id: guid.optional(),
});

const google = z
  .strictObject({
    ...workload,
    type: z.literal('google'),
    issuer: issuer.default('https://accounts.google.com'),
    /** `sub`: it stays with one account, while the address of a deleted account can be given away again. */
    service_account_ids: ids.optional(),
    service_account_emails: lines.optional(),
  })
  .refine((each) => each.service_account_ids ?? each.service_account_emails, {
    error: 'service_account_ids, service_account_emails or both are needed',
  });

/** Strict: what is not known is refused. `aws` has a schema of its own in src/identity/aws. */
export const identityProviderSchema = z
  .discriminatedUnion('type', [oidc, jwt, github, gitlab, kubernetes, spiffe, azure, google])
  .superRefine((entry, context) => {
    const reach = reachOf(entry);
    const { keys } = entry;
    if (keys === 'discovery') {
      const problem = urlProblem(entry.issuer ?? '', reach) ?? (/\?/.test(entry.issuer ?? '') ? 'a URL' : null);
      const message = `${problem ?? ''}, or keys from a url or file`;
      if (problem !== null) context.addIssue({ code: 'custom', path: ['issuer'], message });
    } else if ('url' in keys) {
      const problem = urlProblem(keys.url, reach);
      if (problem !== null) context.addIssue({ code: 'custom', path: ['keys', 'url'], message: problem });
    }
  });

export type ProviderConfig = z.infer<typeof identityProviderSchema>;
export type OidcConfig = Extract<ProviderConfig, { readonly type: 'oidc' }>;
export type WorkloadConfig = Exclude<ProviderConfig, OidcConfig>;

export function reachOf({ allow_private_addresses: allowed }: Pick<ProviderConfig, 'allow_private_addresses'>): Reach {
  return allowed ? 'private' : 'public';
}

/** The issuer of the identities that an entry vouches for: as configured, or the trust domain itself. */
export function issuerOf(config: ProviderConfig): string {
  return config.type === 'spiffe' ? `spiffe://${config.trust_domain}` : config.issuer;
}

/** What `GET /v1/sign-in` says about an entry. */
export function providerView(name: string, config: ProviderConfig): ProviderView {
  const { type } = config;
  const client = type === 'oidc' ? { id: config.client_id, scopes: [...config.scopes], device: config.device } : null;
  return { name, type, issuer: issuerOf(config), client };
}
