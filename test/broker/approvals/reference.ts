/**
 * What may become of a request, in plain words: a small model of approvals, written from what is promised and not from how
 * the broker does it. It answers with everything that may happen, because the broker may look at a request at any time.
 * @module
 */
import { accountOf, type Group, type Membership, type Name } from './people.ts';
import { isRevoker, isVoter, type Operation, type Terms, termsFor } from './rules.ts';

export const WAIT_MS = 400;
export const TAKE_UP_MS = 120;
export const CONFIRM_MS = 60;

export interface Cast {
  readonly by: Name;
  readonly choice: 'approve' | 'deny';
  readonly attended: boolean;
  readonly rules: number;
}

/** A request as the model has it, and as it is read back from the store: the two are compared whole. */
export interface Case {
  readonly state: 'pending' | 'approved' | 'denied' | 'cancelled' | 'timed-out';
  readonly tier: string | null;
  /** Who has to agree, as `2 leads`, sorted. */
  readonly quorum: readonly string[];
  readonly rules: number;
  readonly deadline: number | null;
  readonly votes: readonly Cast[];
  readonly granted: boolean;
}

export interface Asked {
  readonly requester: Name;
  readonly operations: readonly Operation[];
}

export interface Surroundings {
  readonly rules: number;
  readonly groups: Membership;
  readonly now: number;
}

export interface Result {
  readonly outcome: 'done' | 'refused';
  readonly after: Case;
}

export type Deed =
  | {
      readonly kind: 'vote';
      readonly by: Name;
      readonly choice: 'approve' | 'deny';
      readonly attended: boolean;
      readonly seen: Seen;
    }
  | { readonly kind: 'confirm'; readonly by: Name; readonly seen: Seen }
  | { readonly kind: 'cancel' | 'issue' | 'fetch' | 'revoke'; readonly by: Name }
  | { readonly kind: 'sweep' | 'judge' };

/** The policy that somebody had in front of them, and whether it was this request. */
export interface Seen {
  readonly rules: number;
  readonly request: 'this' | 'another';
}

type Verdict = { readonly tier: string; readonly quorum: readonly Place[] } | null;
interface Place {
  readonly group: string | null;
  readonly approvers: number;
}

const ORDER = ['auto', 'self-serve', 'manual'];

function verdictOn({ requester, operations }: Asked, around: Surroundings): Verdict {
  // An agent gets nothing that its person would not get, and nothing in which it is not theirs.
  const askers: readonly Name[] = requester === "rita's agent" ? [requester, 'rita'] : [requester];
  const terms = askers.flatMap((name) => {
    const { kind } = accountOf(name).principal;
    const member = memberOf(kind === 'agent' ? 'rita' : name, around);
    return operations.map((operation): Terms | null => termsFor(around.rules, operation, kind, member));
  });
  if (terms.some((one) => one === null)) return null;
  const known = terms.filter((one) => one !== null);
  const tier = ORDER.findLast((each) => known.some((one) => one.tier === each)) ?? 'manual';
  const places = new Map<string | null, number>();
  for (const { tier: of, group, approvers } of known) {
    if (of === 'manual') places.set(group, Math.max(approvers, places.get(group) ?? 0));
  }
  return { tier, quorum: [...places].map(([group, approvers]) => ({ group, approvers })) };
}

const memberOf =
  (name: Name, { groups }: Surroundings) =>
  (group: Group): boolean =>
    groups.get(name)?.has(group) ?? false;

const words = (quorum: readonly Place[]): string[] =>
  quorum.map(({ group, approvers }) => `${approvers} ${group ?? 'anybody'}`).toSorted();

const personBehind = (name: Name): string | null => (name === "rita's agent" ? 'rita' : accountOf(name).person);

function mayApprove(by: Name, { requester, operations }: Asked, around: Surroundings, attended: boolean): boolean {
  const { person } = accountOf(by);
  if (person === null || person === personBehind(requester)) return false;
  const member = memberOf(by, around);
  const may = (manner: 'attended' | 'unattended'): boolean =>
    operations.every((operation) => isVoter(around.rules, operation, member, manner));
  return may(attended ? 'attended' : 'unattended');
}

/** Whether every place can be taken by somebody else: tries everything. */
function filled(places: readonly Place[], people: readonly ReadonlySet<string>[]): boolean {
  const place = places.find(({ approvers }) => approvers > 0);
  if (place === undefined) return true;
  const rest = places.map((one) => (one === place ? { ...one, approvers: one.approvers - 1 } : one));
  return people.some((person, at) => fits(person, place) && filled(rest, people.toSpliced(at, 1)));
}

