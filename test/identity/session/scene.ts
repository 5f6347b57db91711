/**
 * One user's machine and a shared broker: any number of processes' sessions over the same stores and locks.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type BrokerClient, openClient } from '../../../src/client/client.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { SecretStore } from '../../../src/identity/secrets/store.ts';
import { signInAsPerson } from '../../../src/identity/session/person.ts';
import { openSession, type Session, type SessionParts } from '../../../src/identity/session/session.ts';
import type { WorkloadPort } from '../../../src/identity/session/workload.ts';
import {
  type FakeIdp,
  fakeIdp,
  PERSON,
  type SessionBroker,
  sessionBroker,
  type SessionBrokerOptions,
  vouch,
} from '../../fakes/sessions.ts';
import { tempFolder } from '../../support/home.ts';

/** A store in this process's memory that counts what is asked of it. */
export interface CountingStore extends SecretStore {
  readonly kept: Map<string, string>;
  readonly asked: { get: number; set: number };
  /** While set, every call throws it. */
  trouble: Error | null;
}

export function memoryStore(label = 'the keychain of this test'): CountingStore {
  const kept = new Map<string, string>();
  const asked = { get: 0, set: 0 };
  const store: CountingStore = {
    label,
    kept,
    asked,
    trouble: null,
    get: async (name) => {
      asked.get += 1;
      if (store.trouble !== null) throw store.trouble;
      const text = kept.get(name);
      return text === undefined ? null : new Secret(text);
    },
    set: async (name, secret) => {
      asked.set += 1;
      if (store.trouble !== null) throw store.trouble;
      kept.set(name, secret.expose());
    },
    delete: async (name) => {
      if (store.trouble !== null) throw store.trouble;
      kept.delete(name);
    },
  };
  return store;
}

/** What stands for one process: its session, and a client that makes calls with it. */
export interface Process {
  readonly session: Session;
  readonly client: BrokerClient;
  readonly parts: SessionParts;
}

export interface Scene {
  readonly broker: SessionBroker;
  readonly idp: FakeIdp;
  readonly keychain: CountingStore;
  readonly memory: CountingStore;
  /** What a process finds on this machine to sign in with by itself. */
  sources: readonly WorkloadPort[];
  process(parts?: Partial<SessionParts>): Process;
  /** As `jit login` does. */
  signIn(subject?: string, parts?: Partial<SessionParts>): Promise<Process>;
  /** The one record in a store, as it is written there. */
  stored(store?: CountingStore): Record<string, unknown>;
}

export async function scene(t: TestContext, options: SessionBrokerOptions = {}): Promise<Scene> {
  const broker = await sessionBroker(options);
  t.after(() => broker.stop());
  const idp = fakeIdp();
  const [keychain, memory] = [memoryStore(), memoryStore('the memory of this test')];
  const locks = join(tempFolder(t), 'locks');
  const result: Scene = {
    broker,
    idp,
    keychain,
    memory,
    sources: [],
    process: (changed = {}) => {
      const parts: SessionParts = {
        ref: broker.ref,
        keychain: async () => keychain,
        memory: async () => memory,
        openClient: (authorizer) => openClient(broker.ref, { userAgent: 'test', authorizer }),
        locks,
        now: Date.now,
        random: (bytes) => randomBytes(bytes),
        refreshIdp: ({ refreshToken }) => idp.refresh(refreshToken),
        note: () => undefined,
        workloads: {
          detect: async () => result.sources,
          lookedFor: [],
          restore: ({ source }) => {
            const found = result.sources.find(({ name }) => name === source);
            if (found === undefined) throw new TypeError('no such source');
            return found;
          },
        },
        ...changed,
      };
      const session = openSession(parts);
      const client = openClient(broker.ref, { userAgent: 'test', authorizer: session });
      t.after(() => client.close());
      return { session, client, parts };
    },
    signIn: async (subject = 'ada', changed = {}) => {
      const process = result.process(changed);
      await signInAsPerson(process.parts, process.session, PERSON, async (nonce) => idp.signIn(subject, nonce));
      return process;
    },
    stored: (store = keychain) => {
      const [text] = store.kept.values();
      return JSON.parse(text ?? 'null');
    },
  };
  return result;
}

/** A pipeline that can vouch as often as it is asked, or once. */
export function ciSource(
  options: { readonly renewal?: 'on demand' | 'fixed'; readonly once?: string } = {},
): WorkloadPort & {
  readonly asked: { audience: string; nonce: string }[];
} {
  const asked: { audience: string; nonce: string }[] = [];
  const { renewal = 'on demand', once } = options;
  return {
    name: 'github',
    label: 'GitHub Actions',
    env: new Secret({ ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'CANARY' }),
    asked,
    fetch: async ({ audience, binding: { nonce } }) => {
      asked.push({ audience, nonce });
      const claims = { provider: 'ci', subject: 'repo:1', kind: 'workload', renewal, boundTo: nonce } as const;
      const token = vouch(once === undefined ? claims : { ...claims, once });
      return { type: 'urn:ietf:params:oauth:token-type:jwt', token };
    },
  };
}

/** A call that needs a session, and one that needs the identity provider to have vouched lately. */
export const look = ({ client }: Process): Promise<unknown> => client.grants({ live: true });
export const issue = ({ client }: Process): Promise<unknown> => client.use(`gr_${'0'.repeat(26)}`, { uses: [] });
