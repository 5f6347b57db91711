/**
 * From the permits on action `BreakGlass` that match to one answer.
 * @module
 */
import type { IncidentFacts } from '../question.ts';
import {
  deny,
  distinct,
  type EmergencyPermit,
  type EmergencyTerms,
  type EmergencyVerdict,
  flagsToMeet,
  limitWords,
  type Offer,
  type Sealed,
} from '../verdict.ts';

/** A permit on action `BreakGlass`. */
export interface EmergencyRule {
  readonly id: string;
  readonly terms: EmergencyTerms;
}

/** What is offered, and whether the incident could be looked up. */
export type EmergencyOffer = Offer & { readonly incident: Pick<IncidentFacts, 'verified'> };

/** Of the permits that match, the one that decides, or the most generous where none has its limits met. */
export function foremostEmergency(
  matching: readonly EmergencyRule[],
  offer: EmergencyOffer,
): EmergencyRule | undefined {
  const rules = usable(matching, offer);
  return rules.find(({ terms }) => flagsToMeet(terms, offer).length === 0) ?? rules[0] ?? matching[0];
}

/**
 * Of the permits that match, the most generous whose own limits are met decides. Where the incident is not verified only those
 * with a sealed path count, with the limit of that path.
 * @param matching at least one.
 */
export function chooseEmergency(matching: readonly EmergencyRule[], offer: EmergencyOffer): EmergencyVerdict {
  const ids = matching.map(({ id }) => id);
  const rules = usable(matching, offer);
  const best = rules.find(({ terms }) => flagsToMeet(terms, offer).length === 0);
  if (best !== undefined) {
    return {
      kind: 'permit',
      tier: 'break-glass',
      ...best.terms,
      policyId: best.id,
      why: `permitted in an emergency by policy ${best.id}`,
      also: ids.filter((id) => id !== best.id),
    };
  }
  const [first] = rules;
  if (first === undefined) return deny(NOT_SEALED, ids, 'it is possible once the source of the incident answers');
  return deny(
    limitWords(
      rules.map(({ terms }) => terms),
      offer,
    ),
    rules.map(({ id }) => id),
    flagsToMeet(first.terms, offer).join(' '),
  );
}

const NOT_SEALED = 'the source of the incident cannot be reached, and no policy has a sealed path for this';

/**
 * One answer for several permissions: any denial denies; otherwise the tightest of each term holds. There is a sealed path only
 * where each part has one, with the people of the same group; where the incident is not verified, all else is denied.
 */
export function combineEmergencies(
  verdicts: readonly EmergencyVerdict[],
  { verified }: Pick<IncidentFacts, 'verified'>,
): EmergencyVerdict {
  const denials = verdicts.filter((verdict) => verdict.kind === 'deny');
  const [denial] = denials;
  if (denial !== undefined) return { ...denial, policyIds: distinct(denials.flatMap(({ policyIds }) => policyIds)) };
  const permits = verdicts
    .filter((verdict) => verdict.kind === 'permit')
    .toSorted((a, b) => byGenerosity(a, b) || (a.policyId < b.policyId ? -1 : 1));
  const tightest = permits.at(-1);
  if (tightest === undefined) return deny('nothing was asked for');
  const ids = distinct(permits.flatMap(({ policyId, also }) => [policyId, ...also]));
  const sealed = sealedTogether(permits);
  if (!verified && sealed === null) return deny(NOT_SEALED_TOGETHER, ids);
  const idle = permits.flatMap(({ idleSeconds }) => idleSeconds ?? []);
  return {
    ...tightest,
    maxSeconds: Math.min(...permits.map(({ maxSeconds }) => maxSeconds)),
    needsTicket: permits.some(({ needsTicket }) => needsTicket),
    minReason: Math.max(...permits.map(({ minReason }) => minReason)),
    renewals: Math.min(...permits.map(({ renewals }) => renewals)),
    idleSeconds: idle.length === 0 ? null : Math.min(...idle),
    warnSeconds: Math.min(...permits.map(({ warnSeconds }) => warnSeconds)),
    handover: permits.some(({ handover }) => handover === 'ends') ? 'ends' : 'stays',
    sealed,
    also: ids.filter((id) => id !== tightest.policyId),
  };
}

const NOT_SEALED_TOGETHER =
  'the source of the incident cannot be reached, and the parts of this are confirmed by people of different groups: ask for them one by one';

function sealedTogether(permits: readonly EmergencyPermit[]): Sealed | null {
  const all = permits.flatMap(({ sealed }) => sealed ?? []);
  const [first] = all;
  if (first === undefined || all.length < permits.length) return null;
  // Nobody has said that people of one group may confirm what is for another.
  if (all.some(({ group }) => group !== first.group)) return null;
  return {
    group: first.group,
    approvers: Math.max(...all.map(({ approvers }) => approvers)),
    maxSeconds: Math.min(...all.map(({ maxSeconds }) => maxSeconds)),
  };
}

/** Those that count, the most generous first, each with the limits that hold for it: what nobody can see to be open still is not put off. */
function usable(rules: readonly EmergencyRule[], { incident }: EmergencyOffer): EmergencyRule[] {
  const counted = incident.verified
    ? rules
    : rules.flatMap(({ id, terms }) =>
        terms.sealed === null ? [] : [{ id, terms: { ...terms, maxSeconds: terms.sealed.maxSeconds, renewals: 0 } }],
      );
  return counted.toSorted(byRank);
}

/** Whether of two permits that match and whose limits are met, the first decides while the incident is verified. */
export function precedesInEmergency(a: EmergencyRule, b: EmergencyRule): boolean {
  return byRank(a, b) < 0;
}

function byRank(a: EmergencyRule, b: EmergencyRule): number {
  return byGenerosity(a.terms, b.terms) || (a.id < b.id ? -1 : 1);
}

/** What the requester has to bring first, then what they get. */
function byGenerosity(a: EmergencyTerms, b: EmergencyTerms): number {
  return (
    Number(a.needsTicket) - Number(b.needsTicket) ||
    a.minReason - b.minReason ||
    b.maxSeconds - a.maxSeconds ||
    b.renewals - a.renewals ||
    (b.idleSeconds ?? Number.MAX_SAFE_INTEGER) - (a.idleSeconds ?? Number.MAX_SAFE_INTEGER) ||
    b.warnSeconds - a.warnSeconds ||
    Number(a.handover === 'ends') - Number(b.handover === 'ends') ||
    people(a) - people(b)
  );
}

/** How many have to confirm; without a sealed path no number is enough. */
function people({ sealed }: EmergencyTerms): number {
  return sealed?.approvers ?? Number.MAX_SAFE_INTEGER;
}
