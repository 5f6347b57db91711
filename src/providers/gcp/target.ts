/**
 * A configured Google Cloud project: how it is reached, what may be granted on it, and to whom.
 * @module
 */
import { z } from 'zod';
import type { Target, TokenSigner } from '../../core/ports.ts';
import { firstProblem, safeUrl, targetFault } from '../../core/target-config.ts';
import { readMember, readTemplate } from './members.ts';
import type { MemberRule } from './members.ts';
import { EMAIL_OF_ACCOUNT, isBasicRole, isRoleName, projectOfRole } from './role-names.ts';

/** How the broker proves who it is: what its own environment offers, or a token of its own issuer. */
export type Login =
  | { readonly kind: 'ambient' }
  | {
      readonly kind: 'federation';
      /** Full resource name of the workload identity pool provider. */
      readonly audience: string;
      /** The service account to act as, or null for the federated identity itself. */
      readonly impersonate: string | null;
    };

/** Everything that it takes to reach the project. Part of every handle, so that revocation outlives the configuration. */
export interface Reach {
  readonly project: string;
  /** Without a final slash; null for Google itself. */
  readonly endpoint: string | null;
  readonly login: Login;
}

/** `binding`: the requester's own identity gets a role for a time. `storage`: a narrowed token of a service account is handed out.
 * `pam`: a token of a service account is, for which Privileged Access Manager opens an entitlement for a time. */
export type Access =
  | { readonly kind: 'binding'; readonly members: readonly MemberRule[] }
  | { readonly kind: 'storage'; readonly account: string; readonly tokenSeconds: number }
  | {
      readonly kind: 'pam';
      readonly account: string;
      readonly tokenSeconds: number;
      /** Such as `projects/P/locations/global/entitlements/E`. */
      readonly entitlement: string;
    };

export interface GcpTarget extends Target {
  readonly provider: 'gcp';
  readonly reach: Reach;
  readonly access: Access;
  /** What may be granted, in the order of the configuration. */
  readonly roles: readonly string[];
  /** Some services spell their resources with the project's number. */
  readonly projectNumber: string | null;
}

/** Seconds. A token that nobody can revoke should not live longer than it takes to fetch another. */
const TOKEN_SECONDS = 600;
/** Whoever keeps a token fresh does so when a minute of it is left. */
const SHORTEST_TOKEN = 300;
/** IAM Service Account Credentials API, generateAccessToken: "less than or equal to 3600 (1 hour)". */
const LONGEST_TOKEN = 3_600;

const EMAIL = z.string().regex(EMAIL_OF_ACCOUNT, 'the e-mail address of a service account');
const AUDIENCE =
  /^\/\/iam\.googleapis\.com\/projects\/\d+\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32}\/providers\/[a-z0-9-]{4,32}$/;

/** Privileged Access Manager API v1, CreateEntitlementRequest: "4-63 characters", "[a-z]", "[0-9]", and "-", the first of [a-z]. */
const ENTITLEMENT =
  /^projects\/(?:[a-z][a-z0-9-]{4,28}[a-z0-9]|[1-9]\d{3,19})\/locations\/global\/entitlements\/[a-z][a-z0-9-]{3,62}$/;

const CONFIG = z.strictObject({
  provider: z.literal('gcp'),
  // Resource Manager API v3, Project.projectId: "6 to 30 lowercase ASCII letters, digits, or hyphens".
  project: z.string().regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, 'the id of a project, such as acme-web-prod'),
  project_number: z
    .string()
    .regex(/^[1-9]\d{3,19}$/, 'the number of the project, in quotes')
    .optional(),
  access: z.enum(['binding', 'storage', 'pam'], 'binding, storage or pam').default('binding'),
  environment: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a lower-case word such as prod'),
  credentials: z.enum(['federation', 'ambient'], 'federation or ambient'),
  audience: z
    .string()
    .regex(
      AUDIENCE,
      'write it like //iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/POOL/providers/PROVIDER',
    )
    .optional(),
  impersonate: EMAIL.optional(),
  roles: z
    .array(z.string().refine(isRoleName, 'write roles like roles/storage.objectViewer or projects/P/roles/R'))
    .min(1, 'at least one')
    .max(100, 'at most 100'),
  people: z.record(z.string(), z.string()).optional(),
  members: z.array(z.strictObject({ issuer: z.string().min(1), member: z.string() })).optional(),
  service_account: EMAIL.optional(),
  entitlement: z
    .string()
    .regex(ENTITLEMENT, 'write it like projects/PROJECT/locations/global/entitlements/ENTITLEMENT')
    .optional(),
  token_seconds: z
    .int()
    .min(SHORTEST_TOKEN, `at least ${SHORTEST_TOKEN}`)
    .max(LONGEST_TOKEN, `at most ${LONGEST_TOKEN}`)
    .optional(),
  endpoint: z.string().transform(readEndpoint).optional(),
});
type Config = z.infer<typeof CONFIG>;

