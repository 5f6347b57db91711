/**
 * What a cluster still has of this broker, found by the marks on its accounts.
 * @module
 */
import type { V1ServiceAccount } from '@kubernetes/client-node';
import { JitError } from '../../core/errors.ts';
import { isGrantId } from '../../core/ids.ts';
import type { Clock, Leftover } from '../../core/ports.ts';
import type { Cluster } from './client.ts';
import { handleName, writeHandle } from './handle.ts';
import type { Handle } from './handle.ts';
import { GRANT, NOT_AFTER, SCOPES, isMarked, objectName, selectorOf } from './names.ts';
import { LEEWAY_SECONDS } from './plan.ts';
import { CLUSTER, isNamespace } from './resource.ts';
import type { KubernetesTarget } from './target.ts';

const PAGE = 500;
/** More than any cluster has: a server that never comes to an end is not followed. */
const PAGES = 200;

/** Throws what calls throw. @param of the broker and the target. */
export async function leftovers(
  cluster: Cluster,
  target: KubernetesTarget,
  of: { readonly owner: string; readonly target: string; readonly now: Clock },
): Promise<readonly Leftover[]> {
  const found: Leftover[] = [];
  const seen = new Set<string>();
  let next: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const token = next === undefined ? {} : { _continue: next };
    const { items, metadata } = await cluster.call(
      `list serviceaccounts of ${target.access.namespace}`,
      async ({ core }) =>
        await core.listNamespacedServiceAccount({
          namespace: target.access.namespace,
          labelSelector: selectorOf(of),
          limit: PAGE,
          ...token,
        }),
    );
    for (const account of items) {
      const one = leftoverOf(account, target, of);
      if (one === null || seen.has(one.grant)) continue;
      seen.add(one.grant);
      found.push(one);
    }
    next = metadata?._continue;
    if (next === undefined || next === '') return found;
  }
  throw new JitError({ code: 'ERR_CLOUD', message: 'the list of serviceaccounts does not end' });
}

/** Null for what only looks like jit's. */
function leftoverOf(
  { metadata }: V1ServiceAccount,
  target: KubernetesTarget,
  of: { readonly owner: string; readonly target: string; readonly now: Clock },
): Leftover | null {
  const grant = metadata?.labels?.[GRANT] ?? '';
  if (!isGrantId(grant)) return null;
  const marking = { grant, owner: of.owner, target: of.target };
  if (metadata?.name !== objectName(marking) || !isMarked(metadata.labels, marking)) return null;
  const scopes = (metadata.annotations?.[SCOPES] ?? '').split(',');
  const handle: Handle = {
    ...marking,
    access: target.access,
    // An unreadable list of places costs nothing that matters: without its account and Secret a grant is dead.
    scopes: scopes.filter((scope) => scope === CLUSTER || isNamespace(scope)),
  };
  const until = Date.parse(metadata.annotations?.[NOT_AFTER] ?? '');
  const longest = of.now() + (target.tokenSeconds + LEEWAY_SECONDS) * 1_000;
  const notAfter = Number.isFinite(until) ? until : longest;
  return { grant, handle: writeHandle(handle), name: handleName(handle), notAfter };
}
