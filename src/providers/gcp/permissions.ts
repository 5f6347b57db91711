/**
 * What a permission of Google's amounts to, judged by its name: service, type and verb.
 * @module
 */
import type { AccessLevel } from '../../core/access.ts';

/** What it returns is a credential that outlives the grant, whatever condition stands at the role. */
const MINTS: ReadonlySet<string> = new Set([
  'iam.serviceAccountKeys.create',
  'iam.serviceAccountKeys.upload',
  'iam.serviceAccounts.getAccessToken',
  'iam.serviceAccounts.getOpenIdToken',
  'iam.serviceAccounts.implicitDelegation',
  'iam.serviceAccounts.signBlob',
  'iam.serviceAccounts.signJwt',
  'storage.hmacKeys.create',
]);
/** With it one gives access to oneself for ever, or makes more of the role that one has, and takes away what ends grants. */
const UNDOES: ReadonlySet<string> = new Set([
  'iam.roles.update',
  'iam.serviceAccounts.setIamPolicy',
  'resourcemanager.folders.setIamPolicy',
  'resourcemanager.organizations.setIamPolicy',
  'resourcemanager.projects.setIamPolicy',
]);
/** Verbs that hand out access although they do not say so: keys to machines and the accounts that things run as. */
const HANDS_OUT: ReadonlySet<string> = new Set([
  'compute.instances.setMetadata',
  'compute.instances.setServiceAccount',
  'compute.projects.setCommonInstanceMetadata',
  'container.clusters.getCredentials',
  'orgpolicy.policy.set',
]);
const READS = /^(?:access|check|download|export|fetch|get|lookup|query|read|search|test|view|watch)(?=[A-Z]|$)/;
const LISTS = /^(?:list|aggregatedList)(?=[A-Z]|$)/;
const TAGS: ReadonlySet<string> = new Set(['createTagBinding', 'deleteTagBinding', 'setLabels']);

/** Such as `storage`, of `storage.objects.get`. */
export function serviceOf(permission: string): string {
  return permission.slice(0, permission.indexOf('.'));
}

/** Such as `objects`, of `storage.objects.get`. */
export function typeOf(permission: string): string {
  return permission.split('.').at(-2) ?? '';
}

/** Such as `get`, of `storage.objects.get`. */
export function verbOf(permission: string): string {
  return permission.split('.').at(-1) ?? '';
}

/** What is not known to be less counts as a change. */
export function accessOf(permission: string): AccessLevel {
  const verb = verbOf(permission);
  if (MINTS.has(permission) || HANDS_OUT.has(permission) || verb === 'setIamPolicy') return 'permissions';
  if (LISTS.test(verb)) return 'list';
  if (READS.test(verb)) return 'read';
  if (serviceOf(permission) === 'iam') return 'permissions';
  return TAGS.has(verb) ? 'tagging' : 'write';
}

/** Why nobody is given this in a whole project, or null where it can be given. */
export function outlives(permission: string): string | null {
  if (MINTS.has(permission)) return `${permission} makes credentials that would outlive the grant`;
  return UNDOES.has(permission) ? `${permission} could undo the end of any grant` : null;
}
