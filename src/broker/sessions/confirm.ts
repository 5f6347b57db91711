/**
 * The word of the identity provider, asked for before each issuance: who it is about still exists and is in these groups now.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Clock, Random } from '../../core/ports.ts';
import { type Principal, samePrincipal } from '../../core/principal.ts';
import type { Proof } from '../../identity/dpop/check.ts';
import { coveredBody } from '../../identity/verify/covered.ts';
import type { Verified } from '../../identity/verify/verified.ts';
import type { ConfirmBody, ConfirmView } from '../../wire/sessions.ts';
import type { Log } from '../service/log.ts';
import type { SessionStore, StoredSession } from '../store/sessions.ts';
import { sessionEntry } from './audit.ts';
import type { Outages } from './outages.ts';
import { isPerson, notProven, type Prove, spentBy } from './proving.ts';
import type { Refusals } from './refusals.ts';
import { hashOf, newToken } from './tokens.ts';
import { sessionView } from './view.ts';

export interface ConfirmParts {
  readonly store: SessionStore;
  readonly prove: Prove;
  /** How old a word may be, when it is given to the broker and when something is issued on it. */
  readonly wordSeconds: number;
  readonly outages: Pick<Outages, 'vouched'>;
  readonly refusals: Refusals;
  readonly now: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Takes a word about the holder of the session: what it says about groups and name counts from here on.
 * @returns a confirmation, by which one call may issue something. Throws `ERR_NOT_SIGNED_IN` for a proof that does not hold or
 * is about somebody else, `ERR_IDENTITY_STALE` for one that is too old or was given before, `ERR_IDENTITY_PROVIDER`.
 */
export type Confirm = (session: StoredSession, proof: Proof, body: ConfirmBody) => Promise<ConfirmView>;

export function makeConfirm(parts: ConfirmParts): Confirm {
  const { store, prove, wordSeconds, outages, refusals, now, random, log } = parts;

  async function taken(session: StoredSession, verified: Verified): Promise<ConfirmView | 'changed meanwhile'> {
    const principal = confirmed(session, verified);
    if (verified.provider !== session.provider || principal === null) {
      await refusals.note(session, 'another identity');
      throw notProven();
    }
    const at = now();
    demandFresh(verified, at, wordSeconds);
    const confirmation = newToken('confirmation', random).expose();
    const until = Math.min(verified.issuedAt, at) + wordSeconds * 1_000;
    const next = { ...session, principal, verifiedAt: Math.max(session.verifiedAt, verified.issuedAt) };
    try {
      await store.commitSession({
        session: next,
        spentProofs: [spentBy(verified)],
        confirmation: { hash: hashOf(confirmation), until },
        entries: [sessionEntry('session.confirmed', next, at, { groups: groupsOf(principal) })],
      });
      // As long as something can be issued on its word.
      outages.vouched(verified.provider, until);
      return { confirmation, session: sessionView(next) };
    } catch (thrown) {
      if (thrown instanceof JitError && thrown.code === 'ERR_CONFLICT') return 'changed meanwhile';
      if (thrown instanceof JitError && thrown.code === 'ERR_NOT_SIGNED_IN') throw used();
      throw thrown;
    }
  }

  return async (found, proof, body) => {
    const { subject_token: token, subject_token_type: type } = body;
    const carried = { type, token, tie: 'tied if it has a nonce', body: coveredBody(body, 'subject') } as const;
    const verified = await prove(carried, proof);
    let session: StoredSession | null = found;
    while (session !== null && session.ended === null) {
      const outcome = await taken(session, verified).catch((thrown: unknown) => {
        if (thrown instanceof JitError && thrown.code === 'ERR_IDENTITY_STALE') {
          log.info('a word of the identity provider was refused', {
            provider: verified.provider,
            cause: thrown.message,
          });
        }
        throw thrown;
      });
      if (outcome !== 'changed meanwhile') return outcome;
      session = await store.session(found.id);
    }
    throw new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'the session is over', hint: 'sign in again: jit login' });
  };
}

/** Throws `ERR_IDENTITY_STALE` for a word that is too far from now, with what helps whoever is woken by it. */
function demandFresh({ issuedAt, provider }: Verified, at: number, wordSeconds: number): void {
  const seconds = Math.round(Math.abs(at - issuedAt) / 1_000);
  if (Math.abs(at - issuedAt) <= wordSeconds * 1_000) return;
  const where = issuedAt < at ? `${seconds}s old` : `${seconds}s in the future`;
  throw new JitError({
    code: 'ERR_IDENTITY_STALE',
    message: `the word of ${provider} is ${where} by the broker's clock, and may be ${wordSeconds}s off at most`,
    hint: `if it was asked for just now, the clocks of ${provider} and of the broker differ by ${seconds}s: set them right, or raise sessions.word in the broker's configuration`,
  });
}

/** Somebody who asks twice within one second may be given the same twice. */
function used(): JitError {
  return new JitError({
    code: 'ERR_IDENTITY_STALE',
    message: 'that word of the identity provider has been used before',
    hint: 'ask it for another',
  });
}

/** The principal as it stands now, or null where the proof is about somebody else. */
function confirmed({ principal: before, verifiedAt }: StoredSession, word: Verified): Principal | null {
  // Of two words, the older adds nothing to the newer, whichever comes first.
  const late = word.issuedAt < verifiedAt;
  const { principal: proven } = word;
  if (samePrincipal(before, proven) && before.kind === proven.kind) return late ? narrowed(before, proven) : proven;
  const person = before.actsFor;
  if (person === undefined || !isPerson(proven) || !samePrincipal(person, proven)) return null;
  return { ...before, actsFor: late ? narrowed(person, proven) : proven };
}

/** Only the groups that both name. */
function narrowed<P extends Principal>(newer: P, older: P): P {
  const groups = newer.groups.filter((group) => older.groups.includes(group));
  const { actsFor } = newer;
  if (actsFor === undefined || older.actsFor === undefined) return { ...newer, groups };
  return { ...newer, groups, actsFor: narrowed(actsFor, older.actsFor) };
}

function groupsOf({ groups, actsFor }: Principal): readonly string[] {
  return actsFor?.groups ?? groups;
}
