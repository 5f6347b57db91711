/**
 * The broker's application with real sessions, proofs and store, and any routes behind them. Only who vouches is a stand-in: a
 * verifier that believes what a token says, since checking real ones has tests of its own.
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { Hono } from 'hono';
import type { SessionsConfig } from '../../src/broker/config/identity.ts';
import { makeApp } from '../../src/broker/http/app.ts';
import type { Route } from '../../src/broker/http/routes.ts';
import { JitError } from '../../src/core/errors.ts';
import type { Principal } from '../../src/core/principal.ts';
import type { Verified, Verifier } from '../../src/identity/verify/verified.ts';
import { type SessionWorld, signInBySession } from '../../src/jit-broker/sign-in.ts';

/** What a token proves; left out is what a provider named `idp` would say just now to anybody. */
export interface Claim extends Partial<Omit<Verified, 'principal'>> {
  readonly principal: Principal;
  /** Until when it counts, from the moment when it is looked at. */
  readonly lifeSeconds?: number;
  /** The only nonce of the broker with which it counts. */
  readonly boundTo?: string;
}

/** A token that the verifier believes. Each is good once, whatever else it says. */
export function token(claim: Claim): string {
  const text = JSON.stringify({ once: randomBytes(16).toString('hex'), ...claim });
  return Buffer.from(text).toString('base64url');
}

export function believer(now: () => number): Verifier {
  return {
    verify: async ({ token: secret }, binding) => {
      const refused = new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'not proven' });
      const text = Buffer.from(secret.expose(), 'base64url').toString();
      if (!text.startsWith('{')) throw refused;
      // Safe: the tests made it.
      const read = JSON.parse(text) as Claim & Pick<Verified, 'once'>;
      const { lifeSeconds = 600, boundTo = binding.nonce, ...claim } = read;
      if (boundTo !== binding.nonce || !Object.hasOwn(read, 'principal')) throw refused;
      const until = now() + lifeSeconds * 1_000;
      return { provider: 'idp', issuedAt: now(), until, nonce: null, renewal: 'on demand', ...claim };
    },
  };
}

export interface SessionAppParts extends Pick<SessionWorld, 'store' | 'signIn' | 'now' | 'random' | 'log'> {
  readonly limits?: Partial<SessionsConfig>;
  /** How old a word may be in an emergency while `standing` finds its provider down; by default nobody goes on without one. */
  readonly emergency?: Pick<SessionWorld, 'emergencySeconds' | 'standing'>;
  /** Instead of the one that believes. */
  readonly verifier?: Verifier;
  /** Beside those of sessions. */
  readonly routes: readonly Route[];
  readonly hosts: ReadonlySet<string> | null;
}

export function sessionApp(parts: SessionAppParts): Hono {
  const { store, signIn, now, random, log, limits, routes, hosts, verifier = believer(now) } = parts;
  const { emergencySeconds = 0, standing = async () => ({ kind: 'answers' as const }) } = parts.emergency ?? {};
  const sessions = signInBySession({
    store,
    verifier,
    limits: { length: 3_600, token: 600, word: 30, ...limits },
    emergencySeconds,
    standing,
    signIn,
    scheme: 'http',
    now,
    random,
    log,
  });
  return makeApp({
    routes: [...sessions.routes, ...routes],
    version: '0',
    identify: sessions.identify,
    nonce: sessions.nonce,
    hosts,
    health: () => ({ status: 'ok', version: '0', sandbox: false }),
    ready: async () => true,
    metrics: async () => '',
    discovery: () => ({}),
    jwks: () => ({}),
    log,
    observe: () => undefined,
    touch: () => undefined,
  });
}
