/**
 * Why a vote, a confirmation or a withdrawal is not taken, in words that a person can act on.
 * @module
 */
import { isOpen, isOver } from '../../core/approval.ts';
import { JitError } from '../../core/errors.ts';
import type { Principal } from '../../core/principal.ts';
import type { StoredRequest } from '../store/store.ts';

/** What somebody had in front of them when they decided. */
export interface Seen {
  readonly hash: string;
  /** Version of the policy set. */
  readonly policy: string;
}

/** @returns `ERR_DECIDED` where the request is not open any more, or not what was seen; null where it is. */
export function refusalOf(stored: StoredRequest, seen: Seen, at: number): JitError | null {
  const { request, hash, decision } = stored;
  const late = decidedAlready(stored, at);
  if (late !== null || (seen.hash === hash && seen.policy === decision.policy)) return late;
  const what = seen.hash === hash ? 'the policy has changed since you looked at it' : 'that is not the request you saw';
  return new JitError({
    code: 'ERR_DECIDED',
    message: `${what}: nothing was counted`,
    hint: `look again: jit show ${request.id}`,
    subject: request.id,
  });
}

export function decidedAlready({ request, decision, grant }: StoredRequest, at: number): JitError | null {
  const over = isOver(decision, at);
  if (grant === null && isOpen(decision) && !over) return null;
  const stands = isOpen(decision) && grant === null ? 'timed-out' : decision.state;
  return new JitError({
    code: 'ERR_DECIDED',
    message: `too late: the request is ${stands} (${decision.why})`,
    hint: `the whole story: jit show ${request.id}`,
    subject: request.id,
  });
}

export function mayNot({ request }: StoredRequest, voter: Principal): JitError {
  const person = voter.kind === 'user' && voter.actsFor === undefined;
  return new JitError({
    code: 'ERR_DENIED',
    message: `denied: ${person ? 'you may not decide this one' : 'only people decide, in their own name'}`,
    subject: request.id,
  });
}

/** To whom could approve it, had anybody asked them. */
export function unattended({ request }: StoredRequest): JitError {
  return new JitError({
    code: 'ERR_DENIED',
    message: 'denied: nobody was asked for this approval, and policy wants that here',
    hint:
      'approve it without --yes on a terminal, or on its page; ' +
      'an operator can write @unattended("yes") on each permit on Approve that gives you this vote',
    subject: request.id,
  });
}

/** Why there is no grant of it yet, or none any more. */
export function notApproved({ request, decision }: StoredRequest, at: number): JitError {
  const { state, why } = decision;
  if (state === 'pending' && !isOver(decision, at)) {
    return new JitError({
      code: 'ERR_PENDING',
      message: `not decided yet: ${why}`,
      hint: `go on waiting with: jit wait ${request.id}`,
      subject: request.id,
    });
  }
  const stands = isOpen(decision) ? 'timed-out' : state;
  return new JitError({
    code: 'ERR_DENIED',
    message: stands === 'denied' ? `denied: ${why}` : `the request is ${stands}: ${why}`,
    hint: 'ask anew with: jit request',
    subject: request.id,
  });
}
