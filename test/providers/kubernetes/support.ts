/**
 * What the tests of the Kubernetes provider share: a cluster set up as the README says, with things to act upon, whether it is
 * the one for tests or a real one.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { parseAllDocuments } from 'yaml';
import { grantId } from '../../../src/core/ids.ts';
import type { Issued, Mark, Order, Provider } from '../../../src/core/ports.ts';
import type { Permission } from '../../../src/core/request.ts';
import { Secret } from '../../../src/core/secret.ts';
import { kubernetesProvider } from '../../../src/providers/kubernetes/provider.ts';
import type { KubernetesTarget } from '../../../src/providers/kubernetes/provider.ts';
import { member, text } from '../../fakes/kubernetes/rbac.ts';

/** An API server, and how its administrator gets in. */
export interface TestCluster {
  readonly url: string;
  /** PEM, or null for http. */
  readonly authority: string | null;
  readonly admin: string;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** One call to an API server, with Node's own HTTP and nothing of jit. */
export async function call(
  { url, authority }: Pick<TestCluster, 'url' | 'authority'>,
  token: string,
  line: string,
  body?: unknown,
): Promise<Reply> {
  const [method = '', path = ''] = line.split(' ');
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const content = body === undefined ? '' : JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${token}`,
    accept: 'application/json',
    'content-type': type,
    // Said, since Node leaves it out of a DELETE.
    'content-length': Buffer.byteLength(content),
  };
  const at = new URL(`${url}${path}`);
  const sent =
    at.protocol === 'https:'
      ? secureRequest(at, { method, headers, ...(authority === null ? {} : { ca: authority }) })
      : plainRequest(at, { method, headers });
  sent.end(content);
  // `once` rejects where the request fails; the event brings the answer alone.
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const reply = await readAll(answer);
  const isJson = answer.headers['content-type']?.includes('json') === true;
  return { status: answer.statusCode ?? 0, body: isJson ? JSON.parse(reply) : reply };
}

export const README = new URL('../../../src/providers/kubernetes/README.md', import.meta.url);

/** The objects that the README tells operators to make. */
export function setupOfReadme(): readonly unknown[] {
  const [, yaml] = /```yaml\n(apiVersion:[^`]+)```/.exec(readFileSync(README, 'utf8')) ?? [];
  assert(yaml !== undefined, 'the README shows no set-up');
  return parseAllDocuments(yaml).map((document): unknown => document.toJS());
}

const COLLECTIONS: Readonly<Record<string, string>> = {
  ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  ConfigMap: '/api/v1/namespaces/NS/configmaps',
  Deployment: '/apis/apps/v1/namespaces/NS/deployments',
  Namespace: '/api/v1/namespaces',
  Node: '/api/v1/nodes',
  Pod: '/api/v1/namespaces/NS/pods',
  Role: '/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles',
  RoleBinding: '/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings',
  Secret: '/api/v1/namespaces/NS/secrets',
  ServiceAccount: '/api/v1/namespaces/NS/serviceaccounts',
};

/** Makes an object as the administrator; one that is there already is left. */
export async function make(cluster: TestCluster, object: unknown): Promise<void> {
  const namespace = text(member(object, 'metadata'), 'namespace');
  const path = COLLECTIONS[text(object, 'kind')]?.replace('NS', namespace) ?? assert.fail(text(object, 'kind'));
  const { status, body } = await call(cluster, cluster.admin, `POST ${path}`, object);
  assert([201, 409].includes(status), `${path}: ${status} ${JSON.stringify(body)}`);
}

const container = { name: 'main', image: 'registry.example/none:1' };

/** Namespaces shop and bank with two pods, a map and a deployment each, and two nodes. */
const THINGS: readonly unknown[] = [
  ...['shop', 'bank', 'jit-other'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
  ...['n1', 'n2'].map((name) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })),
  ...['shop', 'bank'].flatMap((namespace) => [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } },
    ...['web-1', 'web-2'].map((name) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: { containers: [container], automountServiceAccountToken: false },
    })),
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace }, data: { color: 'red' } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } },
      },
    },
  ]),
];

/** The same rights in another namespace, for a target that keeps its accounts there. */
function alsoIn(namespace: string): readonly unknown[] {
  return setupOfReadme().flatMap((object): unknown[] => {
    const [kind, metadata] = [text(object, 'kind'), member(object, 'metadata')];
    if (kind !== 'Role' && kind !== 'RoleBinding') return [];
    return [{ ...Object(object), metadata: { ...Object(metadata), namespace } }];
  });
}

