/**
 * How people decide a request, over random sequences of events, sensible and senseless alike; and the counting of votes
 * against a count that tries every assignment of people to places.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { counted, decide, mayVote, missing, type RequestEvent, type Standing } from '../../src/core/approval.ts';
import { type Principal, samePerson } from '../../src/core/principal.ts';
import type { Quorum } from '../../src/core/request.ts';
import { TIERS } from '../../src/core/tier.ts';
import { ACCOUNTS, event, isMet, lacking, pending, quorum, standing, START, user, vote } from './approvals.ts';

interface Step {
  readonly before: Standing;
  readonly event: RequestEvent;
  readonly after: Standing;
}

type Demand = Pick<Standing['decision'], 'tier' | 'quorum'>;

/** An emergency asks people only where it names some: where its incident cannot be verified. */
const isOfPeople = ({ tier, quorum: asked }: Demand): boolean =>
  tier === 'manual' || (tier === 'break-glass' && asked.length > 0);
const isOfNobody = ({ tier, quorum: asked }: Demand): boolean =>
  tier === 'auto' || (tier === 'break-glass' && asked.length === 0);

/** A change in place would throw. */
function frozen(given: Standing): Standing {
  Object.freeze(given.decision);
  Object.freeze(given.decision.quorum);
  Object.freeze(given.votes);
  return Object.freeze(given);
}

const history = fc.record({ first: standing, events: fc.array(event, { maxLength: 30, size: 'max' }) });

function always(title: string, check: (step: Step) => void): void {
  test(title, () => {
    fc.assert(
      fc.property(history, ({ first, events }) => {
        let before = first;
        for (const one of events) {
          const after = decide(frozen(before), one);
          check({ before, event: one, after });
          before = after;
        }
      }),
      { numRuns: 2_000 },
    );
  });
}

const isOpen = ({ decision, issued }: Standing): boolean =>
  !issued && (decision.state === 'pending' || decision.state === 'approved');
const timeOf = (one: RequestEvent): number => (one.type === 'vote' ? one.vote.at : one.at);
const isLate = ({ before, event: one }: Step): boolean =>
  before.decision.deadline !== null && timeOf(one) >= before.decision.deadline;

always('what is denied, cancelled, timed out or issued stays exactly as it is', ({ before, after }) => {
  if (!isOpen(before)) assert.equal(after, before);
});

always(
  'what changes nothing gives the same standing, and what closes waits for nothing any more',
  ({ before, after }) => {
    if (after !== before) assert.notDeepEqual(after, before);
    if (after !== before && !isOpen(after)) assert.equal(after.decision.deadline, null);
    assert.equal(after.issued, before.issued);
  },
);

always(
  'a request becomes approved by a met quorum, by its own word where that is enough, or where policy asks nobody',
  (step) => {
    const { before, event: one, after } = step;
    if (after.decision.state !== 'approved' || before.decision.state !== 'pending') return;
    const { tier } = after.decision;
    assert.ok(!isLate(step));
    if (one.type === 'confirm') assert.equal(tier, 'self-serve');
    else if (one.type === 'vote') assert.ok(isOfPeople(after.decision) && isMet(after, one.serves));
    else
      assert.ok(
        one.type === 'demanded' &&
          (isOfNobody(after.decision) || (isOfPeople(after.decision) && isMet(after, one.serves))),
      );
    assert.ok('takeUpMs' in one);
    assert.equal(after.decision.deadline, timeOf(one) + one.takeUpMs);
  },
);

always('what was approved stays so under another demand only where that demand is met', (step) => {
  const { before, event: one, after } = step;
  if (!isOpen(before) || one.type !== 'demanded' || isLate(step)) return;
  assert.equal(after.decision.policy, one.demanded.policy);
  assert.equal(after.decision.tier, one.demanded.tier);
  assert.deepEqual(after.decision.quorum, one.demanded.quorum);
  if (after.decision.state !== 'approved' || isOfNobody(one.demanded)) return;
  if (isOfPeople(one.demanded)) assert.ok(isMet(after, one.serves));
  else assert.ok(one.demanded.tier === 'self-serve' && after === before, 'confirmed under these very terms');
});

always('what was approved and does not hold any more waits anew, from the present on', (step) => {
  const { before, event: one, after } = step;
  if (before.decision.state !== 'approved' || after.decision.state !== 'pending') return;
  assert.ok(one.type === 'demanded');
  assert.equal(after.decision.deadline, one.at + one.waitMs);
});

always('no request goes on waiting for people once enough of them have agreed', (step) => {
  const { before, event: one, after } = step;
  if (after === before || after.decision.state !== 'pending' || !isOfPeople(after.decision)) return;
  if ('serves' in one) assert.ok(!isMet(after, one.serves));
});

