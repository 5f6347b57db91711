/**
 * The broker's application with real sessions, proofs, store and policies. Only who vouches is of the test: its tokens are
 * JSON that says what they prove, since checking real ones has tests of its own.
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { Hono } from 'hono';
import { apiRoutes } from '../../../src/broker/http/api.ts';
import { makeApp } from '../../../src/broker/http/app.ts';
import type { SessionStore } from '../../../src/broker/store/sessions.ts';
import { JitError } from '../../../src/core/errors.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { Verified, Verifier } from '../../../src/identity/verify/verified.ts';
import { signInBySession } from '../../../src/jit-broker/sign-in.ts';
import { type Answer, type Caller, makeCaller } from '../../support/caller.ts';
import { startBroker, type TestBroker } from '../service/world.ts';

export const AUDIENCE = 'https://broker.test';

/** What a token of the test proves. */
export interface Claim extends Partial<Omit<Verified, 'principal'>> {
  readonly principal: Principal;
}

export const ADA: Principal = { kind: 'user', issuer: 'https://id.test', subject: 'ada', name: 'Ada', groups: ['eng'] };

export function token(claim: Claim): string {
  return JSON.stringify({ once: randomBytes(8).toString('hex'), ...claim });
}

/** Signs in with a proof of that, made for the caller's own key unless it says otherwise. */
export async function signIn(caller: Caller, claim: Claim, actor?: Claim): Promise<Answer> {
  const idToken = token({ nonce: caller.thumbprint, ...claim });
  return caller.exchange(idToken, actor === undefined ? undefined : token(actor));
}

function verifierAt(now: () => number): Verifier {
  return {
    verify: async ({ token: secret }) => {
      const text = secret.expose();
      if (!text.startsWith('{')) throw new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'not proven' });
      // Safe: the tests made it.
      const claim = JSON.parse(text) as Claim & Pick<Verified, 'once'>;
      return {
        provider: 'idp',
        issuedAt: now(),
        until: now() + 600_000,
        nonce: null,
        renewal: 'on demand',
        ...claim,
      };
    },
  };
}

export interface SessionWorld extends TestBroker {
  readonly app: Hono;
  readonly store: TestBroker['store'] & SessionStore;
  caller(): Promise<Caller>;
  /** Types of the audit entries about sessions so far, with the cause of a refusal. */
  story(): Promise<readonly string[]>;
}

export async function sessionWorld(
  t: TestContext,
  deviceAllowed: 'device' | 'no device' = 'no device',
): Promise<SessionWorld> {
  const world = await startBroker();
  t.after(async () => world.stop());
  const { now, random, log } = world.world;
  // Safe: it is the SQLite store, which is both.
  const store = world.store as TestBroker['store'] & SessionStore;
  const client = { id: 'jit', scopes: [], device: deviceAllowed === 'device' };
  const sessions = signInBySession({
    store,
    verifier: verifierAt(now),
    limits: { length: 3_600, token: 600, recheck: 30 },
    signIn: { audience: AUDIENCE, providers: [{ name: 'idp', type: 'oidc', issuer: 'https://id.test', client }] },
    scheme: 'http',
    now,
    random,
    log,
  });
  const app = makeApp({
    routes: [...sessions.routes, ...apiRoutes(world.broker, async () => ({ operations: [], targets: [] }))],
    version: '0',
    identify: sessions.identify,
    nonce: sessions.nonce,
    hosts: new Set(['broker.test']),
    health: () => ({ status: 'ok', version: '0', sandbox: false }),
    ready: async () => true,
    metrics: async () => '',
    discovery: () => ({}),
    jwks: () => ({}),
    log,
    observe: () => undefined,
    touch: () => undefined,
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
