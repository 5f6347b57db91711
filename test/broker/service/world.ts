/**
 * A broker for tests: real service, worker, policy engine and SQLite store around the cloud of `test/fakes/cloud.ts`.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { type Broker, makeBroker } from '../../../src/broker/service/broker.ts';
import { makeChanges } from '../../../src/broker/service/changes.ts';
import { makeIssuer } from '../../../src/broker/service/issue.ts';
import { reconcile } from '../../../src/broker/service/reconcile.ts';
import type { World } from '../../../src/broker/service/world.ts';
import { openSqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import type { Store } from '../../../src/broker/store/store.ts';
import { startWorker, type Worker } from '../../../src/broker/worker/worker.ts';
import { makeCatalog } from '../../../src/broker/catalog/catalog.ts';
import { parseBrokerConfig } from '../../../src/broker/config/config.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { loadPolicies } from '../../../src/policy/load.ts';
import type { RequestBody } from '../../../src/wire/bodies.ts';
import { type FakeCloud, fakeCloud, target } from '../../fakes/cloud.ts';

export const ALICE: Principal = {
  kind: 'user',
  issuer: 'https://id.test',
  subject: 'alice',
  name: 'alice',
  groups: [],
};
export const BOB: Principal = { kind: 'user', issuer: 'https://id.test', subject: 'bob', name: 'bob', groups: [] };

const POLICY = `
@id("easy") @tier("auto") @max("1h")
permit(principal, action == Jit::Action::"Request", resource) when { context.operation like "s3:Get*" };
@id("people") @tier("manual") @max("1h") @approvers("2") @approver_group("leads")
permit(principal, action == Jit::Action::"Request", resource) when { context.operation like "s3:Put*" };
`;

export interface TestBroker {
  readonly broker: Broker;
  readonly world: World;
  readonly cloud: FakeCloud;
  readonly worker: Worker;
  readonly store: Store;
  /** Moves the broker's and the cloud's clock. */
  advance(ms: number): void;
  stop(): Promise<void>;
}

export interface Setting {
  readonly file?: string;
  readonly targets?: readonly string[];
  /** Continues with the cloud and the clock of another broker, as its successor. */
  readonly after?: TestBroker;
  /** Without a worker, nothing happens but what calls do themselves. */
  readonly worker?: 'off';
}

const clocks = new WeakMap<FakeCloud, { offset: number }>();

export async function startBroker(setting: Setting = {}): Promise<TestBroker> {
  const clock = (setting.after === undefined ? undefined : clocks.get(setting.after.cloud)) ?? { offset: 0 };
  const now = (): number => Date.now() + clock.offset;
  const cloud = setting.after?.cloud ?? fakeCloud(now);
  clocks.set(cloud, clock);
  const store = await openSqliteStore({ file: setting.file ?? ':memory:', now });
  const targets = new Map((setting.targets ?? ['main']).map((name) => [name, target(name, cloud.provider.kind)]));
  const world: World = {
    store,
    policy: await loadPolicies({ sources: [{ name: 'test.cedar', text: POLICY }] }),
    catalog: makeCatalog(parseBrokerConfig('{}', 'test'), targets),
    targets,
    providers: new Map([[cloud.provider.kind, cloud.provider]]),
    changes: makeChanges(),
    now,
    random: (bytes) => randomBytes(bytes),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  };
  await reconcile(world);
  const issuer = makeIssuer(world);
  const idle: Worker = { wake: () => undefined, busy: () => 0, stop: async () => undefined };
  const worker = setting.worker === 'off' ? idle : startWorker(world, issuer);
  return {
    broker: makeBroker(world, issuer, worker.wake),
    world,
    cloud,
    worker,
    store,
    advance: (ms) => {
      clock.offset += ms;
      worker.wake(now());
    },
    stop: async () => {
      world.changes.release();
      await worker.stop();
      await store.close();
    },
  };
}

export function ask(operation = 's3:GetObject', more: Partial<RequestBody> & { target?: string } = {}): RequestBody {
  const { target: where = 'main', ...rest } = more;
  return {
    authorization_details: [{ type: 'jit_access', operation, resources: ['arn:aws:s3:::bucket/key'], target: where }],
    seconds: 600,
    reason: 'a test',
    ...rest,
  };
}
