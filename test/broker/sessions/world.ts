/**
 * The broker's application with real sessions, proofs, store and policies. Only who vouches is of the test: its tokens are
 * JSON that says what they prove, since checking real ones has tests of its own.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { Hono } from 'hono';
import { apiRoutes } from '../../../src/broker/http/api.ts';
import { makeApp } from '../../../src/broker/http/app.ts';
import type { SessionStore } from '../../../src/broker/store/sessions.ts';
import { JitError } from '../../../src/core/errors.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Verified, Verifier } from '../../../src/identity/verify/verified.ts';
import { signInBySession } from '../../../src/jit-broker/sign-in.ts';
import { TOKEN_EXCHANGE, type TokenView } from '../../../src/wire/sessions.ts';
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

/** A caller with a key, who makes its proofs by jose and asks again with the nonce of the answer. */
export interface Caller {
  readonly thumbprint: string;
  /** The token of the last exchange or renewal; what the next call is made with. */
  access: string | null;
  refresh: string | null;
  proof(method: string, path: string, changes?: Readonly<Record<string, unknown>>): Promise<string>;
  call(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  signIn(claim: Claim, actor?: Claim): Promise<Answer>;
  renew(refresh?: string | null): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // The shape of what is read from it is what the tests assert.
  readonly body: Readonly<Record<string, unknown>>;
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
  const signIn = signInBySession({
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
    routes: [...signIn.routes, ...apiRoutes(world.broker, async () => ({ operations: [], targets: [] }))],
    version: '0',
    identify: signIn.identify,
    nonce: signIn.nonce,
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
    caller: async () => makeCaller(app, now),
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

async function makeCaller(app: Hono, now: () => number): Promise<Caller> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  const thumbprint = await calculateJwkThumbprint(jwk);
  let nonce = '';
  const me: Caller = {
    thumbprint,
    access: null,
    refresh: null,
    proof: async (method, path, changes = {}) =>
      new SignJWT({
        jti: randomBytes(12).toString('hex'),
        htm: method,
        htu: `${AUDIENCE}${path}`,
        iat: Math.floor(now() / 1_000),
        nonce,
        ...(me.access === null ? {} : { ath: createHash('sha256').update(me.access).digest('base64url') }),
        ...changes,
      })
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
        .sign(privateKey),
    call: async (method, path, body, headers = {}) => {
      for (let round = 0; ; round++) {
        const response = await app.request(path, {
          method,
          headers: {
            host: 'broker.test',
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...(me.access === null ? {} : { authorization: `DPoP ${me.access}` }),
            dpop: await me.proof(method, path.replace(/\?.*/, '')),
            ...headers,
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        nonce = response.headers.get('dpop-nonce') ?? nonce;
        const text = await response.text();
        const answer: Answer = {
          status: response.status,
          headers: response.headers,
          body: text === '' ? {} : JSON.parse(text),
        };
        if (round > 0 || answer.body['code'] !== 'ERR_PROOF_NONCE') return answer;
      }
    },
    signIn: async (claim, actor) => {
      me.access = null;
      const answer = await me.call('POST', '/v1/sessions', {
        grant_type: TOKEN_EXCHANGE,
        subject_token: token({ nonce: thumbprint, ...claim }),
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
        ...(actor === undefined
          ? {}
          : { actor_token: token(actor), actor_token_type: 'urn:ietf:params:oauth:token-type:jwt' }),
      });
      keep(answer);
      return answer;
    },
    renew: async (refresh = me.refresh) => {
      me.access = null;
      const answer = await me.call('POST', '/v1/sessions', { grant_type: 'refresh_token', refresh_token: refresh });
      keep(answer);
      return answer;
    },
  };
  function keep({ status, body }: Answer): void {
    if (status !== 201) return;
    // Safe: the status says that it is one.
    const view = body as unknown as TokenView;
    [me.access, me.refresh] = [view.access_token, view.refresh_token];
  }
  return me;
}
