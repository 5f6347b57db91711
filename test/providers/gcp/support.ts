/**
 * What the tests of the Google Cloud provider share: a project with people, roles and objects, targets in it, and orders.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Credential } from '../../../src/core/credential.ts';
import { grantId } from '../../../src/core/ids.ts';
import type { Issued, Mark, Order, Provider, TokenSigner } from '../../../src/core/ports.ts';
import type { Permission } from '../../../src/core/request.ts';
import { Secret } from '../../../src/core/secret.ts';
import { gcpProvider } from '../../../src/providers/gcp/provider.ts';
import type { GcpDeps, GcpTarget } from '../../../src/providers/gcp/provider.ts';
import { startGcp } from '../../fakes/gcp/gcp.ts';
import type { FakeGcp } from '../../fakes/gcp/gcp.ts';

export const PROJECT = 'acme-web-prod';
export const OTHER = 'acme-web-test';
export const BROKER = 'serviceAccount:jit@acme-ops.iam.gserviceaccount.com';
export const READER = 'jit-reader@acme-ops.iam.gserviceaccount.com';
/** Exists for one entitlement, and may do nothing of its own. */
export const OPENER = 'jit-opener@acme-ops.iam.gserviceaccount.com';
export const SECOND_OPENER = 'jit-second@acme-ops.iam.gserviceaccount.com';
export const PAM_ROLES = ['roles/storage.objectViewer', 'roles/logging.viewer'];
export const ENTITLEMENT = `projects/${PROJECT}/locations/global/entitlements/on-call`;
export const SECOND_ENTITLEMENT = `projects/${PROJECT}/locations/global/entitlements/second`;
export const ANN = 'user:ann@example.com';
export const OWNER = '0123456789abcdef';
export const IDP = 'https://idp.example';
export const ADMIN_ROLE = 'roles/resourcemanager.projectIamAdmin';
export const CLOCK_START = Date.parse('2026-11-22T12:00:00Z');

export const PAM_ROLE = 'roles/privilegedaccessmanager.admin';

export const ROLES: Readonly<Record<string, readonly string[]>> = {
  [ADMIN_ROLE]: ['resourcemanager.projects.getIamPolicy', 'resourcemanager.projects.setIamPolicy'],
  [PAM_ROLE]: ['entitlements.get', 'grants.get', 'grants.list', 'grants.revoke'].map(
    (name) => `privilegedaccessmanager.${name}`,
  ),
  'roles/storage.objectViewer': ['resourcemanager.projects.get', 'storage.objects.get', 'storage.objects.list'],
  'roles/storage.legacyObjectReader': ['storage.objects.get'],
  'roles/storage.objectAdmin': [
    'storage.objects.create',
    'storage.objects.delete',
    'storage.objects.get',
    'storage.objects.list',
    'storage.objects.setIamPolicy',
    'storage.objects.update',
  ],
  'roles/secretmanager.secretAccessor': ['resourcemanager.projects.get', 'secretmanager.versions.access'],
  'roles/compute.viewer': ['compute.instances.get', 'compute.instances.list', 'compute.projects.get'],
  'roles/logging.viewer': ['logging.logEntries.list', 'logging.logs.list'],
  'roles/iam.serviceAccountTokenCreator': ['iam.serviceAccounts.getAccessToken', 'iam.serviceAccounts.signJwt'],
  'projects/acme-web-prod/roles/deployer': ['run.services.get', 'run.services.update', 'iam.serviceAccounts.actAs'],
  'roles/owner': [
    'storage.objects.get',
    'resourcemanager.projects.getIamPolicy',
    'resourcemanager.projects.setIamPolicy',
  ],
};

/** What stands in the policy before jit comes: other people's bindings, conditions and audit settings. */
export const FOREIGN = {
  auditConfigs: [
    { service: 'allServices', auditLogConfigs: [{ logType: 'ADMIN_READ', exemptedMembers: ['user:x@example.com'] }] },
  ],
  bindings: [
    { role: 'roles/owner', members: ['user:root@example.com'] },
    { role: ADMIN_ROLE, members: [BROKER] },
    { role: PAM_ROLE, members: [BROKER] },
    {
      role: 'roles/compute.viewer',
      members: ['user:zoe@example.com', 'group:ops@example.com'],
      condition: { title: 'until may', expression: "request.time < timestamp('2027-05-01T00:00:00Z')" },
    },
    { role: 'roles/storage.objectAdmin', members: [`serviceAccount:${READER}`] },
  ],
};

/** A clock that tests move. */
export interface TestClock {
  now: () => number;
  at: number;
}

export function testClock(): TestClock {
  const clock: TestClock = { at: CLOCK_START, now: () => clock.at };
  return clock;
}

export interface Place {
  readonly gcp: FakeGcp;
  readonly clock: TestClock;
  readonly provider: Provider<GcpTarget>;
  readonly target: GcpTarget;
  fresh(deps?: Partial<GcpDeps>): Provider<GcpTarget>;
  close(): Promise<void>;
}

/** A server with two projects, and a provider at the first. @param changes of the target's configuration. */
export async function openPlace(changes: object = {}): Promise<Place> {
  const clock = testClock();
  const gcp = await startGcp(clock.now);
  furnish(gcp);
  const fresh = (deps: Partial<GcpDeps> = {}): Provider<GcpTarget> =>
    gcpProvider({
      now: clock.now,
      random: (bytes) => randomBytes(bytes),
      signer: null,
      owner: OWNER,
      ambient: brokerToken(gcp),
      pause: async () => await Promise.resolve(),
      ...deps,
    });
  const provider = fresh();
  const target = provider.parseTarget('web', config({ endpoint: gcp.url, ...changes }));
  return { gcp, clock, provider, target, fresh, close: gcp.close };
}

