/**
 * Sessions of people in their browsers, and the words of their identity provider, each of which is good for one decision.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { sessionId } from '../../core/ids.ts';
import { type Person, type Principal, samePrincipal } from '../../core/principal.ts';
import type { Secret } from '../../core/secret.ts';
import { LEEWAY_MS } from '../../identity/verify/times.ts';
import type { Verified } from '../../identity/verify/verified.ts';
import { sessionEntry } from '../sessions/audit.ts';
import type { SpentProof } from '../store/sessions.ts';
import type { WebAct, WebSession } from '../store/web-sessions.ts';
import type { WebParts } from './ports.ts';
import { actHashOf, asCookie, cookieHash, newAct, newCookie } from './tokens.ts';

/** A session and the cookie that proves it. */
export interface Held {
  readonly session: WebSession;
  readonly cookie: Secret<string>;
}

export interface WebSessions {
  /** Null for a cookie that is not, or not any more, one of a session. */
  find(cookie: string | null): Promise<Held | null>;
  /** Always a new one. Throws `ERR_NOT_SIGNED_IN` where the proof was used before or is not about a person. */
  open(verified: Verified): Promise<Held>;
  end(session: WebSession): Promise<void>;
  /** Remembers what somebody is about to decide. @returns its name, for the way to the identity provider. */
  intend(session: WebSession, act: Omit<WebAct, 'until'>): Promise<string>;
  /** Changes nothing. Null once it has been used or is over. */
  intended(session: WebSession, act: string): Promise<WebAct | null>;
  /**
   * Uses up what somebody was about to decide, with the word for it, by which the session goes on.
   * Throws `ERR_DENIED` for a word about somebody else, `ERR_IDENTITY_STALE` for one that is too old or was given before.
   * @returns null once it has been used.
   */
  vouch(session: WebSession, act: string, verified: Verified): Promise<{ act: WebAct; principal: Person } | null>;
}

/** How long somebody may take between the two buttons. */
const ACT_MS = 900_000;

export function makeWebSessions(parts: Pick<WebParts, 'store' | 'limits' | 'now' | 'random'>): WebSessions {
  const { store, limits, now, random } = parts;
  return {
    find: async (text) => {
      const cookie = asCookie(text);
      const session = cookie === null ? null : await store.webSession(cookieHash(cookie), now());
      return cookie === null || session === null ? null : { session, cookie };
    },
    open: async (verified) => {
      const principal = personOf(verified.principal);
      if (principal === null) {
        throw new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'these pages are for people, in their own name' });
      }
      const [at, cookie] = [now(), newCookie(random)];
      const session: WebSession = {
        id: sessionId(random(16)),
        provider: verified.provider,
        principal,
        createdAt: at,
        expiresAt: at + limits.lengthSeconds * 1_000,
        verifiedAt: Math.min(verified.issuedAt, at),
      };
      const data = { via: 'web', until: new Date(session.expiresAt).toISOString() };
      await store.openWebSession({
        session,
        cookieHash: cookieHash(cookie),
        spentProof: spentBy(verified),
        entries: [sessionEntry('session.opened', session, at, data)],
      });
      return { session, cookie };
    },
    end: async (session) => {
      const at = now();
      const data = { via: 'web', why: 'signed-out' };
      await store.endWebSession(session.id, at, [sessionEntry('session.ended', session, at, data)]);
    },
    intend: async (session, intended) => {
      const { act, actHash } = newAct(random);
      await store.intend(session.id, actHash, { ...intended, until: now() + ACT_MS });
      return act;
    },
    intended: async (session, act) => store.intended(session.id, actHashOf(act), now()),
    vouch: async (session, name, verified) => {
      const at = now();
      const principal = demandSame(session, verified);
      demandFresh(verified, at, limits.wordSeconds);
      const next = { ...session, principal, verifiedAt: Math.max(session.verifiedAt, Math.min(verified.issuedAt, at)) };
      const data = { via: 'web', groups: principal.groups };
      try {
        const act = await store.spendAct({
          session: next,
          actHash: actHashOf(name),
          at,
          spentProof: spentBy(verified),
          entries: [sessionEntry('session.confirmed', next, at, data)],
        });
        return act === null ? null : { act, principal };
      } catch (thrown) {
        if (thrown instanceof JitError && thrown.code === 'ERR_NOT_SIGNED_IN') throw stale('has been used before');
        throw thrown;
      }
    },
  };
}

/** Null for whoever is no person, or acts for one. */
function personOf({ kind, actsFor, ...rest }: Principal): Person | null {
  return kind === 'user' && actsFor === undefined ? { kind, ...rest } : null;
}

/** The person as the word has them; of an older word than the last one, only the groups that both name. */
function demandSame({ principal: before, provider, verifiedAt }: WebSession, word: Verified): Person {
  const person = personOf(word.principal);
  if (person === null || word.provider !== provider || !samePrincipal(before, person)) {
    throw new JitError({
      code: 'ERR_DENIED',
      message: 'the identity provider vouched for somebody else than who is signed in here, so nothing was decided',
    });
  }
  // Both times are whole seconds at most providers.
  if (word.issuedAt + 1_000 > verifiedAt) return person;
  return { ...person, groups: person.groups.filter((group) => before.groups.includes(group)) };
}

function demandFresh({ issuedAt }: Verified, at: number, wordSeconds: number): void {
  const seconds = Math.round(Math.abs(at - issuedAt) / 1_000);
  if (seconds <= wordSeconds) return;
  throw stale(`is ${seconds} s off the broker's clock, and may be ${wordSeconds} s off`);
}

function stale(what: string): JitError {
  return new JitError({
    code: 'ERR_IDENTITY_STALE',
    message: `the word of the identity provider ${what}, so nothing was decided`,
  });
}

function spentBy({ once, until }: Verified): SpentProof {
  return { once, until: until + LEEWAY_MS };
}
