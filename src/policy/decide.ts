/**
 * One question, put to the engine and answered.
 * @module
 */
import { mayVote } from '../core/approval.ts';
import { display } from '../core/display.ts';
import type { Principal } from '../core/principal.ts';
import type { Manner } from './attendance.ts';
import { approveCall, pairsOf, requestCall } from './call.ts';
import { inZone, nextChange } from './hours.ts';
import type { Matcher } from './match.ts';
import { CLOSED_VALUES, type Question } from './question.ts';
import type { Policy } from './read.ts';
import { choose, combine, type Denial, deny, foremost, type Rule, type Verdict } from './verdict.ts';

/** More pairs of permission and resource than any one task needs; each is decided on its own. */
const MOST_PAIRS = 500;

/** @param requests the policies on action `Request`. */
export function makeDecider(requests: Matcher): (question: Question) => Verdict {
  const decideFor = (question: Question): Verdict => {
    const unfit = unfitness(question);
    if (unfit !== null) return deny(unfit);
    const verdicts: Verdict[] = [];
    for (const pair of pairsOf(question)) {
      const call = requestCall(question, requests.groups, pair);
      const match = requests.match(call, question.now, (permits) => foremostOf(permits, question));
      if (match.kind === 'none') return unmatched(requests.resting(call, question.now), question.now);
      if (match.kind === 'broken') return deny('the policies could not be evaluated', match.policyIds);
      if (match.kind === 'forbidden') return forbidden(match.by, question.now);
      const rules = rulesOf(match.by);
      const verdict = rules.length === 0 ? deny('no policy permits this') : choose(rules, question);
      if (verdict.kind === 'deny') return verdict;
      verdicts.push(verdict);
    }
    return combine(verdicts);
  };

  return (question) => {
    const { actsFor } = question.principal;
    const own = decideFor(question);
    if (actsFor === undefined || own.kind === 'deny') return own;
    // No rule for agents can give one more than the person has for whom it acts.
    const persons = decideFor({ ...question, principal: actsFor });
    if (persons.kind === 'permit') return combine([own, persons]);
    return { ...persons, why: `not for the person it acts for: ${persons.why}` };
  };
}

function foremostOf(permits: readonly Policy[], question: Question): Policy | undefined {
  const best = permits.length < 2 ? undefined : foremost(rulesOf(permits), question);
  return permits.find(({ id }) => id === best?.id) ?? permits[0];
}

function rulesOf(permits: readonly Policy[]): Rule[] {
  return permits.flatMap(({ id, terms }) => (terms === null ? [] : [{ id, terms }]));
}

/** @param approvals the policies on action `Approve`. */
export function makeApprover(approvals: Matcher): (voter: Principal, question: Question, manner?: Manner) => boolean {
  return (voter, question, manner = 'attended') => {
    if (!mayVote(voter, question.principal)) return false;
    if (unfitness(question) !== null || namelessness([voter]) !== null) return false;
    return pairsOf(question).every((pair) => {
      const call = approveCall(voter, question, approvals.groups, pair);
      const match = approvals.match(call, question.now, ([first]) => first);
      if (match.kind !== 'permitted') return false;
      return manner === 'attended' || match.by.every(({ unattended }) => unattended);
    });
  };
}

/** Why no rule may be asked, or null. */
export function unfitness({ principal, permission, target, seconds, assessment, operation }: Question): string | null {
  const { actions, resources } = permission;
  if (actions.length === 0 || resources.length === 0) return 'nothing was asked for';
  if (actions.length * resources.length > MOST_PAIRS) return `more than ${MOST_PAIRS} pairs of permission and resource`;
  if (permission.target !== target.name) return 'the permission is for another target';
  if (!Number.isSafeInteger(seconds) || seconds < 1) return 'the duration is not a whole number of seconds';
  // Policies are picked by these lists, so nothing may stand outside them.
  const words = { access: assessment.access, breadth: assessment.breadth, risk: operation.risk };
  const strange = Object.entries(words).find(([name, word]) => !(CLOSED_VALUES.get(name)?.includes(word) ?? false));
  if (strange !== undefined) return `there is no ${strange[0]} ${display(strange[1], 100)}`;
  // A rule names permissions one by one, so a wildcard would slip past every forbid.
  const wild = actions.find((action) => /[*?]/.test(action));
  if (wild !== undefined) return `a permission with a wildcard cannot be decided: ${display(wild, 100)}`;
  const nameless = namelessness(principal.actsFor === undefined ? [principal] : [principal, principal.actsFor]);
  if (nameless !== null) return nameless;
  const broken = [target.name, permission.operation, ...actions, ...resources].some((text) => !text.isWellFormed());
  return broken ? NOT_UNICODE : null;
}

const NOT_UNICODE = 'a name in the request is not valid Unicode';

/** Why somebody cannot be told from everybody else in a policy, or null. */
export function namelessness(people: readonly Principal[]): string | null {
  // The bar parts issuer and subject in the entity's id: with another in the issuer two people could share one.
  if (people.some(({ issuer }) => issuer.includes('|')))
    return 'the issuer of this identity cannot be named in a policy';
  // The engine would read every lone surrogate as the same character, and so take two names for one.
  const names = people.flatMap(({ issuer, subject, groups }) => [issuer, subject, ...groups]);
  return names.every((text) => text.isWellFormed()) ? null : NOT_UNICODE;
}

/** The denial where no policy matches. @param resting the permits that would match at another time. */
export function unmatched(resting: readonly Policy[], now: number): Denial {
  const openings = resting.flatMap((policy) => changeOf(policy, now) ?? []).toSorted((a, b) => a.at - b.at);
  const [first] = openings;
  if (first === undefined) return deny('no policy permits this');
  return deny(
    `no policy permits this now: ${first.policy.id} does from ${first.words}`,
    resting.map((policy) => policy.id),
  );
}

/** The next moment at which a policy begins or ceases to count. */
function changeOf(policy: Policy, now: number): { policy: Policy; at: number; words: string } | null {
  const at = policy.season === null ? null : nextChange(policy.season.hours, now);
  if (policy.season === null || at === null) return null;
  return { policy, at, words: inZone(policy.season.hours, at) };
}

/** The denial by these forbids: with what the first that has words says, and until when where they have hours. */
export function forbidden(policies: readonly Policy[], now: number): Denial {
  const [first] = policies.toSorted((a, b) => Number(a.description === null) - Number(b.description === null));
  if (first === undefined) return deny('no policy permits this');
  const ends = policies.map((policy) => changeOf(policy, now));
  const last = ends.every((end) => end !== null) ? ends.toSorted((a, b) => b.at - a.at)[0] : undefined;
  const why = first.description ?? `forbidden by policy ${first.id}`;
  return deny(
    last === undefined ? why : `${why} (until ${last.words})`,
    policies.map((policy) => policy.id),
  );
}
