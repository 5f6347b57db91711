/**
 * A cluster as the contract of all providers wants it.
 * @module
 */
import assert from 'node:assert/strict';
import type { Credential } from '../../../src/core/credential.ts';
import type { Order } from '../../../src/core/ports.ts';
import type { KubernetesTarget } from '../../../src/providers/kubernetes/provider.ts';
import type { Hostile, Rig } from '../contract/rig.ts';
import { ANN, call, marked, permission, tokenOf } from './support.ts';
import type { World } from './support.ts';

type Given = Pick<Rig, 'now' | 'time' | 'passTo' | 'calls' | 'outage' | 'endsByItself' | 'close' | 'unable'> & {
  /** Where the provider is sent: a gate in front of the cluster, or the cluster. */
  readonly server: string;
  /** Comes back when the cluster goes by every role and binding that was written before. */
  settled(): Promise<void>;
};

/** Requests by which an administrator of a test sees whether a permission is there: what it allows, in HTTP. */
const PROBES: Readonly<Record<string, string>> = {
  'pods/get shop/pods/web-1': 'GET /api/v1/namespaces/shop/pods/web-1',
  'configmaps/get shop/configmaps/settings': 'GET /api/v1/namespaces/shop/configmaps/settings',
};

const LONG = 'x'.repeat(254);

/** What must be refused before any call. */
const HOSTILE_TEXTS: readonly (readonly [what: string, action: string, ...resources: string[]])[] = [
  ['a wildcard of verbs', 'pods/*', 'shop/pods/web-1'],
  ['a wildcard of kinds', '*/get', 'shop/pods/web-1'],
  ['a wildcard of groups', 'pods.*/get', 'shop/pods/web-1'],
  ['a pattern of names', 'pods/get', 'shop/pods/web-*'],
  ['every namespace', 'pods/get', '*/pods/web-1'],
  ['a path that climbs', 'pods/get', 'shop/pods/../secrets'],
  ['a name that climbs', 'pods/get', 'shop/pods/..'],
  ['an encoded slash', 'pods/get', 'shop/pods/web%2f1'],
  ['a namespace with a slash in it', 'pods/get', 'shop%2fpods/pods/web-1'],
  ['a name with a line break', 'pods/get', 'shop/pods/web-1\nweb-2'],
  ['a name in another script', 'pods/get', 'shop/pods/wеb-1'],
  ['a name with hidden characters', 'pods/get', 'shop/pods/web\u200b-1'],
  ['a name that is too long', 'pods/get', `shop/pods/${LONG}`],
  ['a namespace that is too long', 'pods/get', `${'n'.repeat(64)}/pods/web-1`],
  ['a label selector', 'pods/get', 'shop/pods/app=web,jit/owner'],
  ['no name', 'pods/get', 'shop/pods/'],
  ['no namespace', 'pods/get', '/pods/web-1'],
  ['another kind', 'pods/get', 'shop/secrets/db'],
  ['a create that one name cannot bound', 'configmaps/create', 'shop/configmaps/settings'],
  ['a deletecollection that one name cannot bound', 'configmaps/deletecollection', 'shop/configmaps/settings'],
  ['escalate', 'roles.rbac.authorization.k8s.io/escalate', 'shop/roles.rbac.authorization.k8s.io/*'],
  ['bind', 'clusterroles.rbac.authorization.k8s.io/bind', '_cluster/clusterroles.rbac.authorization.k8s.io/admin'],
  ['impersonate', 'serviceaccounts/impersonate', 'shop/serviceaccounts/default'],
  ['a token of another account', 'serviceaccounts/token/create', 'shop/serviceaccounts/default'],
  ['the kubelets', 'nodes/proxy/get', '_cluster/nodes/n1'],
  ['the accounts of jit', 'pods/get', 'jit-grants/pods/web-1'],
  ['the secrets of jit', 'secrets/get', 'jit-grants/secrets/x'],
  ['the roles of jit', 'roles.rbac.authorization.k8s.io/patch', 'jit-grants/roles.rbac.authorization.k8s.io/*'],
  ['the namespace of jit', 'namespaces/delete', '_cluster/namespaces/jit-grants'],
  ['every namespace, the one of jit among them', 'namespaces/deletecollection', '_cluster/namespaces/*'],
  ['the system of the cluster', 'pods/exec', 'kube-system/pods/etcd'],
  ['rights of the whole cluster', 'clusterrolebindings/delete', '_cluster/clusterrolebindings/jit-broker'],
  [
    'what intercepts all calls',
    'validatingwebhookconfigurations.admissionregistration.k8s.io/create',
    '_cluster/validatingwebhookconfigurations.admissionregistration.k8s.io/*',
  ],
  [
    'whose calls have to wait',
    'flowschemas.flowcontrol.apiserver.k8s.io/create',
    '_cluster/flowschemas.flowcontrol.apiserver.k8s.io/*',
  ],
  [
    'a certificate',
    'certificatesigningrequests.certificates.k8s.io/approval/update',
    '_cluster/certificatesigningrequests.certificates.k8s.io/x',
  ],
  ['too many namespaces', 'pods/get', ...Array.from({ length: 17 }, (_, index) => `ns-${index}/pods/web-1`)],
];

