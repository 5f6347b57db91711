/**
 * Random sequences of commits (many at once; votes, take-ups and moves of grants, stale ones among them), claims, replays and
 * re-openings: the SQLite store and the plain reference give the same answers throughout.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { openSqliteStore } from '../../../../src/broker/store/sqlite/store.ts';
import type { Change, Store } from '../../../../src/broker/store/store.ts';
import type { Vote } from '../../../../src/core/approval.ts';
import { CLOSE_REASONS, type Effect, type GrantState, type Leg } from '../../../../src/core/grant.ts';
import { JitError } from '../../../../src/core/errors.ts';
import { answersFor, type Principal } from '../../../../src/core/principal.ts';
import type { Decision, RequestState } from '../../../../src/core/request.ts';
import { TIERS } from '../../../../src/core/tier.ts';
import { now } from '../places.ts';
import {
  claimed,
  commit,
  emptyReference,
  nextReady,
  openRequests,
  type Reference,
  released,
  revokedMarks,
} from '../reference.ts';
import { ada, approval, bot, decided, event, eve, gr, req, START, submission, takeUp, vote } from '../samples.ts';

interface Real {
  store: Store;
  readonly file: string;
}
type Command = fc.AsyncCommand<Reference, Real>;

const number = fc.integer({ min: 0, max: 5 });
const time = fc.integer({ min: 0, max: 60 }).map((after) => START + after);
const target = fc.constantFrom('a', 'b', 'c');
const idempotency = fc.option(fc.record({ key: fc.constantFrom('k1', 'k2'), bodyHash: fc.constantFrom('b1', 'b2') }));
const botOfEve: Principal = { ...bot, actsFor: { ...eve, kind: 'user' } };
const people = [ada, eve, bot, botOfEve];
const requester = fc.constantFrom(...people);

const state: fc.Arbitrary<GrantState> = fc
  .oneof(
    fc.record({
      name: fc.constant('active' as const),
      issuedAt: time,
      expiresAt: time,
      cut: fc.constantFrom(null, 'incident-closed' as const),
    }),
    fc.record({
      name: fc.constantFrom('revoking' as const, 'stuck' as const),
      reason: fc.constantFrom(...CLOSE_REASONS),
      since: time,
    }),
    fc.record({ name: fc.constant('closed' as const), reason: fc.constantFrom(...CLOSE_REASONS), closedAt: time }),
  )
  // Records come without a prototype, which strict equality notices.
  .map((one) => ({ ...one }));
const leg: fc.Arbitrary<Omit<Leg, 'target' | 'provider' | 'handle'>> = fc.record({
  name: fc.constantFrom('jit_one', 'arn:aws:sts::1:x'),
  revocation: fc.oneof(
    fc.record({ kind: fc.constantFrom('immediate' as const, 'expiry-only' as const) }).map((one) => ({ ...one })),
    fc
      .record({ kind: fc.constant('within' as const), seconds: fc.integer({ min: 1, max: 900 }) })
      .map((one) => ({ ...one })),
  ),
  state: fc.constantFrom('intended' as const, 'maybe-issued' as const, 'issued' as const, 'gone' as const),
  endsAt: fc.option(time),
  notAfter: time,
  issues: fc.nat(9),
  attempts: fc.nat(9),
  problem: fc.option(fc.constantFrom('', 'AccessDenied')),
  gone: fc.option(fc.record({ at: time, proof: fc.constantFrom('', 'looked') }).map((one) => ({ ...one }))),
});
const effect: fc.Arbitrary<Effect & { readonly claimedUntil: number | null }> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('issue' as const, 'revoke' as const, 'tidy' as const),
    target,
    dueAt: time,
    claimedUntil: fc.option(time),
  }),
  fc.record({
    kind: fc.constantFrom('expire' as const, 'claim-by' as const, 'idle' as const),
    dueAt: time,
    claimedUntil: fc.option(time),
  }),
);

/** A change whose versions are read when it is made, before anything else in its group is committed. */
type Draft = (reference: Reference) => Change;

const decision: fc.Arbitrary<Decision> = fc
  .record({
    state: fc.constantFrom<RequestState[]>('pending', 'pending', 'approved', 'denied', 'cancelled', 'timed-out'),
    tier: fc.option(fc.constantFrom(...TIERS)),
    why: fc.constantFrom('', 'because'),
    policy: fc.constantFrom('p1', 'p2'),
    quorum: fc.array(
      fc.record({ group: fc.option(fc.constantFrom('', 'leads')), approvers: fc.integer({ min: 1, max: 3 }) }),
      { maxLength: 2 },
    ),
    deadline: fc.option(time),
  })
  .map((one) => ({ ...one, quorum: one.quorum.map((part) => ({ ...part })) }));