always('one no of somebody who may vote, in time and under the present policy, is the end of it', (step) => {
  const { before, event: one, after } = step;
  if (!isOpen(before) || one.type !== 'vote' || one.vote.choice !== 'deny' || isLate(step)) return;
  const { policy } = before.decision;
  const counts = isOfPeople(before.decision) && one.vote.policy === policy && one.serves(one.vote).length > 0;
  assert.equal(after.decision.state, counts ? 'denied' : before.decision.state);
  if (counts) assert.deepEqual(after.votes, [...before.votes, one.vote]);
});

always(
  'nobody says yes twice under one policy, under whatever name, but after a word that was unattended and counts no more',
  ({ before, event: one, after }) => {
    if (one.type !== 'vote' || after.votes.length === before.votes.length || one.vote.choice === 'deny') return;
    const earlier = before.votes.filter(
      ({ voter, policy }) => policy === one.vote.policy && samePerson(voter, one.vote.voter),
    );
    assert.deepEqual(
      earlier.filter((other) => other.attended || one.serves(other).length > 0),
      [],
    );
  },
);

always(
  'votes are added one by one, as they were cast, and none is ever taken away',
  ({ before, event: one, after }) => {
    if (after.votes === before.votes) return;
    assert.ok(one.type === 'vote' && one.vote.policy === before.decision.policy);
    assert.deepEqual(after.votes, [...before.votes, one.vote]);
  },
);

always(
  'votes under another policy count for nothing: without them everything goes the same way',
  ({ before, event: one }) => {
    const policy = one.type === 'demanded' ? one.demanded.policy : before.decision.policy;
    const without = { ...before, votes: before.votes.filter((cast) => cast.policy === policy) };
    assert.deepEqual(decide(without, one).decision, decide(before, one).decision);
  },
);

always('from the deadline on no word and no demand changes anything', (step) => {
  if (!isLate(step)) return;
  if (['vote', 'confirm', 'demanded'].includes(step.event.type)) assert.equal(step.after, step.before);
});

always('a request times out from its deadline on, and by nothing else', (step) => {
  const { before, event: one, after } = step;
  if (!isOpen(before)) return;
  assert.equal(after.decision.state === 'timed-out', one.type === 'time-out' && isLate(step));
});

always("one's own word decides where the tier is self-serve and nowhere else", (step) => {
  const { before, event: one, after } = step;
  if (one.type !== 'confirm') return;
  const works = isOpen(before) && before.decision.state === 'pending' && before.decision.tier === 'self-serve';
  assert.equal(after !== before, works && !isLate(step));
});

always('whatever is open can be cancelled and forbidden, approved or not', ({ before, event: one, after }) => {
  if (!isOpen(before) || (one.type !== 'cancel' && one.type !== 'forbidden')) return;
  assert.equal(after.decision.state, one.type === 'cancel' ? 'cancelled' : 'denied');
  assert.equal(after.decision.why, one.why);
});

const EVERYBODY = [0, 1, 2];

test('a second word of the same person is no word: another case, another account, the same account again', () => {
  const first = decide(
    pending({ quorum: [{ group: null, approvers: 2 }] }),
    vote(user('ann', { personKey: 'K' }), EVERYBODY),
  );
  assert.equal(first.votes.length, 1);
  const aliases = [
    user('ann'),
    user('ANN'),
    user('ａnn'),
    user('x9', { issuer: 'https://other.test', personKey: 'K' }),
    user('x9', { issuer: 'https://other.test', personKey: 'k ' }),
  ];
  for (const alias of aliases) assert.equal(decide(first, vote(alias, EVERYBODY)), first, alias.subject);
  assert.equal(decide(first, vote(user('bo'), EVERYBODY)).decision.state, 'approved');
});

test('whoever said yes may still say no, until the grant is made', () => {
  const yes = vote(user('ann'), EVERYBODY);
  const approved = decide(pending({}), yes);
  assert.equal(approved.decision.state, 'approved');
  const no = vote(user('ANN'), EVERYBODY, { choice: 'deny', comment: 'wrong bucket' });
  assert.equal(decide(approved, no).decision.state, 'denied');
  assert.match(decide(approved, no).decision.why, /wrong bucket/);
  assert.equal(decide({ ...approved, issued: true }, no).decision.state, 'approved');
});

test('of a yes and a no that race, the no wins in either order', () => {
  const both = [vote(user('ann'), EVERYBODY), vote(user('bo'), EVERYBODY, { choice: 'deny' })];
  for (const order of [both, both.toReversed()]) {
    assert.equal(order.reduce(decide, pending({})).decision.state, 'denied');
  }
});

