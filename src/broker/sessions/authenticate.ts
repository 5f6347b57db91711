/**
 * From a call to its caller: the token, the proof of its key, and whether both still count.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { type Fault, type ProofChecker, refusal } from '../../identity/dpop/check.ts';
import { NO_WORD } from '../../wire/sessions.ts';
import type { SessionStore, StoredSession } from '../store/sessions.ts';
import type { Access, Caller } from './caller.ts';
import type { Refusals } from './refusals.ts';
import { tokenHash } from './tokens.ts';
import type { EmergencyTest, GoOn } from './unconfirmed.ts';

export interface Credentials {
  readonly method: string;
  /** The address that the caller must have meant, without query. */
  readonly url: string;
  /** The headers of that name, null where there are none. */
  readonly authorization: string | null;
  readonly dpop: string | null;
  readonly confirmation: string | null;
}

/** @param emergency null where no call of the route can be one. */
export type Authenticate = (
  credentials: Credentials,
  access: Access,
  emergency: EmergencyTest | null,
) => Promise<Caller>;

export interface AuthenticateParts {
  readonly store: SessionStore;
  readonly proofs: ProofChecker;
  readonly refusals: Refusals;
  readonly goOn: GoOn;
  readonly now: Clock;
}

/**
 * A confirmation is used up by the one call that it lets through. Throws `ERR_NOT_SIGNED_IN`, with one message for everything that an attacker could try out; `ERR_TOKEN_EXPIRED`,
 * `ERR_PROOF_NONCE` and `ERR_IDENTITY_STALE` for what the holder of the session mends by itself.
 */
export function makeAuthenticate(parts: AuthenticateParts): Authenticate {
  const { store, proofs, refusals, goOn, now } = parts;

  async function keyHolder({ method, url, dpop }: Credentials): Promise<Caller> {
    const checked = await proofs.check({ method, url, proof: dpop, accessToken: null });
    if (checked.kind === 'bad') throw refusal(checked.fault === 'missing' ? 'nonce' : checked.fault);
    return { kind: 'key holder', proof: checked.proof };
  }

  async function signedIn({ method, url, authorization, dpop }: Credentials): Promise<SignedIn> {
    const token = /^(?:dpop|bearer) ([\w-]{1,128})$/i.exec(authorization ?? '')?.[1] ?? '';
    const hash = tokenHash(token);
    const session = hash === null ? null : await store.sessionByAccess(hash);
    if (session === null) throw unknown();
    const proof = /^dpop /i.test(authorization ?? '') ? dpop : null;
    const checked = await proofs.check({ method, url, proof, accessToken: token });
    const fault: Fault | 'another key' | null =
      checked.kind === 'bad'
        ? checked.fault
        : checked.proof.keyThumbprint === session.keyThumbprint
          ? null
          : 'another key';
    const key = checked.kind === 'bad' ? checked.keyThumbprint : checked.proof.keyThumbprint;
    if (fault === 'nonce' && key === session.keyThumbprint) throw refusal('nonce');
    if (checked.kind === 'bad' || fault !== null) {
      await refusals.note(
        session,
        key === null || key === session.keyThumbprint ? (fault ?? 'malformed') : 'another key',
      );
      throw unknown();
    }
    judge(session, now());
    return { kind: 'signed in', principal: session.principal, session, proof: checked.proof, unconfirmed: null };
  }

  return async (credentials, access, emergency) => {
    if (access === 'open') return { kind: 'nobody' };
    if (access === 'key') return keyHolder(credentials);
    const caller = await signedIn(credentials);
    const { session } = caller;
    // Where nothing newer can be had, the session ends with the proof instead.
    if (access !== 'fresh' || session.renewal === 'fixed') return caller;
    if (credentials.confirmation === NO_WORD) {
      const through = await goOn(session, emergency);
      // Asking about the provider takes seconds, in which its holder may have ended it.
      const still = await store.session(session.id);
      if (still === null) throw unknown();
      judge(still, now());
      return { ...caller, ...through };
    }
    const at = now();
    const hash = tokenHash(credentials.confirmation ?? '');
    // As it is when the confirmation is used up: another word may have come since it was read.
    const confirmed = hash === null ? null : await store.spendConfirmation(session.id, hash, at);
    if (confirmed === null) throw stale(session);
    judge(confirmed, at);
    return { ...caller, session: confirmed, principal: confirmed.principal };
  };
}

type SignedIn = Extract<Caller, { kind: 'signed in' }>;

/** The same for a confirmation that is missing, unknown, used up, over or of another session. */
function stale({ provider }: StoredSession): JitError {
  return new JitError({
    code: 'ERR_IDENTITY_STALE',
    message: `the identity provider has to vouch for you anew, once for each thing that is issued (${provider})`,
    hint: 'POST /v1/sessions/confirm gives a confirmation, for the header JIT-Confirmation of the next call',
  });
}

/** Only whoever has proven the session's key learns how it stands. */
function judge(session: StoredSession, now: number): void {
  if (session.ended !== null || now >= session.expiresAt) {
    throw new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'the session is over', hint: 'sign in again: jit login' });
  }
  if (now >= session.accessUntil) {
    throw new JitError({ code: 'ERR_TOKEN_EXPIRED', message: 'the token is over; renew it' });
  }
}

function unknown(): JitError {
  return new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message: 'this broker does not know who is calling',
    hint: 'sign in with: jit login',
  });
}