const votes: fc.Arbitrary<readonly Vote[]> = fc.array(
  fc
    .record({
      choice: fc.constantFrom('approve' as const, 'deny' as const),
      comment: fc.option(fc.constantFrom('', 'a "b" \u202e')),
      at: time,
      policy: fc.constantFrom('p1', 'p2'),
    })
    .chain((one) => fc.constantFrom(eve, { ...ada, personKey: 'employee 7' }).map((voter) => vote(voter, one))),
  { maxLength: 3 },
);
const stale = fc.constantFrom(0, 0, 0, 1, -1);

const submit: fc.Arbitrary<Draft> = fc
  .record({ number, requester, idempotency, decision, votes })
  .map((sample) => () => submission(sample));

const judge: fc.Arbitrary<Draft> = fc
  .record({
    number,
    stale,
    decision,
    votes,
    idempotency,
    asked: fc.constantFrom('the same', 'the same', 'the same', 'something else', 'under another hash'),
    grant: fc.constantFrom('the same', 'the same', 'the same', 'none', 'another'),
  })
  .map((given) => (reference) => {
    const known = reference.requests.get(req(given.number));
    if (known === undefined) {
      const { request, entries } = submission(given);
      return { request: { ...request, version: 1 }, entries };
    }
    const { request, entries } = decided(known, given.decision, given.votes);
    const other = given.grant === 'none' ? null : gr(101);
    return {
      request: {
        ...request,
        request: given.asked === 'something else' ? { ...known.request, reason: 'x', seconds: 1 } : known.request,
        hash: given.asked === 'under another hash' ? 'f'.repeat(64) : known.hash,
        // A request without a grant gets one by being taken up only.
        grant: given.grant === 'the same' || known.grant === null ? known.grant : other,
        idempotency: given.idempotency,
        version: known.version + given.stale,
      },
      entries,
    };
  });

const takenUp: fc.Arbitrary<Draft> = fc.record({ number, stale, id: number }).map((given) => (reference) => {
  const known = reference.requests.get(req(given.number));
  if (known === undefined) return { entries: [event('session.noted', {})] };
  return takeUp({ ...known, version: known.version + given.stale }, given.id === 0 ? gr(102) : gr(given.number));
});

const approve: fc.Arbitrary<Draft> = fc
  .record({
    number,
    grant: number,
    requester,
    idempotency,
    at: time,
    targets: fc.uniqueArray(target, { minLength: 1 }),
  })
  .map(({ grant: id, ...sample }) => () => {
    const change = approval(sample);
    // Now and then a decider makes a second grant of the same request.
    const grant = { ...change.grant, grant: { ...change.grant.grant, id: id === 0 ? gr(100) : gr(sample.number) } };
    const request = change.request === undefined ? {} : { request: { ...change.request, grant: grant.grant.id } };
    return { ...change, ...request, grant, entries: [event('grant.intended', { grant: grant.grant.id })] };
  });

const move: fc.Arbitrary<Draft> = fc
  .record({
    number,
    stale,
    state,
    leg,
    effects: fc.array(effect, { maxLength: 3 }),
    done: fc.option(effect),
    deliveredAt: fc.option(time),
    idle: fc.option(fc.record({ idleSeconds: fc.integer({ min: 1, max: 900 }), usedAt: fc.option(time) })),
    renewals: fc.nat(3),
  })
  .map((given) => (reference) => {
    const id = gr(given.number);
    const known = reference.grants.get(id);
    if (known === undefined) return { entries: [event('session.noted', {})] };
    const legs = known.grant.legs.map((one) => ({ ...one, ...given.leg }));
    const { done, renewals } = given;
    const { idleSeconds, usedAt } = given.idle ?? { idleSeconds: null, usedAt: null };
    const renewalKeys = Array.from({ length: renewals }, (_, at) => ({ key: `r${at} "x"`, bodyHash: 'c'.repeat(64) }));
    return {
      grant: {
        ...known,
        grant: { ...known.grant, state: given.state, legs, renewals, idleSeconds },
        version: known.version + given.stale,
        deliveredAt: given.deliveredAt,
        usedAt,
        renewalKeys,
      },
      effects: given.effects,
      ...(done === null ? {} : { done: { grant: id, kind: done.kind, target: 'target' in done ? done.target : '' } }),
      entries: [event('grant.moved', { grant: id })],
    };
  });