const fits = (person: ReadonlySet<string>, { group }: Place): boolean => group === null || person.has(group);

/** Whether a yes counts towards anything that is needed. */
function serves(
  { by, attended }: Pick<Cast, 'by' | 'attended'>,
  quorum: readonly Place[],
  what: Asked,
  around: Surroundings,
): boolean {
  const groups: ReadonlySet<string> = around.groups.get(by) ?? new Set();
  return mayApprove(by, what, around, attended) && quorum.some((place) => fits(groups, place));
}

/** @param cast the rules under which votes count. */
function enough(
  votes: readonly Cast[],
  quorum: readonly Place[],
  what: Asked,
  around: Surroundings,
  cast: number,
): boolean {
  const people = new Map<string, ReadonlySet<string>>();
  for (const { by, choice, attended, rules } of votes) {
    const { person } = accountOf(by);
    if (choice !== 'approve' || rules !== cast || person === null || people.has(person)) continue;
    if (serves({ by, attended }, quorum, what, around)) people.set(person, around.groups.get(by) ?? new Set());
  }
  return people.size > 0 && filled(quorum, [...people.values()]);
}

const isOpen = ({ state, granted }: Case): boolean => !granted && (state === 'pending' || state === 'approved');
const isLate = ({ deadline }: Case, { now }: Surroundings): boolean => deadline !== null && now >= deadline;
const end = (from: Case, state: Case['state']): Case => ({ ...from, state, deadline: null });

/** How a new request stands, or null where it is refused; what nobody has to decide is granted at once. */
export function asked(what: Asked, around: Surroundings): Case | null {
  const verdict = verdictOn(what, around);
  const { rules, now } = around;
  if (verdict === null) return null;
  const { tier } = verdict;
  if (tier === 'self-serve' && what.requester === 'pipeline') return null;
  const fresh = { tier, quorum: words(verdict.quorum), rules, votes: [] };
  if (tier === 'auto') return { ...fresh, state: 'approved', deadline: null, granted: true };
  return { ...fresh, state: 'pending', deadline: now + (tier === 'manual' ? WAIT_MS : CONFIRM_MS), granted: false };
}

/** The request as present policy has it. More than one answer only where it is late anyhow. */
export function judged(from: Case, what: Asked, around: Surroundings): readonly Case[] {
  if (!isOpen(from)) return [from];
  const verdict = verdictOn(what, around);
  const { rules, now } = around;
  if (verdict === null) {
    const denied = end({ ...from, rules }, 'denied');
    return isLate(from, around) ? [from, denied] : [denied];
  }
  if (isLate(from, around)) return [from];
  const { tier } = verdict;
  const quorum = words(verdict.quorum);
  const next: Case = { ...from, tier, quorum, rules };
  const holds = tier === 'auto' || (tier === 'manual' && enough(from.votes, verdict.quorum, what, around, rules));
  const patience = tier === 'self-serve' ? CONFIRM_MS : WAIT_MS;
  if (from.state === 'pending') {
    if (holds) return [{ ...next, state: 'approved', deadline: now + TAKE_UP_MS }];
    // Whoever else is asked than before has the whole time.
    return [from.tier === tier ? next : { ...next, deadline: now + patience }];
  }
  const stands = tier === 'self-serve' && from.tier === tier && from.rules === rules;
  if (holds || stands) return [next];
  return [{ ...next, state: 'pending', deadline: now + patience }];
}

/** Everything that may come of one deed. */
export function results(from: Case, deed: Deed, what: Asked, around: Surroundings): readonly Result[] {
  const looked = judged(from, what, around);
  // Whoever is refused may or may not have made the broker look at it.
  const refused = [from, ...looked].map((after): Result => ({ outcome: 'refused', after }));
  switch (deed.kind) {
    case 'sweep':
      return [done(isOpen(from) && isLate(from, around) ? end(from, 'timed-out') : from)];
    case 'judge':
      return looked.map(done);
    case 'cancel': {
      const own = answers(deed.by, what.requester);
      if (own && from.state === 'cancelled') return [done(from)];
      return own && isOpen(from) && !isLate(from, around) ? [done(end(from, 'cancelled'))] : refused;
    }
    case 'issue': {
      if (deed.by !== what.requester) return refused;
      if (from.granted) return [done(from)];
      const ready = looked.filter((one) => one.state === 'approved' && !isLate(one, around));
      return ready.length > 0 ? ready.map((one) => done({ ...one, granted: true, deadline: null })) : refused;
    }
    case 'revoke':
      return [from.granted && mayEnd(deed.by, what, around) ? done(from) : no(from)];
    case 'fetch':
      return mayFetch(from, deed.by, what, around) ? [done(from), no(from)] : [no(from)];
    case 'confirm':
      return looked.flatMap((one) => confirmed(one, deed, what, around)).concat(whenUnseen(from, looked, refused));
    case 'vote':
      return looked
        .flatMap((one) => voted(one, deed, what, around))
        .concat(whenUnseen(from, looked, refused), saidBefore(from, deed) ? [done(from)] : []);
  }
}

