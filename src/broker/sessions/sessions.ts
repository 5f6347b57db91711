/**
 * Signing in to the broker: a proof of identity becomes a session that belongs to one key, is renewed with rotation, and ends.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { sessionId } from '../../core/ids.ts';
import type { Clock, Random } from '../../core/ports.ts';
import { type Person, type Principal, samePrincipal } from '../../core/principal.ts';
import { Secret } from '../../core/secret.ts';
import type { Proof } from '../../identity/dpop/check.ts';
import type { Verified, Verifier } from '../../identity/verify/verified.ts';
import type { ConfirmBody, SessionBody, SessionView, TokenType, TokenView } from '../../wire/sessions.ts';
import type { Log } from '../service/log.ts';
import type { SessionEnd, SessionStore, StoredSession } from '../store/sessions.ts';
import { sessionEntry } from './audit.ts';
import type { Refusals } from './refusals.ts';
import { newToken, tokenHash } from './tokens.ts';

export interface SessionLimits {
  /** The end of a session, however often it is renewed. */
  readonly lengthSeconds: number;
  /** Life of an access token. */
  readonly tokenSeconds: number;
}

export interface Sessions {
  /** Throws `ERR_NOT_SIGNED_IN` for a proof that does not hold or was used before, `ERR_IDENTITY_PROVIDER`. */
  open(body: SessionBody, proof: Proof): Promise<TokenView>;
  /** The identity provider vouches anew for the same subject. What it says now about groups and name counts from here on. */
  confirm(session: StoredSession, proof: Proof, body: ConfirmBody): Promise<SessionView>;
  end(session: StoredSession): Promise<void>;
}

export interface SessionParts {
  readonly store: SessionStore;
  readonly verifier: Verifier;
  /** Names of the providers that allow the device flow, whose ID tokens cannot be tied to a key. */
  readonly deviceProviders: ReadonlySet<string>;
  readonly limits: SessionLimits;
  readonly refusals: Refusals;
  readonly now: Clock;
  readonly random: Random;
  readonly log: Log;
}

const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';

