/**
 * What is doubtful about a set of policies that loads.
 *
 * Shadowed permits, permits that nothing can reach and approvals that nobody can give are found by comparing conditions,
 * so what is named is certain, and what only the engine could tell (arithmetic, `if`, several wildcards) is not found.
 * @module
 */
import { formatDuration } from '../../core/duration.ts';
import { type Attribute, mentions, nodes } from '../expression.ts';
import type { Policy } from '../read.ts';
import { type Limits, precedes } from '../verdict.ts';
import { type Atom, atomsOf } from './atoms.ts';
import { doubtful, INCIDENT_RANGES, shadowsInEmergency, VERIFIED } from './emergency.ts';
import { contradiction, entailsAll } from './logic.ts';

export const RULES = [
  'shadowed',
  'unreachable',
  'not-configured',
  'nobody-approves',
  'requester-chooses',
  'any-incident',
  'any-person',
  'not-on-call',
  'sealed-useless',
] as const;

export interface Finding {
  readonly rule: (typeof RULES)[number];
  readonly policyId: string;
  readonly source: string;
  readonly line: number;
  /** One line, without the policy's name. */
  readonly message: string;
}

interface Read {
  readonly policy: Policy;
  readonly atoms: readonly Atom[];
}

/** In the order of the files. */
export function findingsIn(policies: readonly Policy[]): Finding[] {
  const on = (action: string, effect: Policy['effect']): Read[] =>
    policies
      .filter(({ actions, effect: own }) => own === effect && (actions === null || actions.includes(action)))
      .map((policy) => ({ policy, atoms: atomsOf(policy) }));
  const requests = { permits: on('Request', 'permit'), forbids: on('Request', 'forbid') };
  const emergencies = { permits: on('BreakGlass', 'permit'), forbids: on('BreakGlass', 'forbid') };
  const approvals = { permits: on('Approve', 'permit'), forbids: on('Approve', 'forbid') };
  const found = [
    ...shadowed(requests.permits),
    ...shadowed(emergencies.permits),
    ...emergencies.permits.flatMap(({ policy }) =>
      doubtful(policy).map(([rule, words]) => finding(rule, policy, words)),
    ),
    ...[requests, emergencies, approvals].flatMap(({ permits, forbids }) => unreachable(permits, forbids)),
    ...nobodyApproves(requests.permits, approvals),
    ...policies.flatMap(requesterChooses),
  ];
  const order = new Map(policies.map((policy, position) => [policy.id, position]));
  return found.toSorted((a, b) => (order.get(a.policyId) ?? 0) - (order.get(b.policyId) ?? 0));
}

function finding(rule: Finding['rule'], policy: Policy, message: string): Finding {
  return { rule, policyId: policy.id, source: policy.source, line: policy.line, message };
}

/** A permit that never decides: wherever it matches and its limits are met, another one that goes first does, too. */
function shadowed(permits: readonly Read[]): Finding[] {
  return permits.flatMap(({ policy, atoms }) => {
    const before = permits.find(
      ({ policy: other, atoms: theirs }) =>
        other !== policy && asOften(other, policy) && goesFirst(other, policy) && entailsAll(atoms, theirs),
    );
    if (before === undefined) return [];
    const better = policy.emergency === null ? 'asks for less' : 'gives more';
    return [finding('shadowed', policy, `never decides: ${before.policy.id} matches whenever it does and ${better}`)];
  });
}

/** Whether one permit decides wherever both match and the limits of the other are met. */
function goesFirst(one: Policy, other: Policy): boolean {
  if (one.terms !== null && other.terms !== null) {
    const [first, second] = [one.terms, other.terms];
    return precedes({ id: one.id, terms: first }, { id: other.id, terms: second }) && reachesAsFar(first, second);
  }
  if (one.emergency === null || other.emergency === null) return false;
  return (
    reachesAsFar(one.emergency, other.emergency) &&
    shadowsInEmergency({ id: one.id, terms: one.emergency }, { id: other.id, terms: other.emergency })
  );
}

/** Whether one permit counts whenever the other does. */
function asOften(one: Policy, other: Policy): boolean {
  if (one.season === null) return true;
  return other.season !== null && one.season.hours.text === other.season.hours.text;
}

