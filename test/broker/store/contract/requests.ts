/**
 * The contract of stores: how a request that people decide is remembered, and which of several changes of it counts.
 * @module
 */
import assert from 'node:assert/strict';
import type { Change, Store, StoredRequest } from '../../../../src/broker/store/store.ts';
import type { Vote } from '../../../../src/core/approval.ts';
import { JitError } from '../../../../src/core/errors.ts';
import type { Principal } from '../../../../src/core/principal.ts';
import { ada, approval, decided, eve, gr, req, sampleRequest, START, submission, takeUp, vote } from '../samples.ts';
import { type Check, failsWith } from './check.ts';

const grace: Principal = { ...ada, subject: 'grace', name: 'Grace "\u202e" Hopper\n', personKey: 'employee 7 ü' };

export async function readOne(store: Store, number: number): Promise<StoredRequest> {
  return (await store.request(req(number))) ?? assert.fail();
}

/** Everything that a refused change must leave as it was. */
async function everything(store: Store): Promise<unknown> {
  const page = { limit: 1_000 };
  return [await store.requests(page), await store.grants(page), await store.entries({ from: 0, ...page })];
}

/** The change is refused by name of the request, and nothing is different afterwards. */
async function conflicts(store: Store, change: Change): Promise<void> {
  const before = await everything(store);
  await assert.rejects(store.commit(change), (thrown) => {
    assert.ok(thrown instanceof JitError && thrown.code === 'ERR_CONFLICT', String(thrown));
    assert.equal(thrown.subject, change.request?.request.id);
    return true;
  });
  assert.deepEqual(await everything(store), before);
}

