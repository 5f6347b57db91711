/**
 * The names and marks under which a grant is known in a cluster.
 * @module
 */
import { createHash } from 'node:crypto';
import type { GrantId } from '../../core/ids.ts';

export const MANAGED_BY = 'app.kubernetes.io/managed-by';
export const OWNER = 'jit/owner';
export const GRANT = 'jit/grant';
export const TARGET = 'jit/target';
/** RFC 3339: when the grant ends, and from when on no token of it is taken any more. */
export const ENDS = 'jit/ends';
export const NOT_AFTER = 'jit/not-after';
/** Who holds the grant, for people who look for it in the cluster. */
export const HOLDER = 'jit/holder';
/** Where else there are objects of the grant: namespaces, and `_cluster`, separated by commas. */
export const SCOPES = 'jit/scopes';

/** What marks an object as this broker's, for this grant at this target. */
export interface Marking {
  readonly grant: GrantId;
  readonly owner: string;
  /** Short digest of the target's name. */
  readonly target: string;
}

/** Two targets may be one cluster, and a grant may cover both: their objects are told apart by this. */
export function targetDigest(name: string): string {
  return createHash('sha256').update(name, 'utf8').digest('hex').slice(0, 8);
}

/** Of every object of a grant at a target: `jit-`, the grant's id, and a digest of the target's name. */
export function objectName({ grant, target }: Pick<Marking, 'grant' | 'target'>): string {
  return `jit-${grant.slice('gr_'.length)}-${target}`;
}

export function labelsOf({ grant, owner, target }: Marking): Record<string, string> {
  return { [MANAGED_BY]: 'jit', [OWNER]: owner, [GRANT]: grant, [TARGET]: target };
}

/** Selects all of one broker at one target. */
export function selectorOf({ owner, target }: Pick<Marking, 'owner' | 'target'>): string {
  return `${MANAGED_BY}=jit,${OWNER}=${owner},${TARGET}=${target}`;
}

/** Whether an object carries exactly this mark. */
export function isMarked(labels: Readonly<Record<string, string>> | undefined, marking: Marking): boolean {
  return Object.entries(labelsOf(marking)).every(([key, value]) => labels?.[key] === value);
}

/** As the API server and its audit log name the account. Source: Kubernetes documentation, "Authenticating". */
export function userName(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`;
}
