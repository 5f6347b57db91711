/**
 * The kinds that every cluster has, so that ordinary operations are understood while a cluster is out of reach.
 * Source: Kubernetes API reference, v1.34.
 * @module
 */
import { kindText } from './action.ts';
import type { Kind } from './action.ts';

export interface KnownKind extends Kind {
  readonly namespaced: boolean;
  /** Name → verbs, or null where only the cluster knows them. */
  readonly subresources: ReadonlyMap<string, readonly string[] | null>;
  /** Null where only the cluster knows them. */
  readonly verbs: readonly string[] | null;
  /** Other words by which people call it, for hints only: any definition in a cluster can claim such a word. */
  readonly aliases: readonly string[];
}

/** Group, then what is in namespaces, then what is not; a kind with its other words in brackets and its subresources. */
const TABLE: readonly (readonly [group: string, namespaced: string, cluster: string])[] = [
  [
    '',
    `bindings configmaps(cm,configmap) endpoints(ep) events(ev,event) limitranges(limits) persistentvolumeclaims(pvc)/status
     pods(po,pod)/attach/binding/ephemeralcontainers/eviction/exec/log/portforward/proxy/resize/status podtemplates
     replicationcontrollers(rc)/scale/status resourcequotas(quota)/status secrets(secret) serviceaccounts(sa)/token
     services(svc,service)/proxy/status`,
    'componentstatuses(cs) namespaces(ns,namespace)/finalize/status nodes(no,node)/proxy/status persistentvolumes(pv)/status',
  ],
  [
    'apps',
    `controllerrevisions daemonsets(ds,daemonset)/status deployments(deploy,deployment)/scale/status
     replicasets(rs,replicaset)/scale/status statefulsets(sts,statefulset)/scale/status`,
    '',
  ],
  ['batch', 'cronjobs(cj,cronjob)/status jobs(job)/status', ''],
  ['autoscaling', 'horizontalpodautoscalers(hpa)/status', ''],
  ['networking.k8s.io', 'ingresses(ing,ingress)/status networkpolicies(netpol)', 'ingressclasses'],
  ['policy', 'poddisruptionbudgets(pdb)/status', ''],
  ['coordination.k8s.io', 'leases(lease)', ''],
  ['discovery.k8s.io', 'endpointslices', ''],
  ['rbac.authorization.k8s.io', 'roles(role) rolebindings(rolebinding)', 'clusterroles clusterrolebindings'],
  ['storage.k8s.io', 'csistoragecapacities', 'csidrivers csinodes storageclasses(sc) volumeattachments/status'],
  ['scheduling.k8s.io', '', 'priorityclasses(pc)'],
  ['certificates.k8s.io', '', 'certificatesigningrequests(csr)/approval/status'],
  ['apiextensions.k8s.io', '', 'customresourcedefinitions(crd,crds)/status'],
  ['apiregistration.k8s.io', '', 'apiservices/status'],
  [
    'admissionregistration.k8s.io',
    '',
    `mutatingwebhookconfigurations validatingadmissionpolicies/status validatingadmissionpolicybindings
     validatingwebhookconfigurations`,
  ],
];

const ENTRY = /^([a-z]+)(?:\(([a-z,]+)\))?((?:\/[a-z]+)*)$/;

function entries(group: string, list: string, where: 'namespaced' | 'cluster'): readonly KnownKind[] {
  return list.split(/\s+/).flatMap((entry) => {
    const [, resource, aliases = '', subresources = ''] = ENTRY.exec(entry) ?? [];
    if (resource === undefined) return [];
    const names = subresources.split('/').filter((name) => name !== '');
    return [
      {
        resource,
        group,
        namespaced: where === 'namespaced',
        subresources: new Map(names.map((name) => [name, null])),
        verbs: null,
        aliases: aliases.split(',').filter((alias) => alias !== ''),
      },
    ];
  });
}

export const BUILTIN: readonly KnownKind[] = TABLE.flatMap(([group, namespaced, cluster]) => [
  ...entries(group, namespaced, 'namespaced'),
  ...entries(group, cluster, 'cluster'),
]);

const BY_TEXT = new Map(BUILTIN.map((kind) => [kindText(kind), kind]));
const BY_RESOURCE = new Map(BUILTIN.map((kind) => [kind.resource, kind]));

/**
 * The kind that these words mean in every cluster, or null. Without a group it is the built-in one of that name, which no
 * definition made in a cluster can take.
 */
export function builtin(typed: Kind): KnownKind | null {
  return (typed.group === '' ? BY_RESOURCE.get(typed.resource) : BY_TEXT.get(kindText(typed))) ?? null;
}