export function furnish({ world, pam }: FakeGcp): void {
  for (const [role, permissions] of Object.entries(ROLES)) world.roles.set(role, permissions);
  for (const project of [PROJECT, OTHER]) world.makeProject(project, FOREIGN);
  for (const account of [READER, OPENER, SECOND_OPENER]) world.creators.set(account, new Set([BROKER]));
  const given = { roles: PAM_ROLES.map((role) => ({ role })), longestSeconds: 14_400, approval: 'not needed' } as const;
  const opener = new Set([`serviceAccount:${OPENER}`, ANN]);
  pam.entitlements.set(ENTITLEMENT, { ...given, project: PROJECT, requesters: opener });
  const second = new Set([`serviceAccount:${SECOND_OPENER}`]);
  pam.entitlements.set(SECOND_ENTITLEMENT, { ...given, project: PROJECT, requesters: second });
  const objects = new Set(['2026/q1.csv', '2026/q2.csv', 'secret/plan.txt']);
  world.buckets.set('acme-reports', { project: PROJECT, objects });
  world.buckets.set('acme-other', { project: PROJECT, objects });
}

/** Tokens as the broker's environment would give them. */
export function brokerToken({ world }: FakeGcp): () => Promise<Secret<string>> {
  return async () => await Promise.resolve(new Secret(world.tokenFor(BROKER, 3_600)));
}

export const SIGNER: TokenSigner = {
  issuer: 'https://jit.example.com',
  sign: async () => await Promise.resolve(new Secret('token-canary-7f3a')),
};

export function config(changes: object = {}): object {
  return {
    provider: 'gcp',
    project: PROJECT,
    project_number: '415104041262',
    environment: 'test',
    credentials: 'ambient',
    roles: [
      'roles/storage.legacyObjectReader',
      'roles/storage.objectViewer',
      'roles/secretmanager.secretAccessor',
      'roles/logging.viewer',
    ],
    people: { [`${IDP} u1`]: ANN },
    ...changes,
  };
}

export function storageConfig(changes: object = {}): object {
  return config({
    access: 'storage',
    people: undefined,
    service_account: READER,
    roles: ['roles/storage.legacyObjectReader', 'roles/storage.objectViewer', 'roles/storage.objectAdmin'],
    ...changes,
  });
}

export function pamConfig(changes: object = {}): object {
  return config({
    access: 'pam',
    people: undefined,
    service_account: OPENER,
    entitlement: ENTITLEMENT,
    roles: PAM_ROLES,
    ...changes,
  });
}

export const object = (name: string, bucket = 'acme-reports'): string =>
  `//storage.googleapis.com/projects/_/buckets/${bucket}/objects/${name}`;
export const bucketName = (bucket = 'acme-reports'): string => `//storage.googleapis.com/projects/_/buckets/${bucket}`;
export const projectResource = (project = PROJECT): string =>
  `//cloudresourcemanager.googleapis.com/projects/${project}`;

export function permissionOf(action: string, ...resources: string[]): Permission {
  return { target: 'web', operation: action, actions: [action], resources };
}

export const READ = permissionOf('storage.objects.get', object('2026/q1.csv'));

export function orderOf(clock: TestClock, parts: Partial<Order> = {}): Order {
  return {
    grant: grantId(randomBytes(16)),
    principal: { kind: 'user', issuer: IDP, subject: 'u1', name: 'root@example.com', groups: [] },
    permissions: [READ],
    endsAt: clock.now() + 1_800_000,
    ...parts,
  };
}

/** The leg as the store has it; without `issued` as it is before the outcome is known. */
export function markOf({ provider, target }: Place, order: Order, issued?: Issued): Mark {
  const { handle, notAfter } = provider.intend(target, order);
  return {
    grant: order.grant,
    target: target.name,
    handle,
    endsAt: issued === undefined ? null : order.endsAt,
    notAfter: issued?.notAfter ?? notAfter,
  };
}

export const never = (): AbortSignal => new AbortController().signal;
export const none = async (): Promise<readonly Mark[]> => await Promise.resolve([]);

/** Whether the API lets somebody read an object, or list what begins with a prefix. */
export async function canRead(gcp: FakeGcp, token: string, what: string, bucket = 'acme-reports'): Promise<boolean> {
  const path = what.startsWith('?') ? what : `/${encodeURIComponent(what)}`;
  const response = await fetch(`${gcp.url}/storage/v1/b/${bucket}/o${path}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  await response.arrayBuffer();
  if (response.status !== 200 && response.status !== 401 && response.status !== 403)
    assert.fail(`HTTP ${response.status}`);
  return response.status === 200;
}

/**
 * What a client sends: its own login where nothing was handed out. @param grant only what this grant lets through, where the
 * same person has others.
 */
export function tokenOf(gcp: FakeGcp, credential: Credential, grant: string | null = null): string {
  if (credential.kind === 'gcp') return credential.secret.expose().token;
  assert.equal(credential.kind, 'own');
  return gcp.world.tokenFor(ANN, 60, { title: grant === null ? null : `jit-${grant.slice(3)}` });
}