/** Throws `ERR_CONFIG` naming the target and the field that is wrong. */
export function parseGcpTarget(name: string, config: unknown, signer: TokenSigner | null): GcpTarget {
  const parsed = CONFIG.safeParse(config);
  if (!parsed.success) throw targetFault(name, firstProblem(parsed.error));
  const settings = parsed.data;
  const { project, environment, endpoint = null, project_number: projectNumber = null } = settings;
  const problem = roleProblem(settings);
  if (problem !== null) throw targetFault(name, problem);
  return {
    name,
    provider: 'gcp',
    environment,
    sandbox: false,
    tool: { kind: 'gcp', identity: settings.access === 'binding' ? 'own' : 'issued', project, endpoint },
    reach: { project, endpoint, login: loginOf(name, settings, signer) },
    access: accessOf(name, settings),
    roles: settings.roles,
    projectNumber,
  };
}

function loginOf(name: string, settings: Config, signer: TokenSigner | null): Login {
  const { credentials, audience, impersonate = null, endpoint = null } = settings;
  if (credentials === 'ambient') {
    if (audience !== undefined) throw targetFault(name, 'audience: belongs to credentials: federation');
    if (impersonate !== null) throw targetFault(name, 'impersonate: belongs to credentials: federation');
    return { kind: 'ambient' };
  }
  if (audience === undefined) throw targetFault(name, 'audience: needed with credentials: federation');
  if (signer === null)
    throw targetFault(name, 'credentials: federation needs the issuer of the broker, which is not configured');
  if (endpoint === null && !signer.issuer.startsWith('https://')) {
    throw targetFault(name, 'credentials: federation needs an issuer that Google can reach by https');
  }
  return { kind: 'federation', audience, impersonate };
}

function accessOf(name: string, settings: Config): Access {
  if (settings.access !== 'pam' && settings.entitlement !== undefined)
    throw targetFault(name, 'entitlement: belongs to access: pam');
  if (settings.access === 'binding') return bindingOf(name, settings);
  const { account, tokenSeconds } = accountOf(name, settings);
  if (settings.access === 'storage') return { kind: 'storage', account, tokenSeconds };
  const { entitlement, project, project_number: number } = settings;
  if (entitlement === undefined) throw targetFault(name, 'entitlement: needed with access: pam');
  const home = entitlement.split('/')[1];
  if (home !== project && home !== number) throw targetFault(name, 'entitlement: of another project');
  return { kind: 'pam', account, tokenSeconds, entitlement };
}

function bindingOf(name: string, settings: Config): Access {
  if (settings.service_account !== undefined)
    throw targetFault(name, 'service_account: belongs to access: storage or pam');
  if (settings.token_seconds !== undefined) throw targetFault(name, 'token_seconds: belongs to access: storage or pam');
  const exact = Object.entries(settings.people ?? {}).map(([key, member]) => readMember(key, member));
  const templates = (settings.members ?? []).map(({ issuer, member }) => readTemplate(issuer, member));
  const rules = [...exact, ...templates];
  for (const rule of rules) if (typeof rule === 'string') throw targetFault(name, rule);
  const members = rules.filter((rule) => typeof rule !== 'string');
  if (members.length === 0) throw targetFault(name, 'people: who is known at Google as whom; or members, by issuer');
  return { kind: 'binding', members };
}

function accountOf(name: string, settings: Config): { readonly account: string; readonly tokenSeconds: number } {
  const { service_account: account, token_seconds: tokenSeconds = TOKEN_SECONDS } = settings;
  if (settings.people !== undefined) throw targetFault(name, 'people: belongs to access: binding');
  if (settings.members !== undefined) throw targetFault(name, 'members: belongs to access: binding');
  if (account === undefined) throw targetFault(name, `service_account: needed with access: ${settings.access}`);
  return { account, tokenSeconds };
}

function roleProblem({ roles, project }: Config): string | null {
  for (const [index, role] of roles.entries()) {
    // IAM, "Overview of IAM Conditions": conditions cannot be used with owner, editor and viewer.
    if (isBasicRole(role)) return `roles.${index}: ${role} takes no condition, so it could not end by itself`;
    const home = projectOfRole(role);
    if (home !== null && home !== project) return `roles.${index}: a custom role of another project`;
    if (roles.indexOf(role) !== index) return `roles.${index}: listed twice`;
  }
  return null;
}

/** Tokens cross this address, so it is https, or does not leave the machine. */
function readEndpoint(text: string, context: z.RefinementCtx): string {
  const url = safeUrl(text);
  if (url?.pathname === '/') return url.origin;
  context.addIssue({ code: 'custom', message: 'an https URL without a path, or http on loopback' });
  return z.NEVER;
}
