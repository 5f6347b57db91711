/**
 * The routes by which one signs in and out.
 * @module
 */
import {
  confirmBodySchema,
  confirmViewSchema,
  sessionBodySchema,
  sessionViewSchema,
  type SignInView,
  signInViewSchema,
  tokenViewSchema,
} from '../../wire/sessions.ts';
import type { Caller } from '../sessions/caller.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { sessionView } from '../sessions/view.ts';
import type { StoredSession } from '../store/sessions.ts';
import { JitError } from '../../core/errors.ts';
import { notSignedIn, openRoute, type Route } from './routes.ts';

/** @param sessions null where the connection itself proves who calls. */
export function sessionRoutes(signIn: SignInView, sessions: Sessions | null): readonly Route[] {
  const served = (): Sessions => {
    if (sessions !== null) return sessions;
    throw new JitError({ code: 'ERR_NOT_FOUND', message: 'this broker knows its user without signing in' });
  };
  return [
    openRoute({
      method: 'GET',
      path: '/v1/sign-in',
      summary: 'How one signs in here',
      access: () => 'open',
      reply: signInViewSchema,
      status: 200,
      run: async () => signIn,
    }),
    openRoute({
      method: 'POST',
      path: '/v1/sessions',
      summary:
        'Exchange a proof of identity (RFC 8693) or a refresh token for a session of the key in the DPoP header (RFC 9449)',
      access: () => 'key',
      body: sessionBodySchema,
      reply: tokenViewSchema,
      status: 201,
      run: async ({ caller, body }) => served().open(body, proofOf(caller)),
    }),
    openRoute({
      method: 'POST',
      path: '/v1/sessions/confirm',
      summary: 'A proof of the same identity made just now, for a confirmation by which one call may issue something',
      access: () => 'signed in',
      body: confirmBodySchema,
      reply: confirmViewSchema,
      status: 200,
      run: async ({ caller, body }) => served().confirm(sessionOf(caller), proofOf(caller), body),
    }),
    openRoute({
      method: 'GET',
      path: '/v1/sessions/current',
      summary: 'Who you are here, and until when',
      access: () => 'signed in',
      reply: sessionViewSchema,
      status: 200,
      run: async ({ caller }) => sessionView(sessionOf(caller)),
    }),
    openRoute({
      method: 'POST',
      path: '/v1/sessions/end',
      summary: 'Sign out',
      access: () => 'signed in',
      reply: null,
      status: 204,
      run: async ({ caller }) => served().end(sessionOf(caller)),
    }),
  ];
}

function sessionOf(caller: Caller): StoredSession {
  if (caller.kind === 'signed in') return caller.session;
  if (caller.kind !== 'os user') throw notSignedIn();
  throw new JitError({ code: 'ERR_NOT_FOUND', message: 'this broker knows its user without signing in' });
}

function proofOf(caller: Caller): Extract<Caller, { kind: 'key holder' }>['proof'] {
  if (caller.kind === 'key holder' || caller.kind === 'signed in') return caller.proof;
  throw new JitError({ code: 'ERR_NOT_FOUND', message: 'this broker knows its user without signing in' });
}
