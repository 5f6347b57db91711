/**
 * The application of test/fakes with the broker's own routes, store and policies, and callers with keys of their own.
 * @module
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Hono } from 'hono';
import { apiRoutes } from '../../../src/broker/http/api.ts';
import type { SessionStore } from '../../../src/broker/store/sessions.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { confirmViewSchema } from '../../../src/wire/sessions.ts';
import { type Claim, sessionApp, type SessionAppParts, token } from '../../fakes/session-app.ts';
import { type Answer, type Caller, ID_TOKEN, makeCaller } from '../../support/caller.ts';
import { type Setting, startBroker, type TestBroker } from '../service/world.ts';

export const AUDIENCE = 'https://broker.test';

export const ADA: Principal = { kind: 'user', issuer: 'https://id.test', subject: 'ada', name: 'Ada', groups: ['eng'] };

/** Signs in with a proof of that, made for the caller's own key unless it says otherwise. */
export async function signIn(caller: Caller, claim: Claim, actor?: Claim): Promise<Answer> {
  const idToken = token({ nonce: caller.thumbprint, ...claim });
  return caller.exchange(idToken, actor === undefined ? undefined : token(actor));
}

/** Has the provider say that, now, about the session of the caller. */
export async function confirm(caller: Caller, claim: Claim): Promise<Answer> {
  const body = { subject_token: token(claim), subject_token_type: ID_TOKEN };
  return caller.call('POST', '/v1/sessions/confirm', body);
}

/** The same where it must work: the confirmation. */
export async function word(caller: Caller, claim: Claim = { principal: ADA }): Promise<string> {
  const { status, body } = await confirm(caller, claim);
  assert.equal(status, 200, JSON.stringify(body));
  return confirmViewSchema.parse(body).confirmation;
}

export interface SessionWorld extends TestBroker {
  readonly app: Hono;
  readonly store: TestBroker['store'] & SessionStore;
  caller(): Promise<Caller>;
  /** Types of the audit entries about sessions so far, with the cause of a refusal. */
  story(): Promise<readonly string[]>;
}

export interface SessionSetting extends Pick<SessionAppParts, 'emergency' | 'limits'> {
  readonly broker?: Setting;
}

export async function sessionWorld(
  t: TestContext,
  deviceAllowed: 'device' | 'no device' = 'no device',
  { broker, ...more }: SessionSetting = {},
): Promise<SessionWorld> {
  const world = await startBroker(broker);
  t.after(async () => world.stop());
  const { now, random, log } = world.world;
  // Safe: it is the SQLite store, which is both.
  const store = world.store as TestBroker['store'] & SessionStore;
  const client = { id: 'jit', scopes: [], device: deviceAllowed === 'device' };
  const app = sessionApp({
    store,
    signIn: { audience: AUDIENCE, providers: [{ name: 'idp', type: 'oidc', issuer: 'https://id.test', client }] },
    now,
    random,
    log,
    routes: apiRoutes(world.broker, async () => ({ operations: [], targets: [] })),
    hosts: new Set(['broker.test']),
    ...more,
  });
  return {
    ...world,
    app,
    store,
    caller: async () =>
      makeCaller({
        send: async (path, { headers, ...sent }) =>
          app.request(path, { ...sent, headers: { host: 'broker.test', ...headers } }),
        base: AUDIENCE,
        now,
      }),
    story: async () => {
      const entries = await sessionLines(world);
      return entries.map(({ type, data }) => (data.cause === undefined ? type : `${type}: ${data.cause}`));
    },
  };
}

interface Line {
  readonly type: string;
  readonly data: { readonly cause?: string };
}

async function sessionLines({ store }: TestBroker): Promise<readonly Line[]> {
  const found = await store.entries({ from: 0, limit: 1_000 });
  return found.map(({ line }): Line => JSON.parse(line)).filter(({ type }) => type.startsWith('session.'));
}
