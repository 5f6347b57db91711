/**
 * Signing in to the broker: a proof of identity becomes a session that belongs to one key, is renewed with rotation, and ends.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { sessionId } from '../../core/ids.ts';
import type { Principal } from '../../core/principal.ts';
import type { Proof } from '../../identity/dpop/check.ts';
import { coveredBody } from '../../identity/verify/covered.ts';
import type { SessionBody, TokenView } from '../../wire/sessions.ts';
import type { SessionEnd, StoredSession } from '../store/sessions.ts';
import { sessionEntry } from './audit.ts';
import { type Confirm, type ConfirmParts, makeConfirm } from './confirm.ts';
import { isPerson, makeProving, notProven, type ProvingParts, spentBy } from './proving.ts';
import { hashOf, newToken, tokenHash } from './tokens.ts';
import { sessionView } from './view.ts';

export interface SessionLimits {
  /** The end of a session, however often it is renewed. */
  readonly lengthSeconds: number;
  /** Life of an access token. */
  readonly tokenSeconds: number;
}

export interface Sessions {
  /** Throws `ERR_NOT_SIGNED_IN` for a proof that does not hold or was used before, `ERR_IDENTITY_PROVIDER`. */
  open(body: SessionBody, proof: Proof): Promise<TokenView>;
  readonly confirm: Confirm;
  end(session: StoredSession): Promise<void>;
}

export interface SessionParts extends ProvingParts, Omit<ConfirmParts, 'prove'> {
  readonly limits: SessionLimits;
}

export function makeSessions(parts: SessionParts): Sessions {
  const { store, limits, refusals, now, random, log } = parts;
  const prove = makeProving(parts);

  async function exchange(body: Extract<SessionBody, { subject_token: string }>, proof: Proof): Promise<TokenView> {
    const subject = await prove(
      {
        type: body.subject_token_type,
        token: body.subject_token,
        tie: 'tied to the key',
        body: coveredBody(body, 'subject'),
      },
      proof,
    );
    const { actor_token: token, actor_token_type: type } = body;
    const actor =
      token === undefined || type === undefined
        ? null
        : await prove({ type, token, tie: 'as it is', body: coveredBody(body, 'actor') }, proof);
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
      verifiedAt: Math.min(...proofs.map(({ issuedAt }) => issuedAt)),
      renewal: subject.renewal,
      ended: null,
      version: 0,
    } as const;
    const { session, reply } = withTokens(fresh, at);
    const entries = [sessionEntry('session.opened', session, at, { until: new Date(expiresAt).toISOString() })];
    await store.commitSession({ session, spentProofs: proofs.map(spentBy), entries });
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
    confirm: makeConfirm({ ...parts, prove }),
    end: async (session) => {
      await finish(session, now(), 'signed-out');
    },
  };
}

/** Throws `ERR_NOT_SIGNED_IN` unless an agent acts for a person: nobody else acts for anybody. */
function acting(actor: Principal, subject: Principal): Principal {
  if (actor.kind !== 'agent' || actor.actsFor !== undefined || !isPerson(subject)) throw notProven();
  return { ...actor, actsFor: subject };
}

function over(message = 'the session is over'): JitError {
  return new JitError({ code: 'ERR_NOT_SIGNED_IN', message, hint: 'sign in again: jit login' });
}
