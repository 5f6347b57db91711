/**
 * Where each object of a grant stands: the account, the Secret that its tokens hang on, and a role with its binding for each
 * namespace.
 * @module
 */
import type {
  V1ClusterRole,
  V1ClusterRoleBinding,
  V1DeleteOptions,
  V1Role,
  V1RoleBinding,
  V1Secret,
  V1ServiceAccount,
} from '@kubernetes/client-node';
import type { Handle } from './handle.ts';
import { objectName } from './names.ts';
import { CLUSTER } from './resource.ts';
import type { Shelf } from './shelf.ts';

/** Only the very object that was looked at, at once, and what hangs on it afterwards. */
const exactly = (uid: string): V1DeleteOptions => ({ preconditions: { uid }, propagationPolicy: 'Background' });

export function accountShelf(handle: Handle): Shelf<V1ServiceAccount> {
  const at = { namespace: handle.access.namespace, name: objectName(handle) };
  return {
    what: `serviceaccount ${at.namespace}/${at.name}`,
    create: async ({ core }, body) => await core.createNamespacedServiceAccount({ ...at, body }),
    read: async ({ core }) => await core.readNamespacedServiceAccount(at),
    replace: async ({ core }, body) => await core.replaceNamespacedServiceAccount({ ...at, body }),
    remove: async ({ core }, uid) => await core.deleteNamespacedServiceAccount({ ...at, body: exactly(uid) }),
  };
}

export function secretShelf(handle: Handle): Shelf<V1Secret> {
  const at = { namespace: handle.access.namespace, name: objectName(handle) };
  return {
    what: `secret ${at.namespace}/${at.name}`,
    create: async ({ core }, body) => await core.createNamespacedSecret({ ...at, body }),
    read: async ({ core }) => await core.readNamespacedSecret(at),
    replace: async ({ core }, body) => await core.replaceNamespacedSecret({ ...at, body }),
    remove: async ({ core }, uid) => await core.deleteNamespacedSecret({ ...at, body: exactly(uid) }),
  };
}

/** A role as both kinds of them have it. */
export type AnyRole = V1Role | V1ClusterRole;
export type AnyBinding = V1RoleBinding | V1ClusterRoleBinding;

/** @param scope a namespace, or `_cluster`. */
export function roleShelf(handle: Handle, scope: string): Shelf<AnyRole> {
  const name = objectName(handle);
  if (scope === CLUSTER) {
    return {
      what: `clusterrole ${name}`,
      create: async ({ rbac }, body) => await rbac.createClusterRole({ body }),
      read: async ({ rbac }) => await rbac.readClusterRole({ name }),
      replace: async ({ rbac }, body) => await rbac.replaceClusterRole({ name, body }),
      remove: async ({ rbac }, uid) => await rbac.deleteClusterRole({ name, body: exactly(uid) }),
    };
  }
  const at = { namespace: scope, name };
  return {
    what: `role ${scope}/${name}`,
    create: async ({ rbac }, body) => await rbac.createNamespacedRole({ ...at, body }),
    read: async ({ rbac }) => await rbac.readNamespacedRole(at),
    replace: async ({ rbac }, body) => await rbac.replaceNamespacedRole({ ...at, body }),
    remove: async ({ rbac }, uid) => await rbac.deleteNamespacedRole({ ...at, body: exactly(uid) }),
  };
}

/** @param scope a namespace, or `_cluster`. */
export function bindingShelf(handle: Handle, scope: string): Shelf<AnyBinding> {
  const name = objectName(handle);
  if (scope === CLUSTER) {
    return {
      what: `clusterrolebinding ${name}`,
      create: async ({ rbac }, body) => await rbac.createClusterRoleBinding({ body }),
      read: async ({ rbac }) => await rbac.readClusterRoleBinding({ name }),
      replace: async ({ rbac }, body) => await rbac.replaceClusterRoleBinding({ name, body }),
      remove: async ({ rbac }, uid) => await rbac.deleteClusterRoleBinding({ name, body: exactly(uid) }),
    };
  }
  const at = { namespace: scope, name };
  return {
    what: `rolebinding ${scope}/${name}`,
    create: async ({ rbac }, body) => await rbac.createNamespacedRoleBinding({ ...at, body }),
    read: async ({ rbac }) => await rbac.readNamespacedRoleBinding(at),
    replace: async ({ rbac }, body) => await rbac.replaceNamespacedRoleBinding({ ...at, body }),
    remove: async ({ rbac }, uid) => await rbac.deleteNamespacedRoleBinding({ ...at, body: exactly(uid) }),
  };
}