export const HOSTILE: readonly Hostile[] = HOSTILE_TEXTS.map(([what, action, ...resources]) => ({
  what,
  permission: permission(action, ...resources),
}));

export async function kubernetesRig(world: World, given: Given): Promise<Rig<KubernetesTarget>> {
  const { now } = given;
  const provider = world.provider({ now });
  // What stands in front of a cluster speaks plain HTTP.
  const config = (changes: object = {}): object =>
    world.config({ server: given.server, authority_file: undefined, ...changes });
  const target = provider.parseTarget('shop', config());
  const other = provider.parseTarget('other', config({ namespace: 'jit-other' }));

  const can = async (credential: Credential, order: Order): Promise<boolean> => {
    const token = tokenOf({ credential });
    await given.settled();
    const answers = await Promise.all(
      order.permissions.map(async ({ actions: [action = ''], resources: [resource = ''] }) => {
        const line = PROBES[`${action} ${resource}`] ?? assert.fail(`no probe for ${action} ${resource}`);
        return await call(world.cluster, token, line);
      }),
    );
    for (const { status } of answers) assert([200, 401, 403].includes(status), String(status));
    return answers.every(({ status }) => status === 200);
  };

  return await Promise.resolve({
    ...given,
    provider,
    restarted: () => {
      const again = world.provider({ now });
      again.parseTarget('shop', config());
      return again;
    },
    neighbour: world.provider({ now, owner: 'ffeeddccbbaa9988' }),
    target,
    other,
    principal: ANN,
    permission: permission('pods/get', 'shop/pods/web-1'),
    second: permission('configmaps/get', 'shop/configmaps/settings'),
    hostile: HOSTILE,
    canaries: [world.brokerToken],
    shortMs: 600_000,
    works: can,
    objects: async () => await marked(world),
    leaves: 'objects',
    removeByHand: async (order) => {
      const [home = '', name = ''] = provider.intend(target, order).name.split('/');
      const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/shop';
      for (const path of [
        `/api/v1/namespaces/${home}/serviceaccounts/${name}`,
        `/api/v1/namespaces/${home}/secrets/${name}`,
        `${rbac}/rolebindings/${name}`,
        `${rbac}/roles/${name}`,
      ]) {
        assert.equal((await world.admin(`DELETE ${path}`)).status, 200);
      }
    },
    plantForeign: async (order) => {
      const [namespace = '', name = ''] = provider.intend(target, order).name.split('/');
      const collection = `/api/v1/namespaces/${namespace}/secrets`;
      const labels = { 'app.kubernetes.io/managed-by': 'jit', 'jit/owner': 'somebody-else', 'jit/grant': order.grant };
      const body = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace, labels },
        data: { key: 'dmFsdWU=' },
      };
      assert.equal((await world.admin(`POST ${collection}`, body)).status, 201);
      const before = JSON.stringify((await world.admin(`GET ${collection}/${name}`)).body);
      return async () => JSON.stringify((await world.admin(`GET ${collection}/${name}`)).body) === before;
    },
    close: async () => {
      await given.close();
      await world.close();
    },
  });
}
