/**
 * People, votes and events for tests of how requests are decided, and a count of votes that tries everything.
 * @module
 */
import * as fc from 'fast-check';
import { counted, type RequestEvent, type Serves, type Standing, type Vote } from '../../src/core/approval.ts';
import { type Principal, samePerson } from '../../src/core/principal.ts';
import type { Decision, Quorum } from '../../src/core/request.ts';
import { TIERS } from '../../src/core/tier.ts';

export const START = 1_800_000_000_000;

export function user(name: string, more: Partial<Pick<Principal, 'issuer' | 'personKey' | 'name'>> = {}): Principal {
  return { kind: 'user', issuer: 'https://id.test', subject: name, name, groups: [], ...more };
}

/** Nine accounts of five people, two of whom are one only through a third account. */
export const ACCOUNTS: readonly Principal[] = [
  user('ann', { personKey: 'K' }),
  user('ANN', { name: 'ann again' }),
  user('x9', { issuer: 'https://other.test', personKey: 'K', name: 'ann elsewhere' }),
  user('bo'),
  user('Bo', { name: 'bo again' }),
  user('straße', { name: 'cy' }),
  user('STRASSE', { name: 'cy again' }),
  user('dee'),
  user('eve'),
];

type Given = Partial<Omit<Decision, 'why'>>;

/** Waits for one approval by anybody, unless told otherwise. */
export function pending(given: Given): Standing {
  const quorumNow = [{ group: null, approvers: 1 }];
  const asked = { state: 'pending', tier: 'manual', policy: 'p1', quorum: quorumNow, deadline: START + 1_000 } as const;
  return { decision: { why: 'it was asked for', ...asked, ...given }, votes: [], issued: false };
}

type VoteEvent = Extract<RequestEvent, { type: 'vote' }>;

export function vote(voter: Principal, serves: readonly number[], more: Partial<Vote> = {}): VoteEvent {
  const cast = { voter, choice: 'approve', comment: null, attended: true, at: START, policy: 'p1', ...more } as const;
  return { type: 'vote', vote: cast, serves: () => serves, takeUpMs: 600 };
}

/** How many places the best of all assignments leaves open; each of the people sits at one place at most. */
export function lacking(quorumNow: readonly Quorum[], people: readonly (readonly number[])[]): number {
  const [positions, ...others] = people;
  const open = quorumNow.reduce((sum, { approvers }) => sum + approvers, 0);
  if (positions === undefined) return open;
  const seated = [...new Set(positions)].flatMap((position) => {
    const at = quorumNow[position];
    if (at === undefined || at.approvers < 1) return [];
    return lacking(quorumNow.with(position, { ...at, approvers: at.approvers - 1 }), others);
  });
  return Math.min(lacking(quorumNow, others), ...seated);
}

/** Whether people have agreed who may, and enough of them. */
export function isMet(standing: Standing, serves: Serves): boolean {
  const counting = counted(standing).filter((one) => serves(one).length > 0);
  const first = counting.filter(
    ({ voter }, at) => !counting.slice(0, at).some((other) => samePerson(other.voter, voter)),
  );
  const approvals = first.map(serves);
  return approvals.some((positions) => positions.length > 0) && lacking(standing.decision.quorum, approvals) === 0;
}

const at = fc.nat(12).map((steps) => START + steps * 100);
const policy = fc.constantFrom('p1', 'p1', 'p2');
const tier = fc.constantFrom(...TIERS, 'manual' as const, 'manual' as const);
const group = fc.constantFrom(null, 'x', 'y');
const spanMs = fc.constantFrom(0, 300, 900);
export const quorum: fc.Arbitrary<Quorum[]> = fc
  .array(fc.record({ group, approvers: fc.integer({ min: 1, max: 3 }) }), { maxLength: 3 })
  // Records come without a prototype, which strict equality notices.
  .map((all) => all.map((one) => ({ ...one })));

/** Who may approve, and whether unattended, changes from event to event, as it does when groups and policies change. */
const serves: fc.Arbitrary<Serves> = fc
  .array(
    fc.record({
      positions: fc.oneof({ arbitrary: fc.constant([0, 1, 2]), weight: 2 }, fc.subarray([0, 1, 2])),
      unattended: fc.boolean(),
    }),
    { minLength: ACCOUNTS.length, maxLength: ACCOUNTS.length },
  )
  .map((rows) => {
    const table = new Map(ACCOUNTS.map(({ name }, index) => [name, rows[index]]));
    return ({ voter, attended, choice }) => {
      const row = table.get(voter.name);
      return row === undefined || !(attended || choice === 'deny' || row.unattended) ? [] : row.positions;
    };
  });

const cast: fc.Arbitrary<Vote> = fc.record({
  voter: fc.constantFrom(...ACCOUNTS),
  choice: fc.constantFrom('approve' as const, 'approve' as const, 'approve' as const, 'deny' as const),
  comment: fc.constantFrom(null, 'fine'),
  attended: fc.boolean(),
  at,
  policy,
});

const voted = fc.record({ type: fc.constant('vote' as const), vote: cast, serves, takeUpMs: spanMs });
const demanded = fc.record({
  type: fc.constant('demanded' as const),
  demanded: fc.record({ tier, quorum, policy }),
  at,
  serves,
  waitMs: spanMs,
  takeUpMs: spanMs,
});

export const event: fc.Arbitrary<RequestEvent> = fc.oneof(
  { arbitrary: voted, weight: 8 },
  { arbitrary: demanded, weight: 3 },
  fc.record({ type: fc.constant('confirm' as const), at, takeUpMs: spanMs }),
  fc.record({ type: fc.constant('cancel' as const), at, why: fc.constant('not needed') }),
  fc.record({ type: fc.constant('time-out' as const), at }),
  fc.record({ type: fc.constant('forbidden' as const), at, why: fc.constant('forbidden now'), policy }),
);

/** Mostly a fresh request that waits for people; now and then anything at all. */
export const standing: fc.Arbitrary<Standing> = fc
  .record({
    tier: fc.oneof(tier, fc.constant(null)),
    state: fc.constantFrom('pending' as const, 'pending' as const, 'approved' as const, 'denied' as const),
    quorum,
    policy,
    deadline: fc.constantFrom(null, START + 1_000, START + 500),
    issued: fc.nat(9).map((one) => one === 0),
  })
  .map(({ issued, ...given }) => ({ ...pending(given), issued }));
