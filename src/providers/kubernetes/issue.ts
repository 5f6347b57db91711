/**
 * Issuing: an account, a role for each namespace, and a token that hangs on a Secret of the grant's own.
 * @module
 */
import type { V1PolicyRule, V1ServiceAccount } from '@kubernetes/client-node';
import { canonicalJson } from '../../core/canonical.ts';
import { display } from '../../core/display.ts';
import type { Order } from '../../core/ports.ts';
import type { Secret } from '../../core/secret.ts';
import type { Cluster } from './client.ts';
import { CallError } from './failure.ts';
import type { Handle } from './handle.ts';
import { ENDS, HOLDER, NOT_AFTER, SCOPES, isMarked, labelsOf, objectName } from './names.ts';
import { accountShelf, bindingShelf, roleShelf, secretShelf } from './objects.ts';
import { LEEWAY_SECONDS } from './plan.ts';
import { CLUSTER } from './resource.ts';
import type { Rule, ScopedRules } from './rules.ts';
import { ensure } from './shelf.ts';
import { requestToken } from './token.ts';

export interface IssueOrder {
  readonly handle: Handle;
  readonly order: Order;
  readonly scoped: readonly ScopedRules[];
  /** Life of the token. */
  readonly seconds: number;
  readonly now: number;
}

export interface IssuedToken {
  readonly token: Secret<string>;
  /** Epoch ms. */
  readonly expiresAt: number;
}

/** How far a first issue had come when it failed. */
export interface Progress {
  /** Whether this very call made the account, so that all there is of the grant is this call's. */
  first: boolean;
}

/** Throws `ERR_CLOUD…` as the port promises; what was made until then is the caller's to remove. */
export async function issueToken(cluster: Cluster, wanted: IssueOrder, progress: Progress): Promise<IssuedToken> {
  const { handle, scoped } = wanted;
  const account = await ensure(cluster, accountShelf(handle), {
    body: accountBody(wanted),
    marking: handle,
    alike: (found) => hasAnnotations(found, annotationsOf(wanted)) && isMarked(found.metadata?.labels, handle),
  });
  progress.first = account.made;
  const [secret] = await together([
    ensure(cluster, secretShelf(handle), {
      // It holds nothing, and nothing can be put into it: a token hangs on its existence.
      body: { apiVersion: 'v1', kind: 'Secret', metadata: metadataOf(handle), type: 'Opaque', immutable: true },
      marking: handle,
      alike: () => true,
    }),
    ...scoped.map(async (each) => await ensureRole(cluster, handle, each)),
  ]);
  await together(scoped.map(async ({ scope }) => await ensureBinding(cluster, handle, scope)));
  const bound = { secret: secret?.uid ?? '', seconds: wanted.seconds, now: wanted.now };
  return await requestToken(cluster, handle, bound);
}

/** All of them, or what the first of them threw, once none is under way any more: nothing is made behind anybody's back. */
async function together<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
  const results = await Promise.allSettled(work);
  // An unknown outcome is what the others must not hide.
  const failed = results.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
  const worst =
    failed.find((thrown) => thrown instanceof CallError && thrown.code === 'ERR_CLOUD_UNKNOWN') ?? failed[0];
  if (failed.length > 0) throw worst;
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

function metadataOf(handle: Handle, namespace: string | null = handle.access.namespace) {
  return { name: objectName(handle), labels: labelsOf(handle), ...(namespace === null ? {} : { namespace }) };
}

function annotationsOf({ handle, order, seconds, now }: IssueOrder): Record<string, string> {
  const { principal } = order;
  const holder = principal.actsFor === undefined ? principal.name : `${principal.name} for ${principal.actsFor.name}`;
  return {
    [ENDS]: new Date(order.endsAt).toISOString(),
    [NOT_AFTER]: new Date(now + (seconds + LEEWAY_SECONDS) * 1_000).toISOString(),
    [HOLDER]: display(holder, 200),
    [SCOPES]: handle.scopes.join(','),
  };
}

function accountBody(wanted: IssueOrder): V1ServiceAccount {
  const metadata = { ...metadataOf(wanted.handle), annotations: annotationsOf(wanted) };
  // No container is ever to run as it.
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false };
}

function hasAnnotations({ metadata }: V1ServiceAccount, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => metadata?.annotations?.[key] === value);
}

const RBAC = 'rbac.authorization.k8s.io';
const RBAC_V1 = `${RBAC}/v1`;

async function ensureRole(cluster: Cluster, handle: Handle, { scope, rules }: ScopedRules): Promise<{ uid: string }> {
  const namespace = scope === CLUSTER ? null : scope;
  const wanted = canonicalJson(rules.map(plainRule));
  return await ensure(cluster, roleShelf(handle, scope), {
    body: {
      apiVersion: RBAC_V1,
      kind: namespace === null ? 'ClusterRole' : 'Role',
      metadata: metadataOf(handle, namespace),
      rules: rules.map(plainRule),
    },
    marking: handle,
    alike: (found) => {
      // Rules that the cluster adds by itself to a role that collects others are rules too.
      const collects = 'aggregationRule' in found && found.aggregationRule !== undefined;
      return !collects && canonicalJson((found.rules ?? []).map(foundRule)) === wanted;
    },
  });
}

async function ensureBinding(cluster: Cluster, handle: Handle, scope: string): Promise<{ uid: string }> {
  const namespace = scope === CLUSTER ? null : scope;
  const name = objectName(handle);
  const roleRef = { apiGroup: RBAC, kind: namespace === null ? 'ClusterRole' : 'Role', name };
  const subject = { kind: 'ServiceAccount', name, namespace: handle.access.namespace };
  return await ensure(cluster, bindingShelf(handle, scope), {
    body: {
      apiVersion: RBAC_V1,
      kind: namespace === null ? 'ClusterRoleBinding' : 'RoleBinding',
      metadata: metadataOf(handle, namespace),
      roleRef,
      subjects: [subject],
    },
    marking: handle,
    alike: ({ roleRef: ref, subjects = [] }) => {
      const [only, ...others] = subjects;
      return (
        [ref.apiGroup, ref.kind, ref.name].join() === [roleRef.apiGroup, roleRef.kind, roleRef.name].join() &&
        others.length === 0 &&
        [only?.kind, only?.name, only?.namespace].join() === [subject.kind, subject.name, subject.namespace].join()
      );
    },
  });
}

function plainRule({ apiGroups, resources, resourceNames, verbs }: Rule) {
  return {
    apiGroups: [...apiGroups],
    resources: [...resources],
    ...(resourceNames === undefined ? {} : { resourceNames: [...resourceNames] }),
    verbs: [...verbs],
  };
}

function foundRule({ apiGroups = [], resources = [], resourceNames, verbs, nonResourceURLs }: V1PolicyRule) {
  const base = { apiGroups, resources, verbs, ...(nonResourceURLs === undefined ? {} : { nonResourceURLs }) };
  return resourceNames === undefined ? base : { ...base, resourceNames };
}