test('a yes in the last millisecond counts, one at the deadline does not', () => {
  const asked = pending({ deadline: START + 1_000 });
  assert.equal(decide(asked, vote(user('ann'), EVERYBODY, { at: START + 999 })).decision.state, 'approved');
  assert.equal(decide(asked, vote(user('ann'), EVERYBODY, { at: START + 1_000 })), asked);
  assert.equal(decide(asked, { type: 'time-out', at: START + 999 }), asked);
  assert.equal(decide(asked, { type: 'time-out', at: START + 1_000 }).decision.state, 'timed-out');
});

const demand = (quorumNow: readonly Quorum[], policy = 'p1', serves: readonly number[] = EVERYBODY) =>
  ({
    type: 'demanded',
    demanded: { tier: 'manual', quorum: quorumNow, policy },
    at: START + 10,
    serves: () => serves,
    waitMs: 5_000,
    takeUpMs: 700,
  }) satisfies RequestEvent;

test('an approved request of which policy now demands more waits for the rest of its approvals', () => {
  const approved = decide(pending({}), vote(user('ann'), EVERYBODY));
  const harder = decide(approved, demand([{ group: null, approvers: 2 }]));
  assert.deepEqual([harder.decision.state, harder.decision.deadline], ['pending', START + 5_010]);
  assert.equal(decide(harder, vote(user('bo'), EVERYBODY)).decision.state, 'approved');
  const elsewhere = decide(approved, demand([{ group: null, approvers: 1 }], 'p2'));
  assert.equal(elsewhere.decision.state, 'pending', 'the same demand of another policy');
  assert.equal(decide(elsewhere, vote(user('ann'), EVERYBODY, { policy: 'p1' })), elsewhere);
  assert.equal(decide(elsewhere, vote(user('ann'), EVERYBODY, { policy: 'p2' })).decision.state, 'approved');
  const nobody = decide(approved, demand([{ group: null, approvers: 1 }], 'p1', []));
  assert.equal(nobody.decision.state, 'pending', 'the voter may not approve any more');
});

test('a waiting request of which policy now demands less is approved by the votes that it has', () => {
  const waiting = decide(pending({ quorum: [{ group: null, approvers: 2 }] }), vote(user('ann'), EVERYBODY));
  const softer = decide(waiting, demand([{ group: null, approvers: 1 }]));
  assert.deepEqual([softer.decision.state, softer.decision.deadline], ['approved', START + 710]);
  assert.match(softer.decision.why, /ann/);
});

test('an approver who comes back into the group is counted again, without another vote', () => {
  const two = pending({ quorum: [{ group: null, approvers: 2 }] });
  const ann = decide(two, vote(user('ann'), EVERYBODY));
  const only =
    (name: string) =>
    ({ voter }: { readonly voter: Principal }) =>
      voter.subject === name ? EVERYBODY : [];
  const without = decide(ann, { ...vote(user('bo'), EVERYBODY), serves: only('bo') });
  assert.equal(without.decision.state, 'pending');
  assert.equal(decide(without, demand([{ group: null, approvers: 2 }])).decision.state, 'approved');
});

test('those who are named as approvers are those whose word counted', () => {
  const two = pending({
    quorum: [
      { group: null, approvers: 1 },
      { group: 'x', approvers: 1 },
    ],
  });
  const dropped = decide(two, vote(user('dee'), [0]));
  const serves = ({ voter }: { readonly voter: Principal }) => (voter.subject === 'dee' ? [] : EVERYBODY);
  const end = [vote(user('ann'), []), vote(user('bo'), [])].reduce(
    (now, one) => decide(now, { ...one, serves }),
    dropped,
  );
  assert.equal(end.decision.state, 'approved');
  assert.equal(end.decision.why, 'approved by ann and bo');
});

test('a demand for approval by nobody in particular is never met by nobody', () => {
  const confirmed = decide(pending({ tier: 'self-serve', quorum: [] }), { type: 'confirm', at: START, takeUpMs: 700 });
  assert.equal(confirmed.decision.state, 'approved');
  for (const none of [[], [{ group: null, approvers: 0 }]]) {
    assert.equal(decide(confirmed, demand(none)).decision.state, 'pending');
    assert.equal(decide(pending({ quorum: none }), demand(none)).decision.state, 'pending');
  }
});

test('where others have to agree than before, the waiting begins anew, and says for whom', () => {
  const demanded = (tier: 'manual' | 'self-serve'): RequestEvent => ({
    type: 'demanded',
    demanded: { tier, quorum: tier === 'manual' ? [{ group: null, approvers: 1 }] : [], policy: 'p2' },
    at: START + 500,
    serves: () => [],
    waitMs: 9_000,
    takeUpMs: 700,
  });
  const own = decide(pending({ tier: 'self-serve', quorum: [] }), demanded('manual')).decision;
  assert.deepEqual([own.state, own.deadline, own.why], ['pending', START + 9_500, 'policy asks for approval now']);
  const others = decide(pending({}), demanded('self-serve')).decision;
  assert.deepEqual([others.state, others.deadline], ['pending', START + 9_500]);
  assert.match(others.why, /your own confirmation now/);
  assert.equal(decide(pending({}), demanded('manual')).decision.deadline, START + 1_000);
});