function reachesAsFar(one: Limits, other: Limits): boolean {
  return (
    one.maxSeconds >= other.maxSeconds && (!one.needsTicket || other.needsTicket) && one.minReason <= other.minReason
  );
}

function unreachable(permits: readonly Read[], forbids: readonly Read[]): Finding[] {
  return permits.flatMap(({ policy, atoms }) => {
    const all = [...atoms, ...limitAtoms(policy)];
    const why = contradiction(all) ?? unsealed(policy, all) ?? forbiddenBy(atoms, policy, forbids);
    return why === null ? [] : [finding('unreachable', policy, `nothing can reach it: ${why}`)];
  });
}

/** @param atoms what has to hold, and can. */
function unsealed({ emergency }: Policy, atoms: readonly Atom[]): string | null {
  if (emergency === null || emergency.sealed !== null || contradiction([...atoms, VERIFIED]) === null) return null;
  return 'it is for when the source of the incident cannot be reached, and has no @sealed';
}

/** What the limits of a permit demand, as conditions. */
function limitAtoms({ terms, emergency }: Policy): Atom[] {
  const limits = terms ?? emergency;
  if (limits === null) return [];
  const attribute = (attr: string): object => ({ '.': { left: { Var: 'context' }, attr } });
  const seconds = { '<=': { left: attribute('seconds'), right: { Value: limits.maxSeconds } } };
  return [
    { expression: seconds, wanted: true, key: `limit ${formatDuration(limits.maxSeconds)}` },
    ...(limits.needsTicket ? [{ expression: attribute('hasTicket'), wanted: true, key: 'limit ticket' }] : []),
    ...(emergency === null ? [] : INCIDENT_RANGES),
  ];
}

function forbiddenBy(atoms: readonly Atom[], policy: Policy, forbids: readonly Read[]): string | null {
  const closed = forbids.find(({ policy: other, atoms: theirs }) => other.season === null && entailsAll(atoms, theirs));
  return closed === undefined || closed.policy === policy ? null : `${closed.policy.id} forbids all of it`;
}

/** Whether a condition is about what is asked for, rather than about who asks. */
function isAboutRequest({ expression }: Atom): boolean {
  return [...nodes(expression)].every((node) => !isPrincipal(node));
}

function isPrincipal(node: unknown): boolean {
  return typeof node === 'object' && node !== null && 'Var' in node && node.Var === 'principal';
}

function nobodyApproves(
  permits: readonly Read[],
  approvals: { readonly permits: readonly Read[]; readonly forbids: readonly Read[] },
): Finding[] {
  return permits.flatMap(({ policy, atoms }) => {
    if (policy.terms?.tier !== 'manual') return [];
    const asked = atoms.filter(isAboutRequest);
    const possible = approvals.permits.some(({ policy: approval, atoms: theirs }) => {
      const together = [...asked, ...theirs];
      return contradiction(together) === null && forbiddenBy(together, approval, approvals.forbids) === null;
    });
    if (possible) return [];
    return [finding('nobody-approves', policy, 'asks for approval, and no permit on action Approve can match it')];
  });
}

/** Everything that rules see is verified or worked out by the broker, but for these: the requester can choose them at will. */
function requesterChooses(policy: Policy): Finding[] {
  const atoms = atomsOf(policy);
  const speaksOf = (name: Attribute): boolean => atoms.some(({ expression }) => mentions(expression, name));
  const found: Finding[] = [];
  const report = (message: string): void => void found.push(finding('requester-chooses', policy, message));
  if (speaksOf('context.hasTicket')) {
    report(
      policy.effect === 'permit'
        ? 'depends on context.hasTicket: any text passes for a ticket, nobody looks it up'
        : 'can be stepped around by context.hasTicket: any text passes for a ticket, nobody looks it up',
    );
  }
  // A wildcard in the request covers more than it looks like, so what must not be covered has to be asked of breadth as well.
  const negative = atoms.some(({ expression, wanted }) => {
    const excluding = policy.effect === 'permit' ? !wanted : wanted;
    return excluding && mentions(expression, 'context.resource');
  });
  if (negative && !speaksOf('context.breadth')) {
    report('excludes by context.resource and not by context.breadth: a wildcard in the request can reach around it');
  }
  return found;
}
