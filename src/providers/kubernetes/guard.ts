/**
 * What is never given, because its holder could have more than was granted, keep it longer, or stop it from being taken away.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { actionText } from './action.ts';
import type { Action, Verb } from './action.ts';
import { CLUSTER, fault, placeText } from './resource.ts';
import type { Place } from './resource.ts';

/** Where requests may reach. */
export interface Reach {
  /** Where the accounts of jit live. */
  readonly home: string;
  /** Null for every namespace but those of Kubernetes itself. */
  readonly allowed: readonly string[] | null;
}

const READS: ReadonlySet<Verb> = new Set<Verb>(['get', 'list', 'watch']);

export function writes({ verbs }: Action): boolean {
  return verbs.some((verb) => !READS.has(verb));
}

/** Throws `ERR_OPERATION`. */
export function guardAction(action: Action): void {
  const reason = escapeOf(action);
  if (reason === null) return;
  throw new JitError({
    code: 'ERR_OPERATION',
    message: `${actionText(action)}: ${reason}`,
    hint: 'such a change is made by whoever runs the cluster, without jit',
  });
}

function escapeOf(action: Action): string | null {
  const { resource, group, subresource } = action;
  switch (group) {
    case '':
      // Kubernetes documentation, "Role Based Access Control Good Practices", privilege escalation risks.
      if (resource === 'serviceaccounts' && subresource !== null)
        return 'a token of another account outlives the grant';
      if (resource === 'nodes' && subresource !== null && subresource !== 'status') {
        return 'it reaches into every container of a node, past admission and audit';
      }
      return null;
    case 'rbac.authorization.k8s.io':
      if (!writes(action) || !resource.startsWith('cluster')) return null;
      return 'whoever changes rights of the whole cluster can keep jit from revoking';
    case 'admissionregistration.k8s.io':
    case 'apiregistration.k8s.io':
      return writes(action) ? 'whoever intercepts calls of the cluster can keep jit from revoking' : null;
    case 'flowcontrol.apiserver.k8s.io':
      return writes(action) ? 'whoever decides whose calls have to wait can keep jit from revoking' : null;
    case 'certificates.k8s.io':
      if (subresource === null && resource !== 'signers') return null;
      return writes(action) ? 'a signed certificate outlives the grant' : null;
    default:
      return null;
  }
}

/** Throws `ERR_RESOURCE` for a place that no request may name. */
export function guardPlace(place: Place, reach: Reach): void {
  guardScope(place.scope, reach, placeText(place));
}

/** @param typed what is at fault. */
function guardScope(scope: string, reach: Reach, typed: string): void {
  if (scope === reach.home) {
    throw fault(typed, 'that namespace holds the accounts of jit', 'change them without jit');
  }
  if (reach.allowed?.includes(scope) === true) return;
  if (reach.allowed !== null) {
    throw fault(typed, `the target does not reach ${scope}`, `it reaches ${reach.allowed.join(', ')}`);
  }
  if (scope !== CLUSTER && scope.startsWith('kube-')) {
    throw fault(typed, `${scope} runs the cluster itself`, 'the operator can list it in namespaces of the target');
  }
}

/** Throws `ERR_RESOURCE` for an action at a place that RBAC cannot bound, or that would take the accounts of jit away. */
export function guardPair(action: Action, place: Place, reach: Reach): void {
  const { resource, group, name } = place;
  const typed = placeText(place);
  if (group === '' && resource === 'namespaces' && writes(action)) {
    if (name === null || name === reach.home) {
      const what = `${actionText(action)} would reach namespace ${reach.home}, which holds the accounts of jit`;
      throw fault(typed, what, 'name the namespace that you mean');
    }
    // Whoever changes or deletes a namespace reaches everything in it.
    guardScope(name, reach, typed);
  }
  // Kubernetes documentation, "Using RBAC Authorization": "You cannot restrict create or deletecollection requests by their
  // resource name." With a subresource the name is in the path, so there it can be.
  const unbounded = action.verbs.find((verb) => verb === 'deletecollection' || verb === 'create');
  if (name === null || unbounded === undefined || action.subresource !== null) return;
  const all = placeText({ ...place, name: null });
  throw fault(typed, `kubernetes cannot narrow ${unbounded} to a name`, `ask for ${all}, which is wider`);
}
