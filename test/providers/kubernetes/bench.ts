/**
 * A cluster for tests with a provider and a target at it, for one file of tests, and the same moved clock for all of them.
 * @module
 */
import assert from 'node:assert/strict';
import { afterEach, after, before } from 'node:test';
import type { Order, Provider } from '../../../src/core/ports.ts';
import type { KubernetesTarget } from '../../../src/providers/kubernetes/provider.ts';
import { fakeCluster } from '../../fakes/kubernetes/server.ts';
import type { FakeCluster } from '../../fakes/kubernetes/server.ts';
import { typeOf } from '../../fakes/kubernetes/types.ts';
import type { Key } from '../../fakes/kubernetes/store.ts';
import { openWorld, orderOf, permission } from './support.ts';
import type { World } from './support.ts';

export interface Bench {
  readonly fake: FakeCluster;
  readonly world: World;
  readonly provider: Provider<KubernetesTarget>;
  readonly target: KubernetesTarget;
  readonly now: () => number;
  passTo(at: number): void;
  /** Of one pod in shop, for a quarter of an hour. */
  order(parts?: Partial<Order>): Order;
  /** Where an order's object of that kind is. @param namespace left out: the one of the accounts. */
  key(order: Order, resource: string, namespace?: string): Key;
}

const RBAC: ReadonlySet<string> = new Set(['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings']);

/** Opens it before the first test and closes it after the last; disturbances end with each test. */
export function bench(): () => Bench {
  let opened: Bench | null = null;
  before(async () => {
    let moved = 0;
    const now = (): number => Date.now() + moved;
    const fake = await fakeCluster({ now });
    const world = await openWorld({ url: fake.url, authority: null, admin: fake.admin }, now);
    const provider = world.provider();
    const target = provider.parseTarget('shop', world.config());
    opened = {
      fake,
      world,
      provider,
      target,
      now,
      passTo: (at) => {
        moved = Math.max(moved, at - Date.now());
      },
      order: (parts = {}) =>
        orderOf({ endsAt: now() + 900_000, permissions: [permission('pods/get', 'shop/pods/web-1')], ...parts }),
      key: (order, resource, namespace) => {
        const [home = '', name = ''] = provider.intend(target, order).name.split('/');
        const type = typeOf(RBAC.has(resource) ? 'rbac.authorization.k8s.io' : '', 'v1', resource);
        assert(type !== undefined);
        return { type, namespace: type.namespaced ? (namespace ?? home) : '', name };
      },
    };
  });
  afterEach(() => {
    opened?.fake.disturb(null);
    opened?.fake.admit(null);
    opened?.fake.quirks({});
  });
  after(async () => {
    await opened?.fake.close();
    await opened?.world.close();
  });
  return () => opened ?? assert.fail('it is not open');
}