const done = (after: Case): Result => ({ outcome: 'done', after });
const no = (after: Case): Result => ({ outcome: 'refused', after });

/** Where policy has another view of it since it was last looked at, people may be told to look again. */
function whenUnseen(from: Case, looked: readonly Case[], refused: readonly Result[]): readonly Result[] {
  return looked.every((one) => same(one, from)) ? [] : refused;
}

/** A client that repeats its word, because it never heard the answer, may be told that it is known. */
function saidBefore({ votes }: Case, { by, choice, seen }: Extract<Deed, { kind: 'vote' }>): boolean {
  const { person } = accountOf(by);
  return votes.some(
    (vote) => vote.choice === choice && vote.rules === seen.rules && accountOf(vote.by).person === person,
  );
}

function same(a: Case, b: Case): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function answers(by: Name, requester: Name): boolean {
  return by === requester || (by === 'rita' && requester === "rita's agent");
}

function mayEnd(by: Name, { requester, operations }: Asked, around: Surroundings): boolean {
  if (answers(by, requester)) return true;
  const { kind } = accountOf(requester).principal;
  const isPerson = accountOf(by).principal.kind === 'user';
  return isPerson && operations.every((operation) => isRevoker(operation, kind, memberOf(by, around)));
}

/** Credentials leave only while people would still be asked for no more than what they said. */
function mayFetch(from: Case, by: Name, what: Asked, around: Surroundings): boolean {
  const verdict = verdictOn(what, around);
  if (!from.granted || by !== what.requester || verdict === null) return false;
  if (ORDER.indexOf(verdict.tier) > ORDER.indexOf(from.tier ?? '')) return false;
  return verdict.tier !== 'manual' || enough(from.votes, verdict.quorum, what, around, from.rules);
}

function confirmed(
  from: Case,
  { by, seen }: Extract<Deed, { kind: 'confirm' }>,
  { requester }: Asked,
  around: Surroundings,
): readonly Result[] {
  if (!isOpen(from) || isLate(from, around) || !answers(by, requester)) return [no(from)];
  if (seen.request !== 'this' || seen.rules !== from.rules) return [no(from)];
  if (from.state === 'approved') return [done(from), no(from)];
  if (from.tier !== 'self-serve' || accountOf(by).person === null) return [no(from)];
  return [done({ ...from, state: 'approved', deadline: around.now + TAKE_UP_MS })];
}

function voted(
  from: Case,
  { by, choice, attended, seen }: Extract<Deed, { kind: 'vote' }>,
  what: Asked,
  around: Surroundings,
): readonly Result[] {
  const { rules, now } = around;
  const verdict = verdictOn(what, around);
  if (!isOpen(from) || isLate(from, around) || from.tier !== 'manual' || verdict === null) return [no(from)];
  if (seen.request !== 'this' || seen.rules !== rules || from.rules !== rules) return [no(from)];
  // A no counts from whatever it comes.
  if (!mayApprove(by, what, around, attended || choice === 'deny')) return [no(from)];
  const groups = around.groups.get(by) ?? new Set<string>();
  if (!verdict.quorum.some((place) => fits(groups, place))) return [no(from)];
  const votes = [...from.votes, { by, choice, attended: attended && choice === 'approve', rules }];
  if (choice === 'deny') return [done(end({ ...from, votes }, 'denied'))];
  const { person } = accountOf(by);
  const again = from.votes.some((vote) => {
    if (vote.rules !== rules || accountOf(vote.by).person !== person) return false;
    return vote.attended || serves(vote, verdict.quorum, what, around);
  });
  if (from.state === 'approved' || again) return [done(from)];
  if (!enough(votes, verdict.quorum, what, around, rules)) return [done({ ...from, votes })];
  return [done({ ...from, votes, state: 'approved', deadline: now + TAKE_UP_MS })];
}
