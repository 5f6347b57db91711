/**
 * One question, put to the engine and answered.
 * @module
 */
import { mayVote } from '../core/approval.ts';
import { display } from '../core/display.ts';
import type { Principal } from '../core/principal.ts';
import { approveCall, pairsOf, requestCall } from './call.ts';
import type { Matcher } from './match.ts';
import type { Question } from './question.ts';
import type { Policy } from './read.ts';
import { choose, combine, deny, type Rule, type Verdict } from './verdict.ts';

/** More pairs of permission and resource than any one task needs; each is decided on its own. */
const MOST_PAIRS = 500;

/** @param requests the policies on action `Request`. */
export function makeDecider(requests: Matcher): (question: Question) => Verdict {
  const decideFor = (question: Question): Verdict => {
    const unfit = unfitness(question);
    if (unfit !== null) return deny(unfit);
    const verdicts: Verdict[] = [];
    for (const pair of pairsOf(question)) {
      const match = requests.match(requestCall(question, requests.groups, pair));
      if (match.kind === 'none') return deny('no policy permits this');
      if (match.kind === 'broken') return deny('the policies could not be evaluated', match.policyIds);
      if (match.kind === 'forbidden') return forbidden(match.by);
      const rules: Rule[] = match.by.flatMap(({ id, terms }) => (terms === null ? [] : [{ id, terms }]));
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

/** @param approvals the policies on action `Approve`. */
export function makeApprover(approvals: Matcher): (voter: Principal, question: Question) => boolean {
  return (voter, question) => {
    if (!mayVote(voter, question.principal)) return false;
    if (unfitness(question) !== null || namelessness([voter]) !== null) return false;
    return pairsOf(question).every(
      (pair) => approvals.match(approveCall(voter, question, approvals.groups, pair)).kind === 'permitted',
    );
  };
}

/** Why no rule may be asked, or null. */
function unfitness({ principal, permission, target, seconds }: Question): string | null {
  const { actions, resources } = permission;
  if (actions.length === 0 || resources.length === 0) return 'nothing was asked for';
  if (actions.length * resources.length > MOST_PAIRS) return `more than ${MOST_PAIRS} pairs of permission and resource`;
  if (permission.target !== target.name) return 'the permission is for another target';
  if (!Number.isSafeInteger(seconds) || seconds < 1) return 'the duration is not a whole number of seconds';
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
function namelessness(people: readonly Principal[]): string | null {
  // The bar parts issuer and subject in the entity's id: with another in the issuer two people could share one.
  if (people.some(({ issuer }) => issuer.includes('|')))
    return 'the issuer of this identity cannot be named in a policy';
  // The engine would read every lone surrogate as the same character, and so take two names for one.
  const names = people.flatMap(({ issuer, subject, groups }) => [issuer, subject, ...groups]);
  return names.every((text) => text.isWellFormed()) ? null : NOT_UNICODE;
}

function forbidden(policies: readonly Policy[]): Verdict {
  const [first] = policies.toSorted((a, b) => Number(a.description === null) - Number(b.description === null));
  if (first === undefined) return deny('no policy permits this');
  return deny(
    first.description ?? `forbidden by policy ${first.id}`,
    policies.map((policy) => policy.id),
  );
}