export function makeSessions(parts: SessionParts): Sessions {
  const { store, verifier, deviceProviders, limits, refusals, now, random, log } = parts;

  const verify = async (type: TokenType, token: string, proof: Proof): Promise<Verified> =>
    verifier.verify({ type, token: new Secret(token) }, proof).catch((thrown: unknown) => {
      if (thrown instanceof JitError) {
        const cause = thrown.cause instanceof Error ? thrown.cause.message : '';
        log.info('a proof of identity was refused', { code: thrown.code, cause });
      }
      throw thrown;
    });

  /** A sign-in in a browser carries the key's thumbprint as its nonce: an ID token that was made for another key is somebody else's. */
  function demandTied({ nonce, provider }: Verified, type: TokenType, proof: Proof): void {
    if (type !== ID_TOKEN) return;
    if (nonce === proof.keyThumbprint || (nonce === null && deviceProviders.has(provider))) return;
    log.info('a proof of identity was refused', { cause: 'it was made for another key' });
    throw notProven();
  }

  async function exchange(body: Extract<SessionBody, { subject_token: string }>, proof: Proof): Promise<TokenView> {
    const {
      subject_token: token,
      subject_token_type: type,
      actor_token: actorToken,
      actor_token_type: actorType,
    } = body;
    const subject = await verify(type, token, proof);
    demandTied(subject, type, proof);
    const actor =
      actorToken === undefined || actorType === undefined ? null : await verify(actorType, actorToken, proof);
    const principal = actor === null ? subject.principal : acting(actor.principal, subject.principal);
    const proofs = actor === null ? [subject] : [subject, actor];
    const at = now();
    const fixed = proofs.filter(({ renewal }) => renewal === 'fixed').map(({ until }) => until);
    const expiresAt = Math.min(at + limits.lengthSeconds * 1_000, ...fixed);
    if (expiresAt - at < 1_000) throw notProven();
    const fresh = {
      id: sessionId(random(16)),
      provider: subject.provider,
      principal,
      keyThumbprint: proof.keyThumbprint,
      createdAt: at,
      expiresAt,
      // The older of the two: both have to be vouched for.
      verifiedAt: Math.min(...proofs.map((each) => vouchedAt(each, at))),
      renewal: subject.renewal,
      ended: null,
      version: 0,
    } as const;
    const { session, reply } = withTokens(fresh, at);
    for (const [index, { once, until }] of proofs.entries()) {
      const last = index === proofs.length - 1;
      const spentProof = { once, until: until + SKEW_MS };
      if (last) {
        const entries = [sessionEntry('session.opened', session, at, { until: new Date(expiresAt).toISOString() })];
        await store.commitSession({ session, spentProof, entries });
      } else await store.commitSession({ spentProof, entries: [] });
    }
    return reply;
  }

  async function renew(token: string, proof: Proof): Promise<TokenView> {
    const hash = tokenHash(token);
    const found = hash === null ? null : await store.sessionByRefresh(hash);
    if (found === null || hash === null) throw notProven();
    const { session, spent } = found;
    if (session.keyThumbprint !== proof.keyThumbprint) {
      await refusals.note(session, 'another key');
      throw notProven();
    }
    const at = now();
    if (session.ended !== null || at >= session.expiresAt) throw over();
    if (spent) return await endReused(session, at);
    const { session: renewed, reply } = withTokens(session, at);
    const entries = [sessionEntry('session.renewed', renewed, at)];
    try {
      await store.commitSession({ session: renewed, spentRefreshHash: hash, entries });
      return reply;
    } catch (thrown) {
      // Somebody else was faster with the same token, which is what a second use of it looks like.
      if (thrown instanceof JitError && thrown.code === 'ERR_CONFLICT') return await renew(token, proof);
      throw thrown;
    }
  }

  async function endReused(session: StoredSession, at: number): Promise<never> {
    log.warn('a refresh token was used twice; its session is over', { session: session.id });
    await finish(session, at, 'reused');
    throw over('a refresh token of this session was used twice, so the session was ended');
  }

  async function finish({ id }: StoredSession, at: number, why: SessionEnd): Promise<void> {
    for (;;) {
      const session = await store.session(id);
      if (session === null || session.ended !== null) return;
      const ended = { ...session, refreshHash: null, ended: { at, why } };
      const spent = session.refreshHash === null ? {} : { spentRefreshHash: session.refreshHash };
      const entries = [sessionEntry('session.ended', ended, at, { why })];
      try {
        await store.commitSession({ session: ended, ...spent, entries });
        return;
      } catch (thrown) {
        // It was renewed or confirmed meanwhile, which does not save it.
        if (!(thrown instanceof JitError && thrown.code === 'ERR_CONFLICT')) throw thrown;
      }
    }
  }

  async function confirmWith(session: StoredSession, { once, until }: Verified, at: number): Promise<void> {
    const change = {
      session,
      entries: [sessionEntry('session.confirmed', session, at, { groups: groupsOf(session.principal) })],
    };
    try {
      await store.commitSession({ ...change, spentProof: { once, until: until + SKEW_MS } });
    } catch (thrown) {
      // Two ID tokens of the same second may be alike. Whoever holds the session's key gains nothing by an old one, whose age
      // is looked at; remembering it keeps it from opening another session.
      if (!(thrown instanceof JitError && thrown.code === 'ERR_NOT_SIGNED_IN')) throw thrown;
      await store.commitSession(change);
    }
  }

  function withTokens(
    base: Omit<StoredSession, 'accessHash' | 'accessUntil' | 'refreshHash'>,
    at: number,
  ): { readonly session: StoredSession; readonly reply: TokenView } {
    const access = newToken('access', random).expose();
    const accessUntil = Math.min(at + limits.tokenSeconds * 1_000, base.expiresAt);
    const refresh = accessUntil < base.expiresAt ? newToken('refresh', random).expose() : null;
    const session: StoredSession = {
      ...base,
      accessHash: hashOf(access),
      accessUntil,
      refreshHash: refresh === null ? null : hashOf(refresh),
    };
    const reply: TokenView = {
      access_token: access,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'DPoP',
      expires_in: Math.max(1, Math.floor((accessUntil - at) / 1_000)),
      refresh_token: refresh,
      session: sessionView(session),
    };
    return { session, reply };
  }

  return {
    open: async (body, proof) =>
      body.grant_type === 'refresh_token' ? renew(body.refresh_token, proof) : exchange(body, proof),
    confirm: async (session, proof, body) => {
      const { subject_token: token, subject_token_type: type } = body;
      const verified = await verify(type, token, proof);
      // A renewed ID token may carry no nonce (OpenID Connect Core 12.2); what ties it is the session that it confirms.
      if (verified.nonce !== null) demandTied(verified, type, proof);
      const principal = confirmed(session.principal, verified.principal);
      if (verified.provider !== session.provider || principal === null) {
        await refusals.note(session, 'another identity');
        throw notProven();
      }
      const at = now();
      const next: StoredSession = { ...session, principal, verifiedAt: vouchedAt(verified, at) };
      await confirmWith(next, verified, at);
      return sessionView(next);
    },
    end: async (session) => {
      await finish(session, now(), 'signed-out');
    },
  };
}