const table = fc.dictionary(fc.constantFrom(...ACCOUNTS.map(({ name }) => name)), fc.subarray([0, 1, 2, 3, -1]));

test('what is missing is what the best assignment of people to places leaves open, and no more', () => {
  fc.assert(
    fc.property(quorum, fc.shuffledSubarray(['ann', 'bo', 'cy', 'dee', 'eve']), table, (places, names, rows) => {
      const serves = ({ voter }: { readonly voter: Principal }) => rows[voter.name] ?? [];
      const votes = names.map((name) => vote(user(name), []).vote);
      const given = { decision: { ...pending({}).decision, quorum: places }, votes };
      const open = missing(given, serves);
      const sum = (some: readonly Quorum[]) => some.reduce((total, { approvers }) => total + approvers, 0);
      assert.equal(sum(open), lacking(places, votes.map(serves)));
      // And the rest can be filled exactly so: whoever supplies what is missing makes the quorum whole.
      const helpers = open.flatMap(({ approvers }) => Array.from({ length: approvers }, () => EVERYBODY));
      assert.equal(lacking(places, [...votes.map(serves), ...helpers]), 0);
      for (const { approvers } of open) assert.ok(approvers > 0);
    }),
    { numRuns: 3_000 },
  );
});

test('several votes of one person fill at most one place, in whatever order they are found', () => {
  fc.assert(
    fc.property(quorum, fc.shuffledSubarray([...ACCOUNTS], { minLength: 2 }), (places, voters) => {
      const votes = voters.map((voter) => vote(voter, []).vote);
      const people: Principal[] = [];
      // As many as can be picked without picking anybody twice.
      for (const voter of voters) if (people.every((other) => !samePerson(other, voter))) people.push(voter);
      const given = { decision: { ...pending({}).decision, quorum: places }, votes };
      const open = missing(given, () => EVERYBODY).reduce((total, { approvers }) => total + approvers, 0);
      assert.ok(
        open >=
          lacking(
            places,
            people.map(() => EVERYBODY),
          ),
      );
    }),
  );
});

test('only what was approved under the present policy is counted', () => {
  const cast = [
    vote(user('ann'), []),
    vote(user('bo'), [], { policy: 'p2' }),
    vote(user('cy'), [], { choice: 'deny' }),
  ];
  const given = { ...pending({}), votes: cast.map((one) => one.vote) };
  assert.deepEqual(
    counted(given).map(({ voter }) => voter.name),
    ['ann'],
  );
});

test('agents, workloads and whoever asks may not vote, nor may the person for whom an agent asks', () => {
  const ann = user('ann', { personKey: 'K' });
  const asksFor = { ...ann, kind: 'user' as const };
  const bot: Principal = { kind: 'agent', issuer: 'https://id.test', subject: 'bot', name: 'bot', groups: ['leads'] };
  const botOfAnn = { ...bot, actsFor: asksFor };
  const aliases = [ann, user('ANN'), user('ann'), user('x9', { issuer: 'https://other.test', personKey: 'k' })];
  for (const alias of aliases) {
    assert.equal(mayVote(alias, ann), false, alias.subject);
    assert.equal(mayVote(alias, botOfAnn), false, alias.subject);
  }
  for (const requester of [ann, bot, botOfAnn, { ...bot, kind: 'workload' as const }]) {
    assert.equal(mayVote(bot, requester), false);
    assert.equal(mayVote(botOfAnn, requester), false);
    assert.equal(mayVote({ ...bot, kind: 'workload' }, requester), false);
    assert.equal(mayVote({ ...user('bo'), actsFor: asksFor }, requester), false);
    assert.equal(mayVote(user('bo'), requester), true);
  }
  assert.equal(mayVote(ann, bot), true, 'an agent that asks for nobody');
  assert.equal(mayVote(user('BOT'), bot), false, 'an account that is spelled like the one who asks');
});

test('every tier, state and event there is meets an answer', () => {
  for (const tier of [...TIERS, null])
    for (const state of ['pending', 'approved', 'denied', 'cancelled', 'timed-out'] as const)
      for (const one of fc.sample(event, 200)) {
        const given = pending({ tier, state });
        const { decision } = decide(given, one);
        assert.ok(['pending', 'approved', 'denied', 'cancelled', 'timed-out'].includes(decision.state));
      }
});
