/**
 * A call on which access may be given although the identity provider cannot be asked about the caller: in emergencies only, and
 * for as long as its last word counts.
 * @module
 */
import type { Canonical } from '../../core/canonical.ts';
import { formatDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import type { Decision } from '../../core/request.ts';

/** Made where callers are known, once the broker itself has found that the provider is down. Times are epoch ms. */
export interface Unconfirmed {
  /** Its name in the configuration. */
  readonly provider: string;
  /** When it last vouched for the caller in this session. */
  readonly lastWord: number;
  /** Nothing that is given on that word lasts longer. */
  readonly until: number;
}

/** How long something may last, in whole seconds: as long as was asked for, or less. Throws `ERR_IDENTITY_STALE` where no time is left. */
export function secondsLeft(seconds: number, unconfirmed: Unconfirmed | null, at: number): number {
  if (unconfirmed === null) return seconds;
  const left = Math.floor((unconfirmed.until - at) / 1_000);
  if (left >= 1) return Math.min(seconds, left);
  throw new JitError({
    code: 'ERR_IDENTITY_STALE',
    message: `the last word of identity provider ${unconfirmed.provider} about you counts no longer, and it gives no other`,
  });
}

/** The same for an end, epoch ms; one that moves up is a whole second, as the clouds take it. */
export function latestEnd(end: number, unconfirmed: Unconfirmed | null, at: number): number {
  if (unconfirmed === null) return end;
  return Math.min(end, Math.floor(at / 1_000) * 1_000 + secondsLeft(Infinity, unconfirmed, at) * 1_000);
}

/** The same decision, and what it was made without: for the audit log, for those who are told of it, and for its pages. */
export function markedDecision(decision: Decision, unconfirmed: Unconfirmed | null, at: number): Decision {
  if (unconfirmed === null || decision.state === 'denied') return decision;
  const { provider, lastWord } = unconfirmed;
  const why = `${decision.why}; identity provider ${provider} is down, and last vouched for the requester ${ago(lastWord, at)} ago`;
  return { ...decision, why };
}

/** For an audit entry. */
export function unconfirmedData({ provider, lastWord, until }: Unconfirmed): Canonical {
  return { provider, lastWord: new Date(lastWord).toISOString(), until: new Date(until).toISOString() };
}

/** A time span as people say it: whole minutes, or seconds below one. */
export function ago(from: number, at: number): string {
  // By the provider's clock a word can be younger than nothing.
  const seconds = Math.max(0, Math.round((at - from) / 1_000));
  return formatDuration(seconds < 60 ? seconds : Math.floor(seconds / 60) * 60);
}
