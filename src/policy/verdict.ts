/**
 * From the rules that match to one answer.
 * @module
 */
import { formatDuration } from '../core/duration.ts';
import type { Quorum } from '../core/request.ts';
import { compareTiers, type Tier } from '../core/tier.ts';

/** What a request has to keep to, whatever the action. */
export interface Limits {
  readonly maxSeconds: number;
  readonly needsTicket: boolean;
  /** How many characters the reason has at least; 0 where any will do. */
  readonly minReason: number;
}

/** What a permit asks for in return. */
export interface Terms extends Limits {
  readonly tier: Exclude<Tier, 'break-glass'>;
  /** Every entry has to be met, by distinct people. Empty unless the tier is `manual`. */
  readonly quorum: readonly Quorum[];
  readonly renewals: number;
  /** The grant ends after this many seconds without use, or null. */
  readonly idleSeconds: number | null;
}

/** A permit on action `Request`. */
export interface Rule {
  readonly id: string;
  readonly terms: Terms;
}

export interface Permit extends Terms {
  readonly kind: 'permit';
  /** The permit that decided. */
  readonly policyId: string;
  readonly why: string;
  /** How the same could be had for less, as flags that can be pasted, or null. */
  readonly hint: string | null;
  /** Other permits that match and did not decide. */
  readonly also: readonly string[];
}

export interface Denial {
  readonly kind: 'deny';
  /** One line that a person can act on. */
  readonly why: string;
  /** What would change the answer: flags that can be pasted, or for an emergency what would have to be otherwise. Or null. */
  readonly hint: string | null;
  /** The policies that denied, or whose limits were not met. Empty when no policy matches. */
  readonly policyIds: readonly string[];
}

export type Verdict = Permit | Denial;

/** What a permit on action `BreakGlass` asks for in return. */
export interface EmergencyTerms extends Limits {
  readonly renewals: number;
  /** The grant ends after this many seconds without use, or null. */
  readonly idleSeconds: number | null;
  /** How long the holder is warned before the access goes because the incident has been closed; 0: it goes at once. */
  readonly warnSeconds: number;
  /** Whether the access of who was on call ends when they hand over. */
  readonly handover: 'ends' | 'stays';
  /** How it can be had where the source of the incident cannot be reached, or null: not at all. */
  readonly sealed: Sealed | null;
}

/** So many people of the group confirm it, each by a vote of their own. */
export interface Sealed {
  readonly approvers: number;
  readonly group: string;
  /** The longest that it lasts then. */
  readonly maxSeconds: number;
}

export interface EmergencyPermit extends EmergencyTerms {
  readonly kind: 'permit';
  readonly tier: 'break-glass';
  /** The permit that decided. */
  readonly policyId: string;
  readonly why: string;
  /** Other permits that match and did not decide. */
  readonly also: readonly string[];
}

/** Where the incident is not verified a permit always has a sealed path, and `maxSeconds` is that of the path. */
export type EmergencyVerdict = EmergencyPermit | Denial;

/** The limits that a rule is held against. */
export interface Offer {
  readonly seconds: number;
  readonly hasTicket: boolean;
  readonly reasonLength: number;
}

export function deny(why: string, policyIds: readonly string[] = [], hint: string | null = null): Denial {
  return { kind: 'deny', why, hint, policyIds };
}

/** Of the permits that match, the one that decides, or the least demanding where none has its limits met. */
export function foremost<T extends Rule>(matching: readonly T[], offer: Offer): T | undefined {
  const rules = matching.toSorted(byDemand);
  return rules.find((rule) => flagsToMeet(rule.terms, offer).length === 0) ?? rules[0];
}

/**
 * Of the permits that match, the least demanding whose own limits are met decides. When all fail by their limits alone,
 * the denial says which limit, and the hint is the flag that would do.
 */
export function choose(matching: readonly Rule[], offer: Offer): Verdict {
  const rules = matching.toSorted(byDemand);
  const best = rules.find((rule) => flagsToMeet(rule.terms, offer).length === 0);
  if (best === undefined) return beyondLimits(rules, offer);
  // Every rule that sorts before the best one failed by its limits.
  const easier = rules.find((rule) => compareTiers(rule.terms.tier, best.terms.tier) < 0);
  return {
    kind: 'permit',
    ...best.terms,
    policyId: best.id,
    why: `permitted by policy ${best.id}`,
    hint:
      easier === undefined
        ? null
        : `with ${flagsToMeet(easier.terms, offer).join(' ')} it is ${HOW[easier.terms.tier]}`,
    also: rules.filter((rule) => rule !== best).map((rule) => rule.id),
  };
}

/**
 * One answer for a request with several permissions: any denial denies; otherwise every demand that any of them makes
 * has to be met. Nothing asked is denied.
 */
