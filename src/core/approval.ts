/**
 * How a request is decided by people: one total, pure function, and the counting of votes. Whoever is eligible is judged
 * outside, by policy, anew for each event; what no policy can switch off is here.
 * @module
 */
import { type Principal, samePerson } from './principal.ts';
import type { Decision, Quorum } from './request.ts';
import type { Tier } from './tier.ts';

/** One person's word on one request, in full view of one policy set. */
export interface Vote {
  readonly voter: Principal;
  readonly choice: 'approve' | 'deny';
  readonly comment: string | null;
  /**
   * Whether a person was asked for it, at a terminal, on a page or by a button, as far as the program that they used says. A no
   * counts without, so that it says nothing of itself.
   */
  readonly attended: boolean;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Version of the policy set under which it was cast: under another one it does not count. */
  readonly policy: string;
}

/** How a request stands. */
export interface Standing {
  readonly decision: Decision;
  readonly votes: readonly Vote[];
  /** Whether a grant has been made of it: then nothing here changes any more. */
  readonly issued: boolean;
}

/** What policy demands now. */
export interface Demanded {
  readonly tier: Tier;
  readonly quorum: readonly Quorum[];
  readonly policy: string;
}

/** The positions in the quorum that a vote may help to fill. Empty for that of somebody who may not approve, or not in this way. */
export type Serves = (vote: Vote) => readonly number[];

export type RequestEvent =
  | { readonly type: 'vote'; readonly vote: Vote; readonly serves: Serves; readonly takeUpMs: number }
  /** The requester's own word, or for an agent that of its person, where the tier is self-serve. */
  | { readonly type: 'confirm'; readonly at: number; readonly takeUpMs: number }
  | { readonly type: 'cancel'; readonly at: number; readonly why: string }
  | { readonly type: 'time-out'; readonly at: number }
  /** Policy was asked again and still permits, perhaps on other terms. */
  | {
      readonly type: 'demanded';
      readonly demanded: Demanded;
      readonly at: number;
      readonly serves: Serves;
      readonly waitMs: number;
      readonly takeUpMs: number;
    }
  /** Policy was asked again and does not permit any more. */
  | { readonly type: 'forbidden'; readonly at: number; readonly why: string; readonly policy: string };

/**
 * Applies one event. Total: what means nothing in a state gives the same standing (the same object), so that late, repeated
 * and racing events are harmless.
 */
export function decide(standing: Standing, event: RequestEvent): Standing {
  const { decision, issued } = standing;
  if (issued || !isOpen(decision)) return standing;
  switch (event.type) {
    case 'vote':
      return isOver(decision, event.vote.at) ? standing : withVote(standing, event);
    case 'confirm':
      if (decision.state !== 'pending' || decision.tier !== 'self-serve' || isOver(decision, event.at)) return standing;
      return approved(standing, 'confirmed', event.at + event.takeUpMs);
    case 'cancel':
      return closed(standing, 'cancelled', event.why);
    case 'time-out': {
      if (!isOver(decision, event.at)) return standing;
      const why = decision.state === 'pending' ? 'nobody decided in time' : 'it was approved and not taken up in time';
      return closed(standing, 'timed-out', why);
    }
    case 'demanded':
      return isOver(decision, event.at) ? standing : demandedAnew(standing, event);
    case 'forbidden':
      return closed({ ...standing, decision: { ...decision, policy: event.policy } }, 'denied', event.why);
  }
}

/** Whether anything can still become of it. */
export function isOpen({ state }: Pick<Decision, 'state'>): boolean {
  return state === 'pending' || state === 'approved';
}

/** Whether others have to agree: approvers, or in an emergency that cannot be verified those who confirm it. */
export function asksPeople({ tier, quorum }: Pick<Decision, 'tier' | 'quorum'>): boolean {
  return tier === 'manual' || (tier === 'break-glass' && quorum.length > 0);
}

function asksNobody({ tier, quorum }: Pick<Decision, 'tier' | 'quorum'>): boolean {
  return tier === 'auto' || (tier === 'break-glass' && quorum.length === 0);
}

/** Whether its time to be decided, or to be taken up, has passed. @param at epoch ms. */
export function isOver({ deadline }: Pick<Decision, 'deadline'>, at: number): boolean {
  return deadline !== null && at >= deadline;
}

function withVote(standing: Standing, { vote, serves, takeUpMs }: Extract<RequestEvent, { type: 'vote' }>): Standing {
  const { decision, votes } = standing;
  if (!asksPeople(decision) || vote.policy !== decision.policy || serves(vote).length === 0) return standing;
  const next = { ...standing, votes: [...votes, vote] };
  // Until the grant is made a no still stops it, also that of somebody who had said yes.
  if (vote.choice === 'deny') {
    return closed(next, 'denied', `${vote.voter.name} denied it${vote.comment === null ? '' : `: ${vote.comment}`}`);
  }
  if (decision.state !== 'pending' || hasVoted(standing, vote, serves)) return standing;
  return isMet(next, serves) ? approved(next, byWhom(next, serves), vote.at + takeUpMs) : next;
}

/**
 * One person, one word under one policy: a repeated click changes nothing. A word that nobody was asked for, and that does not
 * count any more, does not stand in the way of one's own.
 */
