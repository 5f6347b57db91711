/**
 * Two brokers over one SQLite store for the model of approvals: real service, the worked example of policies, a cloud that counts, a clock
 * that only moves when it is told to, and nothing that happens by itself.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { makeIncidents } from '../../../src/broker/incidents/registry.ts';
import { makeCatalog } from '../../../src/broker/catalog/catalog.ts';
import { parseBrokerConfig } from '../../../src/broker/config/config.ts';
import { type Approvals, makeApprovals } from '../../../src/broker/service/approvals.ts';
import { type Broker, makeBroker } from '../../../src/broker/service/broker.ts';
import { makeChanges } from '../../../src/broker/service/changes.ts';
import { makeIssuer } from '../../../src/broker/service/issue.ts';
import { SILENT } from '../../../src/broker/service/tell.ts';
import type { World } from '../../../src/broker/service/world.ts';
import { openSqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import type { Store } from '../../../src/broker/store/store.ts';
import { isGrantId, type RequestId } from '../../../src/core/ids.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { loadPolicies, type PolicySet } from '../../../src/policy/load.ts';
import { type FakeCloud, fakeCloud } from '../../fakes/cloud.ts';
import { CONFIG, placesOf } from './example.ts';
import { accountOf, atFirst, GROUPS, type Membership, type Name, nameOf } from './people.ts';
import { type Case, CONFIRM_MS, type Surroundings, TAKE_UP_MS, WAIT_MS } from './reference.ts';
import { RULES, sourcesOf } from './rules.ts';

export interface Twins {
  readonly store: Store;
  readonly cloud: FakeCloud;
  readonly brokers: readonly { readonly broker: Broker; readonly approvals: Approvals }[];
  /** What both see of the world outside. Set it and they see it at once. */
  around: Surroundings;
  principal(name: Name): Principal;
  version(rules: number): string;
  /** The request as it is stored, in the words of the reference. */
  read(id: RequestId): Promise<Case>;
  close(): Promise<void>;
}

/** A Wednesday in office hours. */
const MORNING = Date.parse('2026-03-25T09:00:00+01:00');

const policies: Promise<readonly PolicySet[]> = Promise.all(
  RULES.map(async (rules) => remembering(await loadPolicies({ sources: sourcesOf(rules) }))),
);

/**
 * The real engine's answers, each asked for once: there are few questions, and a run asks them a million times. No sequence
 * lasts until the hours of a rule begin or end, so that the time is left out of what is asked.
 */
function remembering(set: PolicySet): PolicySet {
  const verdicts = new Map<string, ReturnType<PolicySet['decide']>>();
  const approvals = new Map<string, boolean>();
  return {
    ...set,
    decide: (question) => {
      const timeless = { ...question, now: MORNING };
      return once(verdicts, JSON.stringify(timeless), () => set.decide(timeless));
    },
    approves: (voter, question, manner) => {
      const timeless = { ...question, now: MORNING };
      return once(approvals, JSON.stringify([voter, timeless, manner]), () => set.approves(voter, timeless, manner));
    },
  };
}

function once<T>(known: Map<string, T>, key: string, ask: () => T): T {
  const answer = known.get(key) ?? ask();
  known.set(key, answer);
  return answer;
}

export async function openTwins(file = ':memory:'): Promise<Twins> {
  const sets = await policies;
  const outside = { around: { rules: 0, groups: atFirst(), now: MORNING } };
  const now = (): number => outside.around.now;
  const cloud = fakeCloud(now);
  const store = await openSqliteStore({ file, now });
  // Audit first: the intent is durable before the cloud hears of it.
  cloud.onCall = async (verb, grant) => {
    if (verb !== 'issue') return;
    const entries = isGrantId(grant) ? await store.entries({ grant, from: 0, limit: 100 }) : [];
    assert.ok(entries.some(({ line }) => line.includes('"grant.intended"')));
  };
  const changes = makeChanges();
  const setOf = (rules: number): PolicySet => sets[rules] ?? assert.fail();
  const principal = (name: Name): Principal => asNow(accountOf(name).principal, outside.around.groups);
  const { targets, reader } = placesOf(now);
  const silent = (): void => undefined;
  const log = { info: silent, warn: silent, error: silent };
  const brokers = ['one', 'other'].map(() => {
    const world: World = {
      store,
      get policy() {
        return setOf(outside.around.rules);
      },
      catalog: makeCatalog(parseBrokerConfig(CONFIG, 'model'), targets),
      targets,
      providers: new Map([[cloud.provider.kind, { ...cloud.provider, ...reader }]]),
      providerOf: async () => cloud.provider,
      changes,
      now,
      random: (bytes) => randomBytes(bytes),
      log,
      approvals: { approvers: 'people', waitMs: WAIT_MS, takeUpMs: TAKE_UP_MS, confirmMs: CONFIRM_MS },
      incidents: makeIncidents({ sources: new Map(), people: new Map(), now, log }),
      emergencies: { staleMs: 0, rate: { requests: 1, withinMs: 1 }, openReviews: 1, commanders: [] },
      teller: SILENT,
      present: async (who) => asNow(who, outside.around.groups),
    };
    const approvals = makeApprovals(world);
    return { broker: makeBroker(world, makeIssuer(world), approvals, silent), approvals };
  });
  return {
    store,
    cloud,
    brokers,
    get around() {
      return outside.around;
    },
    set around(next) {
      outside.around = next;
    },
    principal,
    version: (rules) => setOf(rules).version,
    read: async (id) => {
      const { decision, votes, grant } = (await store.request(id)) ?? assert.fail(`${id} is gone`);
      const rulesOf = (version: string): number => sets.findIndex((set) => set.version === version);
      return {
        state: decision.state,
        tier: decision.tier,
        quorum: decision.quorum.map(({ group, approvers }) => `${approvers} ${group ?? 'anybody'}`).toSorted(),
        rules: rulesOf(decision.policy),
        deadline: decision.deadline,
        votes: votes.map(({ voter, choice, policy, attended }) => ({
          by: nameOf(voter),
          choice,
          attended,
          rules: rulesOf(policy),
        })),
        granted: grant !== null,
      };
    },
    close: async () => {
      changes.release();
      await store.close();
    },
  };
}

function asNow(who: Principal, groups: Membership): Principal {
  const present = <T extends Principal>(one: T): T => ({
    ...one,
    groups: GROUPS.filter((group) => groups.get(nameOf(one))?.has(group)),
  });
  return who.actsFor === undefined ? present(who) : present({ ...who, actsFor: present(who.actsFor) });
}
