/**
 * What somebody has done before with what they ask for again.
 * @module
 */
import type { ReviewView } from '../../wire/views.ts';
import type { Store, StoredRequest } from '../store/store.ts';

/** How many of the requester's latest requests are looked at. */
const LOOK_BACK = 200;

/** Counts the requester's own earlier requests for any of the same operations. */
export async function historyOf(store: Store, { request }: StoredRequest): Promise<ReviewView['history']> {
  const operations = new Set(request.asks.map(({ operation }) => operation));
  const latest = await store.requests({ requester: request.requester, limit: LOOK_BACK });
  const earlier = latest.filter(
    (each) =>
      each.request.id !== request.id &&
      each.request.createdAt <= request.createdAt &&
      each.request.asks.some(({ operation }) => operations.has(operation)),
  );
  const grants = await Promise.all(earlier.map(async ({ grant }) => (grant === null ? null : store.grant(grant))));
  const granted = grants.filter((each) => each !== null);
  const last = Math.max(0, ...granted.map(({ createdAt }) => createdAt));
  return {
    requests: earlier.length,
    granted: granted.length,
    denied: earlier.filter(({ decision }) => decision.state === 'denied').length,
    used: granted.filter(({ deliveredAt }) => deliveredAt !== null).length,
    lastGrantedAt: last === 0 ? null : new Date(last).toISOString(),
  };
}
