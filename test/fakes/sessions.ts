/**
 * A shared broker that knows nothing but sessions: routes, sessions, proofs and store are the broker's own, on a real socket.
 * Only who vouches is a stand-in: a verifier that believes what a token says, and an identity provider with rotation.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { type Route, route } from '../../src/broker/http/routes.ts';
import { openSqliteStore } from '../../src/broker/store/sqlite/store.ts';
import type { SharedBroker } from '../../src/identity/session/record.ts';
import type { Vouched } from '../../src/identity/session/session.ts';
import { parseBrokerUrl } from '../../src/client/ref.ts';
import { JitError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Verifier } from '../../src/identity/verify/verified.ts';
import type { ProviderView } from '../../src/wire/sessions.ts';
import { outcomeListSchema } from '../../src/wire/views.ts';
import { freePort } from '../support/port.ts';
import { type Claim, sessionApp, type SessionAppParts, token as tokenOf } from './session-app.ts';

/** What a token of the stand-in says. */
export interface Claims extends Omit<Claim, 'principal'> {
  readonly provider: string;
  readonly subject: string;
  readonly groups?: readonly string[];
  readonly kind?: 'user' | 'workload';
}

export interface SessionBroker {
  readonly ref: SharedBroker;
  readonly audience: string;
  /** `METHOD path status` of every call, in order. */
  readonly calls: readonly string[];
  /** Types of audit entries, oldest first. */
  audit(): Promise<readonly string[]>;
  /** Moves the broker's clock. */
  later(ms: number): void;
  /** While set, calls to this path are done, and their answers lost on the way: as many as that, or all. */
  loseAnswers(path: string | null, times?: number): void;
  stop(): Promise<void>;
}

export interface SessionBrokerOptions {
  readonly providers?: readonly ProviderView[];
  readonly tokenSeconds?: number;
  readonly wordSeconds?: number;
  /** Instead of the one that believes what a token says. */
  readonly verifier?: Verifier;
  readonly lengthSeconds?: number;
  /** Served beside those of sessions, in place of the stand-ins. */
  readonly routes?: readonly Route[];
  /** What the broker allows in an emergency, and what it finds when it asks a provider. */
  readonly emergency?: SessionAppParts['emergency'];
}

export const PERSON: ProviderView = {
  name: 'okta',
  type: 'oidc',
  issuer: 'https://okta.example.com',
  client: { id: 'jit', scopes: ['openid', 'offline_access'], device: true },
};
export const WORKLOAD: ProviderView = { name: 'ci', type: 'github', issuer: 'https://ci.example.com', client: null };

/** A token that the verifier of these brokers believes. */
export function vouch({ subject, groups = [], kind = 'user', ...claims }: Claims): Secret<string> {
  const issuer = `https://${claims.provider}.example.com`;
  return new Secret(
    tokenOf({ lifeSeconds: 3_600, ...claims, principal: { kind, issuer, subject, name: subject, groups } }),
  );
}

export async function sessionBroker(options: SessionBrokerOptions = {}): Promise<SessionBroker> {
  const {
    providers = [PERSON, WORKLOAD],
    tokenSeconds = 600,
    wordSeconds = 30,
    lengthSeconds = 3_600,
    routes = GRANTS,
    verifier,
    emergency,
  } = options;
  const port = await freePort();
  const audience = `http://127.0.0.1:${port}`;
  let aheadMs = 0;
  let lost: { readonly path: string | null; left: number } = { path: null, left: 0 };
  const now = (): number => Date.now() + aheadMs;
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const store = await openSqliteStore({ file: ':memory:', now });
  const calls: string[] = [];
  const app = sessionApp({
    store,
    limits: { length: lengthSeconds, token: tokenSeconds, word: wordSeconds },
    ...(verifier === undefined ? {} : { verifier }),
    ...(emergency === undefined ? {} : { emergency }),
    signIn: { audience, providers: [...providers] },
    now,
    random,
    log,
    routes,
    hosts: null,
  });
  const answer = getRequestListener(async (request, { outgoing }) => {
    const { pathname } = new URL(request.url);
    const response = await app.fetch(request);
    calls.push(`${request.method} ${pathname} ${response.status}`);
    if (pathname === lost.path && response.ok && lost.left-- > 0) outgoing.destroy();
    response.headers.set('date', new Date(now()).toUTCString());
    return response;
  });
  const server = createServer((request, response) => void answer(request, response)).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    ref: parseBrokerUrl(audience, 'work'),
    audience,
    calls,
    audit: async () => (await store.entries({ from: 0, limit: 1_000 })).map(({ line }) => typeOf(line)),
    later: (ms) => (aheadMs += ms),
    loseAnswers: (path, times = Number.POSITIVE_INFINITY) => void (lost = { path, left: times }),
    stop: async () => {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      await store.close();
    },
  };
}

/** A call that anybody who is signed in may make, and one that needs a word of the identity provider for itself. */
const GRANTS: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/grants',
    summary: 'none',
    query: [
      { name: 'live', description: 'true' },
      { name: 'limit', description: 'ignored' },
    ],
    reply: outcomeListSchema,
    status: 200,
    run: async () => ({ items: [] }),
  }),
  route({
    method: 'POST',
    path: '/v1/grants/{id}/use',
    summary: 'issues nothing, on the same condition as what does',
    access: () => 'fresh',
    reply: null,
    status: 204,
    run: async () => undefined,
  }),
];

function typeOf(line: string): string {
  return String(JSON.parse(line).type);
}

/** An identity provider with refresh tokens that count once: a second use ends what they came from. */
export interface FakeIdp {
  /** What a person's sign-in comes to. */
  signIn(subject: string, nonce: string | null): Vouched;
  refresh(token: Secret<string>): Promise<Vouched>;
  /** Refreshes that worked, and those that did not. */
  readonly asked: { good: number; refused: number };
  setGroups(subject: string, groups: readonly string[]): void;
  disable(subject: string): void;
  /** Its refresh tokens count no longer. */
  forget(): void;
}

export function fakeIdp(provider = PERSON.name): FakeIdp {
  const live = new Map<string, string>();
  const groups = new Map<string, readonly string[]>();
  const disabled = new Set<string>();
  const asked = { good: 0, refused: 0 };
  const give = (subject: string, nonce: string | null): Vouched => {
    const refresh = `idp-${randomBytes(16).toString('hex')}`;
    live.set(refresh, subject);
    const claims = { provider, subject, groups: groups.get(subject) ?? ['dev'] };
    return { idToken: vouch(nonce === null ? claims : { ...claims, nonce }), refreshToken: new Secret(refresh) };
  };
  return {
    asked,
    signIn: give,
    refresh: async (token) => {
      const subject = live.get(token.expose());
      live.delete(token.expose());
      if (subject === undefined || disabled.has(subject)) {
        asked.refused += 1;
        live.clear();
        throw new JitError({ code: 'ERR_NOT_SIGNED_IN', message: `${provider} does not vouch any more` });
      }
      asked.good += 1;
      return give(subject, null);
    },
    setGroups: (subject, names) => void groups.set(subject, names),
    disable: (subject) => void disabled.add(subject),
    forget: () => live.clear(),
  };
}
