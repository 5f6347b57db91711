/**
 * The resource types of the cluster for tests, as its discovery tells them.
 * @module
 */

export interface ResourceType {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  /** Name → verbs. */
  readonly subresources: Readonly<Record<string, readonly string[]>>;
}

const ALL = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const STATUS = { status: ['get', 'patch', 'update'] };
const SCALE = { scale: ['get', 'patch', 'update'] };
const STREAM = ['create', 'get'];
const PROXY = { proxy: ['create', 'delete', 'get', 'patch', 'update'] };

type Row = readonly [
  resource: string,
  kind: string,
  namespaced: 'namespaced' | 'cluster',
  parts?: Partial<Pick<ResourceType, 'verbs' | 'shortNames' | 'subresources'>>,
];

const ROWS: readonly (readonly [groupVersion: string, rows: readonly Row[]])[] = [
  [
    'v1',
    [
      ['configmaps', 'ConfigMap', 'namespaced', { shortNames: ['cm'] }],
      ['events', 'Event', 'namespaced', { shortNames: ['ev'] }],
      ['namespaces', 'Namespace', 'cluster', { shortNames: ['ns'], subresources: { ...STATUS, finalize: ['update'] } }],
      ['nodes', 'Node', 'cluster', { shortNames: ['no'], subresources: { ...STATUS, ...PROXY } }],
      ['persistentvolumes', 'PersistentVolume', 'cluster', { shortNames: ['pv'], subresources: STATUS }],
      [
        'pods',
        'Pod',
        'namespaced',
        {
          shortNames: ['po'],
          subresources: {
            ...STATUS,
            ...PROXY,
            attach: STREAM,
            binding: ['create'],
            ephemeralcontainers: ['get', 'patch', 'update'],
            eviction: ['create'],
            exec: STREAM,
            log: ['get'],
            portforward: STREAM,
          },
        },
      ],
      ['secrets', 'Secret', 'namespaced'],
      ['serviceaccounts', 'ServiceAccount', 'namespaced', { shortNames: ['sa'], subresources: { token: ['create'] } }],
      ['services', 'Service', 'namespaced', { shortNames: ['svc'], subresources: { ...STATUS, ...PROXY } }],
    ],
  ],
  [
    'apps/v1',
    [
      ['deployments', 'Deployment', 'namespaced', { shortNames: ['deploy'], subresources: { ...STATUS, ...SCALE } }],
      ['statefulsets', 'StatefulSet', 'namespaced', { shortNames: ['sts'], subresources: { ...STATUS, ...SCALE } }],
    ],
  ],
  ['batch/v1', [['jobs', 'Job', 'namespaced', { subresources: STATUS }]]],
  ['events.k8s.io/v1', [['events', 'Event', 'namespaced', { shortNames: ['ev'] }]]],
  [
    'rbac.authorization.k8s.io/v1',
    [
      ['clusterrolebindings', 'ClusterRoleBinding', 'cluster'],
      ['clusterroles', 'ClusterRole', 'cluster'],
      ['rolebindings', 'RoleBinding', 'namespaced'],
      ['roles', 'Role', 'namespaced'],
    ],
  ],
  ['authentication.k8s.io/v1', [['tokenreviews', 'TokenReview', 'cluster', { verbs: ['create'] }]]],
  [
    'authorization.k8s.io/v1',
    [['selfsubjectaccessreviews', 'SelfSubjectAccessReview', 'cluster', { verbs: ['create'] }]],
  ],
  // Two definitions that somebody made: one word in one group, another word in two.
  ['example.com/v1', [['widgets', 'Widget', 'namespaced', { shortNames: ['wd'] }]]],
  ['example.com/v1beta1', [['oldwidgets', 'OldWidget', 'namespaced']]],
  ['one.example.com/v1', [['gadgets', 'Gadget', 'namespaced']]],
  ['two.example.com/v1', [['gadgets', 'Gadget', 'cluster']]],
  // A word of the core group, which a definition does not take over.
  [
    'evil.example.com/v1',
    [
      ['deployments', 'Deployment', 'cluster'],
      ['secrets', 'Secret', 'cluster'],
    ],
  ],
];

export const TYPES: readonly ResourceType[] = ROWS.flatMap(([groupVersion, rows]) => {
  const [first = '', second] = groupVersion.split('/');
  const [group, version] = second === undefined ? ['', first] : [first, second];
  return rows.map(([resource, kind, where, parts = {}]) => ({
    group,
    version,
    resource,
    kind,
    namespaced: where === 'namespaced',
    verbs: ALL,
    shortNames: [],
    subresources: {},
    ...parts,
  }));
});

const apiVersion = ({ group, version }: Pick<ResourceType, 'group' | 'version'>): string =>
  group === '' ? version : `${group}/${version}`;

export function apiVersionOf(type: ResourceType): string {
  return apiVersion(type);
}

export function typeOf(group: string, version: string, resource: string): ResourceType | undefined {
  return TYPES.find((type) => type.group === group && type.version === version && type.resource === resource);
}

/** The document at a discovery path, or null. */
export function discovery(path: string): object | null {
  if (path === '/api') return { kind: 'APIVersions', apiVersion: 'v1', versions: ['v1'] };
  if (path === '/version') return { major: '1', minor: '34', gitVersion: 'v1.34.0', platform: 'linux/amd64' };
  if (path === '/apis') {
    const groups = Map.groupBy(
      TYPES.filter(({ group }) => group !== ''),
      ({ group }) => group,
    );
    return {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: [...groups].map(([name, types]) => {
        const versions = [...new Set(types.map(({ version }) => version))].map((version) => ({
          groupVersion: `${name}/${version}`,
          version,
        }));
        return { name, versions, preferredVersion: versions[0] };
      }),
    };
  }
  const groupVersion = path.replace(/^\/apis?\//, '');
  const types = TYPES.filter((type) => apiVersion(type) === groupVersion);
  if (types.length === 0 || path.startsWith('/api/') !== (groupVersion === 'v1')) return null;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: types.flatMap(({ resource, kind, namespaced, verbs, shortNames, subresources }) => [
      { name: resource, singularName: kind.toLowerCase(), namespaced, kind, verbs, shortNames },
      ...Object.entries(subresources).map(([name, own]) => ({
        name: `${resource}/${name}`,
        singularName: '',
        namespaced,
        kind,
        verbs: own,
      })),
    ]),
  };
}