export function requestsContract(check: Check): void {
  check('quorum, deadline and votes come back exactly, in the order in which they came', async (store) => {
    const votes: readonly Vote[] = [
      vote(grace, { comment: 'go "on" \u202e\u0000\n' }),
      vote(eve, { choice: 'deny', at: START, policy: 'p2' }),
      vote(grace, { comment: '', at: 0, policy: '' }),
    ];
    const quorum = [
      { group: 'sre-leads', approvers: 2 },
      { group: null, approvers: 1 },
      { group: '', approvers: 100 },
    ];
    const given = { tier: 'manual', quorum, deadline: START + 14_400_000 } as const;
    await store.commit(submission({ number: 1, decision: given, votes }));
    const { idempotency: _, ...expected } = submission({ number: 1, decision: given, votes }).request;
    assert.deepEqual(await store.request(req(1)), { ...expected, version: 1 });
    assert.deepEqual(await store.requests({ limit: 1 }), [{ ...expected, version: 1 }]);
    assert.deepEqual(await store.openRequests(null, 1), [{ ...expected, version: 1 }]);
  });

  check('each change counts on from the version that was read, and replaces decision and votes', async (store) => {
    await store.commit(submission({ number: 1, decision: { deadline: START + 9 } }));
    const steps = [
      decided(await readOne(store, 1), { tier: 'manual', quorum: [{ group: 'leads', approvers: 1 }] }, [vote(eve)]),
      decided(await readOne(store, 1), { state: 'approved', why: 'yes', policy: 'p2' }, [vote(eve), vote(grace)]),
      decided(await readOne(store, 1), { state: 'pending', deadline: START + 90 }, []),
      decided(await readOne(store, 1), { state: 'denied', why: 'no', deadline: null }, [vote(eve)]),
    ];
    for (const [index, { request, entries }] of steps.entries()) {
      await store.commit({ request: { ...request, version: index + 1 }, entries });
      const { idempotency: _, ...expected } = request;
      assert.deepEqual(await readOne(store, 1), { ...expected, version: index + 2 });
    }
    assert.equal((await store.entries({ request: req(1), from: 0, limit: 10 })).length, 1 + steps.length);
  });

  check('a stale version is refused and changes nothing, whatever else came with it', async (store) => {
    await store.commit(submission({ number: 1 }));
    await store.commit(approval({ number: 2 }));
    const first = await readOne(store, 1);
    await store.commit(decided(first, { why: 'one of two' }, [vote(eve)]));
    const late = decided(first, { state: 'denied' }, [vote(grace, { choice: 'deny' })]);
    await conflicts(store, late);
    await conflicts(store, { ...late, request: { ...late.request, version: 3 } });
    await conflicts(store, takeUp(first, gr(1)));
    await conflicts(store, { ...late, done: { grant: gr(2), kind: 'issue', target: 'prod' } });
    const claim = { now: START, until: START + 1, limit: 10, perTarget: 10, busy: [] };
    assert.deepEqual(
      (await store.claim(claim)).map(({ grant, kind }) => [grant, kind]),
      [[gr(2), 'issue']],
    );
  });

  check('a request is not made twice, nor changed before it exists', async (store) => {
    await store.commit(submission({ number: 1 }));
    await conflicts(store, submission({ number: 1 }));
    await conflicts(store, submission({ number: 1, decision: { state: 'cancelled' } }));
    await conflicts(store, approval({ number: 1 }));
    const { request, entries } = submission({ number: 2 });
    const early = { request: { ...request, version: 1 }, entries: [] };
    await conflicts(store, early);
    await conflicts(store, { ...approval({ number: 2 }), request: { ...approval({ number: 2 }).request, version: 1 } });
    assert.equal(await store.request(req(2)), null);
    await store.commit({ request, entries });
  });

  check('of racing changes of one request exactly one counts, and the others are told', async (store) => {
    await store.commit(submission({ number: 1 }));
    const read = await readOne(store, 1);
    const voters = Array.from({ length: 8 }, (_, index): Principal => ({ ...eve, subject: `voter ${index}` }));
    const changes = voters.map((voter) => store.commit(decided(read, { why: voter.subject }, [vote(voter)])));
    const settled = await Promise.allSettled(changes);
    for (const one of settled) if (one.status === 'rejected') failsWith('ERR_CONFLICT')(one.reason);
    const winners = voters.filter((_, index) => settled[index]?.status === 'fulfilled');
    assert.equal(winners.length, 1);
    const now = await readOne(store, 1);
    assert.equal(now.version, 2);
    assert.deepEqual(
      now.votes.map(({ voter }) => voter),
      winners,
    );
    assert.equal(now.decision.why, winners[0]?.subject);
    assert.equal((await store.entries({ from: 0, limit: 10 })).length, 2);
  });

  check('those who read again and try again all get their vote in, one after the other', async (store) => {
    await store.commit(submission({ number: 1 }));
    const voters = Array.from({ length: 6 }, (_, index): Principal => ({ ...eve, subject: `voter ${index}` }));
    const insist = async (voter: Principal): Promise<void> => {
      const read = await readOne(store, 1);
      try {
        await store.commit(decided(read, {}, [...read.votes, vote(voter)]));
      } catch (thrown) {
        failsWith('ERR_CONFLICT')(thrown);
        await insist(voter);
      }
    };
    await Promise.all(voters.map(insist));
    const now = await readOne(store, 1);
    assert.equal(now.version, 1 + voters.length);
    assert.deepEqual(
      now.votes.map(({ voter }) => voter.subject).toSorted(),
      voters.map(({ subject }) => subject),
    );
  });

  check('what was asked cannot be rewritten, neither under another hash nor under its own', async (store) => {
    await store.commit(submission({ number: 1 }));
    const read = await readOne(store, 1);
    const { request: rewritten } = submission({ number: 1, requester: eve, at: START + 5 });
    const more = { ...sampleRequest({ number: 1 }), seconds: 86_400, reason: 'other', requester: eve };
    await conflicts(store, { request: { ...rewritten, version: 1 }, entries: [] });
    await conflicts(store, { request: { ...read, hash: 'f'.repeat(64), idempotency: null }, entries: [] });
    await conflicts(store, {
      request: { ...read, request: more, hash: 'f'.repeat(64), idempotency: null },
      entries: [],
    });
    assert.deepEqual(await readOne(store, 1), read);
    await store.commit(decided({ ...read, request: more }, { why: 'decided' }));
    const now = await readOne(store, 1);
    assert.deepEqual(now, { ...read, decision: { ...read.decision, why: 'decided' }, version: 2 });
    assert.deepEqual(await store.requests({ requester: eve, limit: 10 }), []);
  });

  check('an approved request is taken up in one change with its grant', async (store) => {
    const waiting = { tier: 'manual', quorum: [{ group: null, approvers: 1 }], deadline: START + 50 } as const;
    await store.commit(submission({ number: 1, decision: waiting }));
    await store.commit(decided(await readOne(store, 1), { state: 'approved', deadline: START + 90 }, [vote(eve)]));
    const change = takeUp(await readOne(store, 1), gr(7));
    await store.commit(change);
    const now = await readOne(store, 1);
    assert.deepEqual([now.grant, now.version, now.decision.deadline], [gr(7), 3, null]);
    assert.deepEqual(now.votes, [vote(eve)]);
    assert.deepEqual(await store.grant(gr(7)), { ...change.grant, version: 1 });
    assert.equal(await store.nextDue([]), START);
    assert.equal((await store.entries({ grant: gr(7), from: 0, limit: 10 })).length, 1);
  });

  check('two racing take-ups make one grant, and the loser leaves nothing', async (store) => {
    await store.commit(submission({ number: 1, decision: { state: 'approved', deadline: START + 90 } }));
    const read = await readOne(store, 1);
    const settled = await Promise.allSettled([1, 2, 3].map((number) => store.commit(takeUp(read, gr(number)))));
    assert.deepEqual(settled.map((one) => one.status).toSorted(), ['fulfilled', 'rejected', 'rejected']);
    for (const one of settled) if (one.status === 'rejected') failsWith('ERR_CONFLICT')(one.reason);
    const grants = await store.grants({ limit: 10 });
    assert.deepEqual(
      grants.map(({ grant }) => grant.id),
      [(await readOne(store, 1)).grant],
    );
    assert.equal((await store.entries({ from: 0, limit: 10 })).length, 2);
    const again = await readOne(store, 1);
    await conflicts(store, takeUp(again, gr(9)));
  });

  check('a request keeps its grant for good', async (store) => {
    await store.commit(approval({ number: 1 }));
    await store.commit(approval({ number: 2 }));
    const read = await readOne(store, 1);
    for (const grant of [null, gr(2), gr(9)]) await conflicts(store, decided({ ...read, grant }, { why: 'again' }));
    await store.commit(decided(read, { why: 'the same grant' }));
    assert.deepEqual(await readOne(store, 1), {
      ...read,
      decision: { ...read.decision, why: 'the same grant' },
      version: 2,
    });
  });
}
