/**
 * What an action amounts to: how much it lets its holder do, and how far it reaches.
 * @module
 */
import type { AccessLevel, Breadth } from '../../core/access.ts';
import type { Action, Verb } from './action.ts';
import { ruleResource } from './action.ts';
import { writes } from './guard.ts';
import { CLUSTER } from './resource.ts';
import type { Place } from './resource.ts';

/** Whoever makes or changes one of these runs a container as any service account of its namespace. */
const WORKLOADS: ReadonlySet<string> = new Set([
  '/pods',
  '/pods/ephemeralcontainers',
  '/replicationcontrollers',
  'apps/daemonsets',
  'apps/deployments',
  'apps/replicasets',
  'apps/statefulsets',
  'batch/cronjobs',
  'batch/jobs',
]);

/** Whoever makes or changes one of these can give rights, or take protections away. */
const HANDS_OUT_ACCESS: ReadonlySet<string> = new Set([
  '/namespaces',
  '/persistentvolumes',
  'apiextensions.k8s.io/customresourcedefinitions',
  'certificates.k8s.io/certificatesigningrequests',
]);

const MAKES: ReadonlySet<Verb> = new Set<Verb>(['create', 'update', 'patch']);
const INSIDE: ReadonlySet<string> = new Set(['/pods/exec', '/pods/attach']);

/** Whether its holder can act as the service accounts of the namespace. */
export function actsAsAccounts(action: Action): boolean {
  const what = `${action.group}/${ruleResource(action)}`;
  return INSIDE.has(what) || (WORKLOADS.has(what) && action.verbs.some((verb) => MAKES.has(verb)));
}

/** Kubernetes documentation, "Role Based Access Control Good Practices", names what is `permissions` here. */
export function accessOf(action: Action): AccessLevel {
  const { group, resource, subresource, verbs } = action;
  const makes = verbs.some((verb) => MAKES.has(verb));
  if (actsAsAccounts(action)) return 'permissions';
  // Listing and watching show the contents too; and one made for an account is filled with its token.
  if (group === '' && resource === 'secrets') return makes || !writes(action) ? 'permissions' : 'write';
  if (group === 'rbac.authorization.k8s.io' && writes(action)) return 'permissions';
  if (HANDS_OUT_ACCESS.has(`${group}/${resource}`) && makes) return 'permissions';
  // What is sent through a proxy is any request, whatever the verb.
  if (subresource === 'proxy') return 'write';
  return writes(action) ? 'write' : 'read';
}

export function breadthOf({ scope, name }: Place): Breadth {
  if (name !== null) return 'exact';
  return scope === CLUSTER ? 'broad' : 'within';
}

/** Whether it opens a connection that the API server does not cut when its credential dies. */
export function isStream({ subresource, verbs }: Action): boolean {
  return verbs.includes('watch') || ['attach', 'exec', 'log', 'portforward', 'proxy'].includes(subresource ?? '');
}