export function hasVoted(
  { votes }: Pick<Standing, 'votes'>,
  { voter, policy }: Pick<Vote, 'voter' | 'policy'>,
  serves: Serves,
): boolean {
  return votes.some(
    (other) =>
      other.policy === policy && samePerson(other.voter, voter) && (other.attended || serves(other).length > 0),
  );
}

function demandedAnew(
  standing: Standing,
  { demanded, at, serves, waitMs, takeUpMs }: Extract<RequestEvent, { type: 'demanded' }>,
): Standing {
  const { decision } = standing;
  const { tier, quorum, policy } = demanded;
  const next = { ...standing, decision: { ...decision, tier, quorum, policy } };
  const same = policy === decision.policy && tier === decision.tier && sameQuorum(quorum, decision.quorum);
  if (decision.state === 'pending') {
    if (asksNobody(demanded)) return approved(next, 'policy asks for nobody any more', at + takeUpMs);
    // Policy demands less than before, or somebody who had agreed may approve again: nobody has to say it twice.
    if (asksPeople(demanded) && isMet(next, serves)) return approved(next, byWhom(next, serves), at + takeUpMs);
    if (tier === decision.tier) return same ? standing : next;
    // Others are waited for now, so the waiting begins anew.
    const why = asksPeople(demanded) ? 'policy asks for approval now' : 'policy asks for your own confirmation now';
    return { ...next, decision: { ...next.decision, why, deadline: at + waitMs } };
  }
  if (asksNobody(demanded) || (tier === 'self-serve' && decision.tier === 'self-serve' && same)) {
    return same ? standing : next;
  }
  if (asksPeople(demanded) && isMet(next, serves)) return same ? standing : next;
  const why = 'the approvals do not hold under the present policy: they are needed again';
  return { ...next, decision: { ...next.decision, state: 'pending', why, deadline: at + waitMs } };
}

function sameQuorum(a: readonly Quorum[], b: readonly Quorum[]): boolean {
  return a.length === b.length && a.every((one, at) => one.group === b[at]?.group && one.approvers === b[at].approvers);
}

function approved(standing: Standing, why: string, deadline: number): Standing {
  return { ...standing, decision: { ...standing.decision, state: 'approved', why, deadline } };
}

function closed(standing: Standing, state: 'denied' | 'cancelled' | 'timed-out', why: string): Standing {
  return { ...standing, decision: { ...standing.decision, state, why, deadline: null } };
}

/** Whether enough people have agreed. Nobody is never enough, whatever the quorum. */
function isMet(standing: Standing, serves: Serves): boolean {
  return heard(standing, serves).length > 0 && missing(standing, serves).length === 0;
}

function byWhom(standing: Standing, serves: Serves): string {
  const names = heard(standing, serves).map(({ voter }) => voter.name);
  return `approved by ${names.join(' and ')}`;
}

function heard(standing: Pick<Standing, 'decision' | 'votes'>, serves: Serves): readonly Vote[] {
  return distinctPeople(counted(standing).filter((vote) => serves(vote).length > 0));
}

/** Approvals under the policy by which the request stands. */
export function counted({ decision, votes }: Pick<Standing, 'decision' | 'votes'>): readonly Vote[] {
  return votes.filter(({ choice, policy }) => choice === 'approve' && policy === decision.policy);
}

/**
 * What is still missing for the quorum. Each person fills one place only, and the places are filled so that most of them are:
 * somebody who is in two groups goes where they are needed.
 */
export function missing(standing: Pick<Standing, 'decision' | 'votes'>, serves: Serves): readonly Quorum[] {
  const { quorum } = standing.decision;
  const places = quorum.flatMap(({ approvers }, position) => Array.from({ length: approvers }, () => position));
  const people = heard(standing, serves).map((vote) => serves(vote));
  const filled: (number | null)[] = places.map(() => null);
  // Augmenting paths: a place that is taken is given up where its holder can sit elsewhere.
  const seat = (person: number, tried: Set<number>): boolean => {
    for (const [place, position] of places.entries()) {
      if (tried.has(place) || !(people[person]?.includes(position) ?? false)) continue;
      tried.add(place);
      const holder = filled[place] ?? null;
      if (holder === null || seat(holder, tried)) {
        filled[place] = person;
        return true;
      }
    }
    return false;
  };
  for (const person of people.keys()) seat(person, new Set());
  return quorum.flatMap(({ group }, position) => {
    const open = places.filter((at, place) => at === position && filled[place] === null).length;
    return open === 0 ? [] : [{ group, approvers: open }];
  });
}

function distinctPeople(votes: readonly Vote[]): readonly Vote[] {
  return votes.filter((vote, at) => votes.findIndex(({ voter }) => samePerson(voter, vote.voter)) === at);
}

/**
 * Whether somebody may vote on a request at all, whatever policy says: a person, in their own name, and not the one who asks
 * nor the one for whom an agent asks.
 */
export function mayVote(voter: Principal, requester: Principal): boolean {
  if (voter.kind !== 'user' || voter.actsFor !== undefined) return false;
  if (samePerson(voter, requester)) return false;
  return requester.actsFor === undefined || !samePerson(voter, requester.actsFor);
}