export function combine(verdicts: readonly Verdict[]): Verdict {
  const denials = verdicts.filter((verdict) => verdict.kind === 'deny');
  const [denial] = denials;
  if (denial !== undefined) return { ...denial, policyIds: distinct(denials.flatMap((each) => each.policyIds)) };
  const permits = verdicts
    .filter((verdict) => verdict.kind === 'permit')
    .toSorted((a, b) => byTerms(a, b) || (a.policyId < b.policyId ? -1 : 1));
  const hardest = permits.at(-1);
  if (hardest === undefined) return deny('nothing was asked for');
  const idle = permits.flatMap((permit) => permit.idleSeconds ?? []);
  return {
    ...hardest,
    maxSeconds: Math.min(...permits.map((permit) => permit.maxSeconds)),
    needsTicket: permits.some((permit) => permit.needsTicket),
    minReason: Math.max(...permits.map((permit) => permit.minReason)),
    quorum: widest(permits.flatMap((permit) => permit.quorum)),
    renewals: Math.min(...permits.map((permit) => permit.renewals)),
    idleSeconds: idle.length === 0 ? null : Math.min(...idle),
    // A hint is true for the whole only where it is true for each part.
    hint: permits.every((permit) => permit.hint === hardest.hint) ? hardest.hint : null,
    also: distinct(permits.flatMap((permit) => [permit.policyId, ...permit.also])).filter(
      (id) => id !== hardest.policyId,
    ),
  };
}

const HOW = { auto: 'automatic', 'self-serve': 'self-serve', manual: 'possible with approval' } as const;

/** The flags with which a request would meet the limits of a permit. */
export function flagsToMeet(terms: Limits, offer: Offer): string[] {
  return [
    ...(offer.seconds > terms.maxSeconds ? [`--for ${formatDuration(terms.maxSeconds)}`] : []),
    ...(terms.needsTicket && !offer.hasTicket ? ['--ticket ID'] : []),
    ...(hasReason(terms, offer) ? [] : [`--reason TEXT (${terms.minReason} characters or more)`]),
  ];
}

/** What is not a number is no reason. */
function hasReason({ minReason }: Limits, { reasonLength }: Offer): boolean {
  return minReason === 0 || reasonLength >= minReason;
}

/** @param rules at least one, the least demanding first. */
function beyondLimits(rules: readonly Rule[], offer: Offer): Denial {
  // The first rule of each tier is its least demanding: what it lacks is the way into that tier.
  const ways = new Map<string, Tier>();
  for (const tier of new Set(rules.map((rule) => rule.terms.tier))) {
    const first = rules.find((rule) => rule.terms.tier === tier);
    const flags = first === undefined ? '' : flagsToMeet(first.terms, offer).join(' ');
    if (!ways.has(flags)) ways.set(flags, tier);
  }
  const hint = [...ways].map(([flags, tier]) => (ways.size > 1 ? `${flags} (${tier})` : flags)).join(' or ');
  return deny(
    limitWords(
      rules.map((rule) => rule.terms),
      offer,
    ),
    rules.map((rule) => rule.id),
    hint,
  );
}

/** Which limits keep every one of these from being met. @param all at least one, and none that is met. */
export function limitWords(all: readonly Limits[], offer: Offer): string {
  const longest = Math.max(...all.map(({ maxSeconds }) => maxSeconds));
  const tooLong = offer.seconds > longest;
  // Of those that reach far enough, or of all where none does.
  const near = tooLong ? all : all.filter(({ maxSeconds }) => offer.seconds <= maxSeconds);
  const ticketMissing = near.every(({ needsTicket }) => needsTicket && !offer.hasTicket);
  const reasonMissing = near.every((limits) => !hasReason(limits, offer));
  const some = [
    ...(ticketMissing ? ['a ticket is needed'] : []),
    ...(reasonMissing ? ['the reason is too short'] : []),
  ];
  const facts = [
    ...(tooLong ? [`at most ${formatDuration(longest)} here`] : []),
    ...(some.length === 0 && !tooLong ? ['a ticket is needed, or a longer reason'] : some),
  ];
  return facts.join(', and ');
}

/** Whether of two permits that match and whose limits are met, the first decides. */
export function precedes(a: Rule, b: Rule): boolean {
  return byDemand(a, b) < 0;
}

function byDemand(a: Rule, b: Rule): number {
  return byTerms(a.terms, b.terms) || (a.id < b.id ? -1 : 1);
}

function byTerms(a: Terms, b: Terms): number {
  return (
    compareTiers(a.tier, b.tier) ||
    people(a) - people(b) ||
    Number(a.needsTicket) - Number(b.needsTicket) ||
    a.minReason - b.minReason ||
    b.maxSeconds - a.maxSeconds ||
    b.renewals - a.renewals ||
    (b.idleSeconds ?? Number.MAX_SAFE_INTEGER) - (a.idleSeconds ?? Number.MAX_SAFE_INTEGER)
  );
}

function people(terms: Terms): number {
  return terms.quorum.reduce((sum, { approvers }) => sum + approvers, 0);
}

/** For each group the largest number that any part asks for. */
function widest(quorum: readonly Quorum[]): Quorum[] {
  const groups = new Map<string | null, number>();
  for (const { group, approvers } of quorum) groups.set(group, Math.max(approvers, groups.get(group) ?? 0));
  return [...groups].map(([group, approvers]) => ({ group, approvers }));
}

/** Each once, in order. */
export function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids)].toSorted();
}
