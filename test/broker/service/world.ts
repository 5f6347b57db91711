/**
 * A broker for tests: real service, worker, policy engine and SQLite store around the cloud of `test/fakes/cloud.ts`.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type Approvals, makeApprovals } from '../../../src/broker/service/approvals.ts';
import { type Broker, makeBroker } from '../../../src/broker/service/broker.ts';
import { makeChanges } from '../../../src/broker/service/changes.ts';
import { makeIssuer } from '../../../src/broker/service/issue.ts';
import { reconcile } from '../../../src/broker/service/reconcile.ts';
import { SILENT, type Teller } from '../../../src/broker/service/tell.ts';
import type { ApprovalSettings, EmergencySettings, World } from '../../../src/broker/service/world.ts';
import { openSqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import type { Store } from '../../../src/broker/store/store.ts';
import { startWorker, type Worker } from '../../../src/broker/worker/worker.ts';
import type { IsWho } from '../../../src/broker/incidents/people.ts';
import { makeIncidents } from '../../../src/broker/incidents/registry.ts';
import { makeCatalog } from '../../../src/broker/catalog/catalog.ts';
import { parseBrokerConfig } from '../../../src/broker/config/config.ts';
import type { IncidentSource } from '../../../src/core/incident.ts';
import type { Provider, Target } from '../../../src/core/ports.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { loadPolicies } from '../../../src/policy/load.ts';
import type { PolicySource } from '../../../src/policy/read.ts';
import type { RequestBody } from '../../../src/wire/bodies.ts';
import { type FakeCloud, fakeCloud, type Keeping, target } from '../../fakes/cloud.ts';

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
@id("own") @tier("self-serve") @max("1h")
permit(principal, action == Jit::Action::"Request", resource) when { context.operation like "s3:Restore*" };
@id("leads") permit(principal in Jit::Group::"leads", action == Jit::Action::"Approve", resource);
`;

export interface TestBroker {
  readonly broker: Broker;
  readonly approvals: Approvals;
  readonly world: World;
  readonly cloud: FakeCloud;
  /** Those of `Setting.clouds`, by name. */
  readonly clouds: ReadonlyMap<string, FakeCloud>;
  readonly worker: Worker;
  readonly store: Store;
  /** Loads other policies, as a running broker does. */
  policy(text: string): Promise<void>;
  /** Moves the broker's and the cloud's clock. */
  advance(ms: number): void;
  stop(): Promise<void>;
}

export interface Setting {
  readonly file?: string;
  readonly targets?: readonly string[];
  /** How the cloud keeps what it issues; `sessions` if left out. */
  readonly keeps?: Keeping;
  /** Further clouds: each is a provider of that name with one target of that name. */
  readonly clouds?: Readonly<Record<string, Keeping>>;
  readonly policy?: string | readonly PolicySource[];
  /** Operations of a configuration, and its targets in place of `targets`. */
  readonly offer?: Offer;
  /** Where its clock starts, epoch ms; left out, it is the present. */
  readonly startAt?: number;
  readonly approvals?: Partial<ApprovalSettings>;
  readonly teller?: Teller;
  /** Where incidents are looked up. */
  readonly sources?: readonly IncidentSource[];
  /** Who of their people is who, where it is not by their subjects. */
  readonly people?: IsWho;
  readonly emergencies?: Partial<EmergencySettings>;
  /** Somebody as the identity provider last vouched for them, where that is newer than what is given. */
  readonly present?: (who: Principal) => Principal | undefined;
  /** Continues with the cloud and the clock of another broker, as its successor. */
  readonly after?: TestBroker;
  /** Of those clouds, the ones that the configuration does not have any more. */
  readonly without?: readonly string[];
  /** Without a worker, nothing happens but what calls do themselves. */
  readonly worker?: 'off';
  /** Left out, nobody reads it. */
  readonly log?: World['log'];
}