export interface World {
  readonly cluster: TestCluster;
  /** Of the broker's own account, as the README makes it. */
  readonly brokerToken: string;
  readonly tokenFile: string;
  readonly authorityFile: string;
  /** As the administrator. */
  admin(line: string, body?: unknown): Promise<Reply>;
  provider(parts?: { readonly owner?: string; readonly now?: () => number }): Provider<KubernetesTarget>;
  config(changes?: object): object;
  close(): Promise<void>;
}

export const OWNER = '00112233445566aa';

/** Sets the cluster up as the README says, with things to act upon. */
export async function openWorld(cluster: TestCluster, now: () => number): Promise<World> {
  for (const object of [...setupOfReadme(), ...THINGS, ...alsoIn('jit-other')]) await make(cluster, object);
  const path = '/api/v1/namespaces/jit-grants/serviceaccounts/jit-broker/token';
  const asked = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: [], expirationSeconds: 86_400 },
  };
  const { status, body } = await call(cluster, cluster.admin, `POST ${path}`, asked);
  assert.equal(status, 201, JSON.stringify(body));
  const brokerToken = text(member(body, 'status'), 'token');
  const folder = await mkdtemp(join(tmpdir(), 'jit-kubernetes-'));
  const [tokenFile, authorityFile] = [join(folder, 'token'), join(folder, 'ca.crt')];
  await writeFile(tokenFile, `${brokerToken}\n`, { mode: 0o600 });
  if (cluster.authority !== null) await writeFile(authorityFile, cluster.authority);
  return {
    cluster,
    brokerToken,
    tokenFile,
    authorityFile,
    admin: async (line, sent) => await call(cluster, cluster.admin, line, sent),
    provider: (parts = {}) =>
      kubernetesProvider({
        now: parts.now ?? now,
        owner: parts.owner ?? OWNER,
        readSecret: async (file) => new Secret(await readFile(file, 'utf8')),
        readText: (file) => readFileSync(file, 'utf8'),
      }),
    config: (changes = {}) => ({
      provider: 'kubernetes',
      server: cluster.url,
      ...(cluster.authority === null ? {} : { authority_file: authorityFile }),
      token_file: tokenFile,
      namespace: 'jit-grants',
      environment: 'test',
      ...changes,
    }),
    close: async () => {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function permission(action: string | readonly string[], ...resources: readonly string[]): Permission {
  const actions = typeof action === 'string' ? [action] : action;
  return { target: 'shop', operation: actions[0] ?? '', actions, resources };
}

export const ANN = {
  kind: 'user',
  issuer: 'https://idp.example',
  subject: 'u1',
  name: 'ann@example.com',
  groups: [],
} as const;

export function orderOf(parts: Partial<Order> & Pick<Order, 'endsAt' | 'permissions'>): Order {
  return { grant: grantId(randomBytes(16)), principal: ANN, ...parts };
}

export function markOf(
  provider: Provider<KubernetesTarget>,
  target: KubernetesTarget,
  order: Order,
  issued?: Issued,
): Mark {
  const { handle, notAfter } = provider.intend(target, order);
  const endsAt = issued === undefined ? null : order.endsAt;
  return { grant: order.grant, target: target.name, handle, endsAt, notAfter: issued?.notAfter ?? notAfter };
}

export function tokenOf({ credential }: Pick<Issued, 'credential'>): string {
  assert.equal(credential.kind, 'kubernetes');
  return credential.kind === 'kubernetes' ? credential.secret.expose().token : '';
}

export const never = (): AbortSignal => new AbortController().signal;
export const noneRevoked = async (): Promise<readonly Mark[]> => await Promise.resolve([]);

/** Names of everything that carries jit's mark, such as `roles shop/jit-…`. */
export async function marked(world: World): Promise<readonly string[]> {
  const collections = [
    '/api/v1/serviceaccounts',
    '/api/v1/secrets',
    '/apis/rbac.authorization.k8s.io/v1/roles',
    '/apis/rbac.authorization.k8s.io/v1/rolebindings',
    '/apis/rbac.authorization.k8s.io/v1/clusterroles',
    '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  ];
  const found: string[] = [];
  for (const path of collections) {
    const { status, body } = await world.admin(`GET ${path}?labelSelector=app.kubernetes.io/managed-by%3Djit`);
    assert.equal(status, 200);
    const items = member(body, 'items');
    for (const item of Array.isArray(items) ? items : []) {
      const metadata = member(item, 'metadata');
      found.push(`${path.split('/').at(-1)} ${text(metadata, 'namespace')}/${text(metadata, 'name')}`);
    }
  }
  return found.toSorted();
}