const commits: fc.Arbitrary<Command> = fc
  .array(fc.oneof(submit, approve, takenUp, { arbitrary: judge, weight: 3 }, { arbitrary: move, weight: 3 }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((drafts) =>
    command(`commit ${drafts.length} at once`, async (reference, { store }) => {
      const changes = drafts.map((draft) => draft(reference));
      const settled = await Promise.allSettled(changes.map((change) => store.commit(change)));
      for (const [index, change] of changes.entries()) {
        const outcome = settled[index];
        const expected = commit(reference, change);
        assert.equal(outcome?.status === 'fulfilled' ? 'taken' : 'refused', expected);
        if (outcome?.status !== 'rejected') continue;
        assert.ok(outcome.reason instanceof JitError && outcome.reason.code === 'ERR_CONFLICT', String(outcome.reason));
      }
    }),
  );

const busy = fc.uniqueArray(target, { maxLength: 2 });
const claims: fc.Arbitrary<Command> = fc
  .record({
    now: time,
    until: time.map((at) => at + 30),
    limit: fc.integer({ min: 1, max: 8 }),
    perTarget: fc.integer({ min: 1, max: 3 }),
    busy,
  })
  .map((options) =>
    command(`claim ${JSON.stringify(options)}`, async (reference, { store }) => {
      claimed(reference, options, await store.claim(options));
    }),
  );

const others: readonly fc.Arbitrary<Command>[] = [
  busy.map((targets) =>
    command(`next due but for ${targets.join()}`, async (reference, { store }) => {
      assert.equal(await store.nextDue(targets), nextReady(reference, targets));
    }),
  ),
  fc.constant(
    command('release claims', async (reference, { store }) => {
      await store.releaseClaims();
      released(reference);
    }),
  ),
  fc.constant(
    command('re-open', async (_, real) => {
      if (real.file === ':memory:') return;
      await real.store.close();
      real.store = await openSqliteStore({ file: real.file, now });
    }),
  ),
];

/** Every command is followed by a look at everything that can be read. */
function command(name: string, run: (reference: Reference, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    toString: () => name,
    async run(reference, real) {
      await run(reference, real);
      await requireSame(reference, real.store);
    },
  };
}

async function requireSame(reference: Reference, store: Store): Promise<void> {
  const byId = (a: { readonly grant: { readonly id: string } }, b: { readonly grant: { readonly id: string } }) =>
    a.grant.id < b.grant.id ? -1 : 1;
  assert.deepEqual(
    (await store.grants({ limit: 1_000 })).toSorted(byId),
    [...reference.grants.values()].toSorted(byId),
  );
  for (const { idempotency: given, ...stored } of reference.requests.values()) {
    assert.deepEqual(await store.request(stored.request.id), stored);
    if (given === null) continue;
    const replayed = await store.replayed(stored.request.requester, given.key);
    assert.deepEqual(replayed, { bodyHash: given.bodyHash, id: stored.request.id });
  }
  for (const by of [null, START, START + 30]) {
    const expected = openRequests(reference, by);
    for (const limit of [2, 1_000]) {
      const open = await store.openRequests(by, limit);
      assert.deepEqual(
        open.map(({ request }) => request.id),
        expected.slice(0, limit),
      );
    }
  }
  const deadlines = openRequests(reference, null).map((id) => reference.requests.get(id)?.decision.deadline ?? null);
  assert.equal(await store.nextDeadline(), deadlines[0] ?? null);
  for (const who of people) {
    for (const states of [undefined, ['active', 'revoking'] as const]) {
      const expected = [...reference.grants.values()].filter(
        (one) => answersFor(who, one.requester) && (states?.some((name) => name === one.grant.state.name) ?? true),
      );
      const listed = await store.grants({ requester: who, limit: 1_000, ...(states === undefined ? {} : { states }) });
      assert.deepEqual(listed.toSorted(byId), expected.toSorted(byId));
    }
    const requests = (await store.requests({ requester: who, limit: 1_000 })).map(({ request }) => request.id);
    const theirs = [...reference.requests.values()].filter(({ request }) => answersFor(who, request.requester));
    assert.deepEqual(requests.toSorted(), theirs.map(({ request }) => request.id).toSorted());
  }
  const entries = await store.entries({ from: 0, limit: 1_000 });
  assert.deepEqual(
    entries,
    reference.lines.map((line, sequence) => ({ sequence, line })),
  );
  for (const at of [START, START + 30]) {
    const key = (mark: object): string => JSON.stringify(mark);
    const marks = (await store.revoked('aws', at)).map(key);
    assert.deepEqual(marks.toSorted(), revokedMarks(reference, 'aws', at).map(key).toSorted());
  }
  assert.equal(await store.nextDue([]), nextReady(reference, []));
}

async function explore(runs: number, place: 'file' | 'memory'): Promise<void> {
  const commands = fc.commands([commits, commits, claims, ...others], { maxCommands: 30, size: 'max' });
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      const folder = await mkdtemp(join(tmpdir(), 'jit-store-'));
      const file = place === 'file' ? join(folder, 'broker.db') : ':memory:';
      const real: Real = { store: await openSqliteStore({ file, now }), file };
      try {
        await fc.asyncModelRun(() => ({ model: emptyReference(), real }), sequence);
      } finally {
        await real.store.close();
        await rm(folder, { recursive: true, force: true });
      }
    }),
    { numRuns: runs },
  );
}

test('random commits, claims, replays and conflicts end as in the reference, in memory', () => explore(250, 'memory'));
test('the same on a file that is closed and opened again in between', () => explore(60, 'file'));