export interface Offer {
  /** The text of broker.yaml. */
  readonly config: string;
  readonly targets: ReadonlyMap<string, Target>;
  /** Reads permissions as the real cloud does; what is issued is still the fake's. */
  readonly reader: Pick<Provider, 'assess' | 'plan'>;
}

const clocks = new WeakMap<FakeCloud, { offset: number }>();

export async function startBroker(setting: Setting = {}): Promise<TestBroker> {
  const clock = (setting.after === undefined ? undefined : clocks.get(setting.after.cloud)) ?? {
    offset: setting.startAt === undefined ? 0 : setting.startAt - Date.now(),
  };
  const now = (): number => Date.now() + clock.offset;
  const cloud = setting.after?.cloud ?? fakeCloud(now, { keeps: setting.keeps ?? 'sessions' });
  const more = Object.entries(setting.clouds ?? {}).map(
    ([name, keeps]) => [name, fakeCloud(now, { kind: name, keeps })] as const,
  );
  const without = new Set(setting.without);
  const clouds = new Map([...(setting.after?.clouds ?? new Map(more))].filter(([name]) => !without.has(name)));
  clocks.set(cloud, clock);
  const store = await openSqliteStore({ file: setting.file ?? ':memory:', now });
  const { offer } = setting;
  const targets =
    offer?.targets ??
    new Map([
      ...(setting.targets ?? ['main']).map((name) => [name, target(name, cloud.provider.kind)] as const),
      ...[...clouds.keys()].map((name) => [name, target(name, name)] as const),
    ]);
  const { policy = POLICY } = setting;
  const texts = typeof policy === 'string' ? [{ name: 'test.cedar', text: policy }] : policy;
  const policies = { current: await loadPolicies({ sources: texts }) };
  const log = setting.log ?? { info: () => undefined, warn: () => undefined, error: () => undefined };
  const sources = new Map((setting.sources ?? []).map((source) => [source.name, source]));
  const isWho: IsWho = setting.people ?? (({ id }, who) => id === who.subject);
  const people = new Map([...sources.keys()].map((name) => [name, isWho]));
  const incidents = makeIncidents({ sources, people, now, log });
  const everywhere = [cloud, ...(setting.after?.clouds ?? clouds).values()].map(({ provider }) => provider);
  const world: World = {
    store,
    get policy() {
      return policies.current;
    },
    catalog: makeCatalog(parseBrokerConfig(offer?.config ?? '{}', 'test'), targets),
    targets,
    providers: new Map([
      [cloud.provider.kind, { ...cloud.provider, ...offer?.reader }],
      ...[...clouds].map(([name, { provider }]) => [name, provider] as const),
    ]),
    providerOf: async (kind) => everywhere.find((each) => each.kind === kind) ?? assert.fail(`no provider ${kind}`),
    changes: makeChanges(),
    now,
    random: (bytes) => randomBytes(bytes),
    log,
    approvals: {
      approvers: 'people',
      waitMs: 3_600_000,
      takeUpMs: 1_800_000,
      confirmMs: 600_000,
      ...setting.approvals,
    },
    incidents,
    emergencies: {
      staleMs: 300_000,
      rate: { requests: 3, withinMs: 3_600_000 },
      openReviews: 2,
      commanders: [],
      ...setting.emergencies,
    },
    teller: setting.teller ?? SILENT,
    present: async (who) => setting.present?.(who) ?? who,
  };
  await reconcile(world);
  const issuer = makeIssuer(world);
  const idle: Worker = { wake: () => undefined, busy: () => 0, stop: async () => undefined };
  const worker = setting.worker === 'off' ? idle : startWorker(world, issuer);
  const approvals = makeApprovals(world);
  return {
    broker: makeBroker(world, issuer, approvals, worker.wake),
    approvals,
    world,
    cloud,
    clouds,
    worker,
    store,
    policy: async (text) => {
      policies.current = await loadPolicies({ sources: [{ name: 'test.cedar', text }] });
      await approvals.judgeAnew();
    },
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