/** A clock that is off by less than this is taken for right: otherwise a provider whose clock is late could never vouch. */
const CLOCK_MS = 60_000;

function vouchedAt({ issuedAt }: Verified, at: number): number {
  return Math.abs(at - issuedAt) <= CLOCK_MS ? at : Math.min(at, issuedAt);
}

/** A proof is remembered somewhat longer than it counts, for clocks that differ. */
const SKEW_MS = 120_000;

export function sessionView({ id, provider, principal, expiresAt, verifiedAt }: StoredSession): SessionView {
  return {
    id,
    provider,
    principal: principalView(principal),
    expiresAt: new Date(expiresAt).toISOString(),
    verifiedAt: new Date(verifiedAt).toISOString(),
  };
}

function principalView(principal: Principal): SessionView['principal'] {
  const { actsFor, groups, ...rest } = principal;
  const own = { ...rest, groups: [...groups] };
  return actsFor === undefined ? own : { ...own, actsFor: { ...actsFor, groups: [...actsFor.groups] } };
}

/** Throws `ERR_NOT_SIGNED_IN` unless an agent acts for a person: nobody else acts for anybody. */
function acting(actor: Principal, subject: Principal): Principal {
  if (actor.kind !== 'agent' || actor.actsFor !== undefined || !isPerson(subject)) throw notProven();
  return { ...actor, actsFor: subject };
}

/** The principal as it stands now, or null where the proof is about somebody else. */
function confirmed(before: Principal, proven: Principal): Principal | null {
  if (samePrincipal(before, proven) && before.kind === proven.kind) return proven;
  const person = before.actsFor;
  if (person === undefined || !isPerson(proven) || !samePrincipal(person, proven)) return null;
  return { ...before, actsFor: proven };
}

function isPerson(principal: Principal): principal is Person {
  return principal.kind === 'user' && principal.actsFor === undefined;
}

function groupsOf({ groups, actsFor }: Principal): readonly string[] {
  return actsFor?.groups ?? groups;
}

function hashOf(token: string): string {
  const hash = tokenHash(token);
  if (hash === null) throw new RangeError('a fresh token has the shape of a token');
  return hash;
}

function notProven(): JitError {
  return new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message: 'that does not prove an identity that this broker knows',
    hint: 'sign in with: jit login',
  });
}

function over(message = 'the session is over'): JitError {
  return new JitError({ code: 'ERR_NOT_SIGNED_IN', message, hint: 'sign in again: jit login' });
}
