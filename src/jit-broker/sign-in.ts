/**
 * How callers of this broker are known: over the socket of the embedded broker by the socket, else by sessions.
 * @module
 */
import type { SessionsConfig } from '../broker/config/identity.ts';
import type { AppParts } from '../broker/http/app.ts';
import { sessionRoutes } from '../broker/http/session-routes.ts';
import type { Route } from '../broker/http/routes.ts';
import type { Log } from '../broker/service/log.ts';
import { makeAuthenticate } from '../broker/sessions/authenticate.ts';
import { makeOutages } from '../broker/sessions/outages.ts';
import { makeRefusals } from '../broker/sessions/refusals.ts';
import { makeSessions } from '../broker/sessions/sessions.ts';
import { makeGoOn } from '../broker/sessions/unconfirmed.ts';
import type { SessionStore } from '../broker/store/sessions.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { Principal } from '../core/principal.ts';
import { makeProofChecker } from '../identity/dpop/check.ts';
import { makeNonces, NONCE_MS } from '../identity/dpop/nonces.ts';
import { makeReplays } from '../identity/dpop/replays.ts';
import type { Standing } from '../identity/verify/standing.ts';
import type { Verifier } from '../identity/verify/verified.ts';
import { CONFIRMATION_HEADER, type SignInView } from '../wire/sessions.ts';

export interface SignIn extends Pick<AppParts, 'identify' | 'nonce'> {
  readonly routes: readonly Route[];
}

/** The user who owns the socket is the only one who can reach it. */
export function signInBySocket(principal: Principal): SignIn {
  const signIn: SignInView = { audience: 'the embedded broker', providers: [] };
  return {
    identify: async (_request, access) => (access === 'open' ? { kind: 'nobody' } : { kind: 'os user', principal }),
    nonce: null,
    routes: sessionRoutes(signIn, null),
  };
}

export interface SessionWorld {
  readonly store: SessionStore;
  readonly verifier: Verifier;
  readonly limits: SessionsConfig;
  /** How old a word of an identity provider may be while it is down, for emergency calls; 0: no older than at other times. */
  readonly emergencySeconds: number;
  /** Asks whether a provider is down. Never rejects. */
  readonly standing: (provider: string) => Promise<Standing>;
  readonly signIn: SignInView;
  /** `http` only where the broker listens without TLS of its own. */
  readonly scheme: 'http' | 'https';
  readonly now: Clock;
  readonly random: Random;
  readonly log: Log;
}

export function signInBySession(world: SessionWorld): SignIn {
  const { store, verifier, limits, emergencySeconds, standing, signIn, scheme, now, random, log } = world;
  const publicHost = new URL(signIn.audience).host;
  const nonces = makeNonces(now, random);
  const proofs = makeProofChecker({ now, nonces, replays: makeReplays(now, NONCE_MS) });
  const refusals = makeRefusals({ store, now, log });
  const outages = makeOutages({ ask: standing, now, log });
  const goOn = makeGoOn({ store, outages, seconds: emergencySeconds, now, log });
  const authenticate = makeAuthenticate({ store, proofs, refusals, goOn, now });
  const deviceProviders = new Set(
    signIn.providers.filter(({ client }) => client?.device === true).map(({ name }) => name),
  );
  const sessions = makeSessions({
    store,
    verifier,
    deviceProviders,
    limits: { lengthSeconds: limits.length, tokenSeconds: limits.token },
    wordSeconds: limits.word,
    outages,
    refusals,
    now,
    random,
    log,
  });
  return {
    identify: async (request, access, emergency) => {
      const { pathname } = new URL(request.url);
      const { headers, method } = request;
      const host = headers.get('host')?.toLowerCase() ?? '';
      // A proxy in front takes the path of the public address away.
      const url = `${host === publicHost ? signIn.audience : `${scheme}://${host}`}${pathname}`;
      const [authorization, dpop] = [headers.get('authorization'), headers.get('dpop')];
      const confirmation = headers.get(CONFIRMATION_HEADER);
      return authenticate({ method, url, authorization, dpop, confirmation }, access, emergency);
    },
    nonce: nonces.current,
    routes: sessionRoutes(signIn, sessions),
  };
}
