/**
 * The contract of stores: sessions, what used them up, and how they are forgotten.
 * @module
 */
import assert from 'node:assert/strict';
import type { SessionChange, SessionStore, StoredSession } from '../../../../src/broker/store/sessions.ts';
import type { Principal } from '../../../../src/core/principal.ts';
import { ada, bot, event, hashOf, ses, signIn, START } from '../samples.ts';
import { type Check, failsWith } from './check.ts';

/** The renewal of a session as it was read: new tokens, the old refresh token spent. */
export function renewal(read: StoredSession, round: string): SessionChange & { readonly session: StoredSession } {
  const spent = read.refreshHash ?? assert.fail();
  const tokens = { accessHash: hashOf(`access ${round}`), refreshHash: hashOf(`refresh ${round}`) };
  return { session: { ...read, ...tokens }, spentRefreshHash: spent, entries: [event('session.renewed', {})] };
}

/** Gives a confirmation of a session that is there. */
export async function give(store: SessionStore, number: number, name: string, until: number): Promise<void> {
  const session = (await store.session(ses(number))) ?? assert.fail();
  await store.commitSession({ session, confirmation: { hash: hashOf(name), until }, entries: [] });
}

export function sessionsContract(check: Check): void {
  check('a session comes back exactly as committed, by id, by access and by refresh token', async (store) => {
    const people: readonly Principal[] = [
      ada,
      { ...ada, kind: 'workload', name: 'a "b" \u202e ü', groups: [] },
      bot,
      { ...bot, actsFor: { ...ada, kind: 'user', groups: [] } },
    ];
    for (const [number, principal] of people.entries()) {
      const { session } = signIn({ number, principal });
      const whole = { ...session, renewal: number === 0 ? ('fixed' as const) : ('on demand' as const) };
      await store.commitSession({ session: whole, entries: [] });
      const expected = { ...whole, version: 1 };
      assert.deepEqual(await store.session(ses(number)), expected);
      assert.deepEqual(await store.sessionByAccess(session.accessHash), expected);
      const found = await store.sessionByRefresh(session.refreshHash ?? '');
      assert.deepEqual(found, { session: expected, spent: false });
    }
    assert.equal(await store.session(ses(9)), null);
    assert.equal(await store.sessionByAccess(hashOf('unknown')), null);
    assert.equal(await store.sessionByRefresh(hashOf('unknown')), null);
  });

  check('a session that cannot be renewed has no refresh token, and there may be many of them', async (store) => {
    for (const number of [1, 2]) {
      const { session } = signIn({ number });
      await store.commitSession({ session: { ...session, refreshHash: null }, entries: [] });
      assert.equal((await store.session(ses(number)))?.refreshHash, null);
    }
  });

  check('a renewal takes the old tokens away, and the old refresh token still leads to the session', async (store) => {
    const { session } = signIn({ number: 1 });
    await store.commitSession({ session, entries: [] });
    await store.commitSession(renewal({ ...session, version: 1 }, 'two'));
    await store.commitSession(renewal((await store.session(ses(1))) ?? assert.fail(), 'three'));
    const now = (await store.session(ses(1))) ?? assert.fail();
    assert.equal(now.version, 3);
    assert.equal(await store.sessionByAccess(session.accessHash), null);
    assert.deepEqual(await store.sessionByAccess(hashOf('access three')), now);
    assert.deepEqual(await store.sessionByRefresh(hashOf('refresh three')), { session: now, spent: false });
    for (const spent of [session.refreshHash ?? '', hashOf('refresh two')]) {
      assert.deepEqual(await store.sessionByRefresh(spent), { session: now, spent: true });
    }
  });

  check(
    'two renewals with one refresh token at once: one wins, the other is told and leaves nothing',
    async (store) => {
      const { session } = signIn({ number: 1 });
      await store.commitSession({ session, entries: [] });
      const read = (await store.session(ses(1))) ?? assert.fail();
      const both = await Promise.allSettled(['a', 'b'].map((round) => store.commitSession(renewal(read, round))));
      assert.deepEqual(
        both.map((one) => one.status),
        ['fulfilled', 'rejected'],
      );
      for (const one of both) if (one.status === 'rejected') failsWith('ERR_CONFLICT')(one.reason);
      assert.equal(await store.sessionByAccess(hashOf('access b')), null);
      assert.equal((await store.sessionByAccess(hashOf('access a')))?.version, 2);
      assert.equal((await store.entries({ from: 0, limit: 10 })).length, 1);
    },
  );

  check('a refresh token is spent once, even by a change that read the newest version', async (store) => {
    const { session } = signIn({ number: 1 });
    await store.commitSession({ session, entries: [] });
    await store.commitSession(renewal({ ...session, version: 1 }, 'two'));
    const read = (await store.session(ses(1))) ?? assert.fail();
    const again = { ...renewal(read, 'three'), spentRefreshHash: session.refreshHash ?? '' };
    await assert.rejects(store.commitSession(again), failsWith('ERR_CONFLICT'));
    assert.deepEqual(await store.session(ses(1)), read);
  });

  check('a session is not made twice, changed before it exists, or renewed without itself', async (store) => {
    const change = signIn({ number: 1 });
    const early = { ...change, session: { ...change.session, version: 1 } };
    await assert.rejects(store.commitSession(early), failsWith('ERR_CONFLICT'));
    await store.commitSession({ session: change.session, entries: [] });
    const twice = signIn({ number: 2 }).session;
    await assert.rejects(
      store.commitSession({ session: { ...twice, id: ses(1) }, entries: [] }),
      failsWith('ERR_CONFLICT'),
    );
    const { refreshHash } = change.session;
    await assert.rejects(
      store.commitSession({ spentRefreshHash: refreshHash ?? '', entries: [] }),
      failsWith('ERR_UNEXPECTED'),
    );
    assert.equal((await store.sessionByRefresh(refreshHash ?? ''))?.spent, false);
  });

  check('a proof of identity makes one session, and its second user gets nothing', async (store) => {
    const [one, other] = [signIn({ number: 1, proof: 'p' }), signIn({ number: 2, proof: 'p' })];
    const both = await Promise.allSettled([store.commitSession(one), store.commitSession(other)]);
    assert.deepEqual(
      both.map((settled) => settled.status),
      ['fulfilled', 'rejected'],
    );
    for (const settled of both) if (settled.status === 'rejected') failsWith('ERR_NOT_SIGNED_IN')(settled.reason);
    assert.equal(await store.session(ses(2)), null);
    assert.equal((await store.entries({ from: 0, limit: 10 })).length, 1);
    await assert.rejects(
      store.commitSession({ spentProofs: [{ once: 'p', until: START * 2 }], entries: [] }),
      failsWith('ERR_NOT_SIGNED_IN'),
    );
    // A change that is late as well: reading it again would not help its proof.
    const late = { ...signIn({ number: 1, proof: 'p' }).session, version: 7 };
    await assert.rejects(
      store.commitSession({ session: late, spentProofs: [{ once: 'p', until: START }], entries: [] }),
      failsWith('ERR_NOT_SIGNED_IN'),
    );
  });

  check('two proofs are used up with the session that they make, or neither is', async (store) => {
    const both = (number: number, ...names: readonly string[]): SessionChange => ({
      ...signIn({ number }),
      spentProofs: names.map((once) => ({ once, until: START + 1_000 })),
    });
    await store.commitSession(both(1, 'person', 'agent'));
    await assert.rejects(store.commitSession(both(2, 'another', 'agent')), failsWith('ERR_NOT_SIGNED_IN'));
    await assert.rejects(store.commitSession(both(2, 'person', 'another')), failsWith('ERR_NOT_SIGNED_IN'));
    await assert.rejects(store.commitSession(both(2, 'alike', 'alike')), failsWith('ERR_NOT_SIGNED_IN'));
    assert.equal(await store.session(ses(2)), null);
    await store.commitSession(both(2, 'another', 'alike'));
  });

  check('a proof that came with a refused change is not used up', async (store) => {
    const change = signIn({ number: 1, proof: 'p' });
    await assert.rejects(
      store.commitSession({ ...change, session: { ...change.session, version: 3 } }),
      failsWith('ERR_CONFLICT'),
    );
    await store.commitSession(change);
    assert.equal((await store.session(ses(1)))?.version, 1);
  });

  check(
    'an end is stored with its moment and its reason, and tokens still lead to the ended session',
    async (store) => {
      const { session } = signIn({ number: 1 });
      await store.commitSession({ session, entries: [] });
      const ended = { at: START + 7, why: 'reused' } as const;
      await store.commitSession({
        session: { ...session, version: 1, ended },
        entries: [event('session.ended', {}), event('session.noted', {})],
      });
      assert.deepEqual((await store.sessionByAccess(session.accessHash))?.ended, ended);
      assert.deepEqual((await store.sessionByRefresh(session.refreshHash ?? ''))?.session.ended, ended);
      assert.equal((await store.entries({ from: 0, limit: 10 })).length, 2);
    },
  );

  check('a token in place of its hash is refused as a fault of the program, alone', async (store) => {
    const { session } = signIn({ number: 1 });
    const token = 'jit_at_not-a-hash';
    const changes: readonly SessionChange[] = [
      { session: { ...session, accessHash: token }, entries: [] },
      { session: { ...session, refreshHash: token }, entries: [] },
      { session: { ...session, accessHash: session.accessHash.toUpperCase() }, entries: [] },
      { session, spentRefreshHash: token, entries: [] },
      { session, confirmation: { hash: token, until: START }, entries: [] },
      { spentProofs: [{ once: `ey${'x'.repeat(300)}`, until: START }], entries: [] },
      { session, entries: [] },
    ];
    const settled = await Promise.allSettled(changes.map((change) => store.commitSession(change)));
    for (const one of settled) if (one.status === 'rejected') failsWith('ERR_UNEXPECTED')(one.reason);
    assert.deepEqual(
      settled.map((one) => one.status === 'fulfilled'),
      [false, false, false, false, false, false, true],
    );
  });

  check('a confirmation is good once, in time, for its own session only', async (store) => {
    for (const number of [1, 2]) await store.commitSession({ session: signIn({ number }).session, entries: [] });
    await give(store, 1, 'a', START + 10);
    assert.equal(await store.spendConfirmation(ses(1), hashOf('unknown'), START), null);
    assert.equal(await store.spendConfirmation(ses(2), hashOf('a'), START), null);
    assert.equal(await store.spendConfirmation(ses(1), hashOf('a'), START + 10), null);
    const found = await store.spendConfirmation(ses(1), hashOf('a'), START + 9);
    assert.deepEqual(found, await store.session(ses(1)), 'the session as it is now');
    assert.equal(await store.spendConfirmation(ses(1), hashOf('a'), START), null);
    await give(store, 1, 'b', START + 10);
    const racing = Array.from({ length: 8 }, () => store.spendConfirmation(ses(1), hashOf('b'), START));
    assert.equal((await Promise.all(racing)).filter((one) => one !== null).length, 1);
  });

  check('a change that is refused gives no confirmation, and none is given without a session', async (store) => {
    const { session } = signIn({ number: 1 });
    const confirmation = { hash: hashOf('a'), until: START + 10 };
    const late = store.commitSession({ session: { ...session, version: 3 }, confirmation, entries: [] });
    await assert.rejects(late, failsWith('ERR_CONFLICT'));
    await assert.rejects(store.commitSession({ confirmation, entries: [] }), failsWith('ERR_UNEXPECTED'));
    await store.commitSession({ session, entries: [] });
    assert.equal(await store.spendConfirmation(ses(1), hashOf('a'), START), null);
  });

  check('after close the methods of sessions fail with ERR_STORE', async (store) => {
    const kept = store.commitSession(signIn({ number: 1 }));
    await store.close();
    await kept;
    await assert.rejects(store.commitSession(signIn({ number: 2 })), failsWith('ERR_STORE'));
    await assert.rejects(store.session(ses(1)), failsWith('ERR_STORE'));
    await assert.rejects(store.sessionByAccess(hashOf('x')), failsWith('ERR_STORE'));
    await assert.rejects(store.spendConfirmation(ses(1), hashOf('x'), START), failsWith('ERR_STORE'));
    await assert.rejects(store.forgetSessions(START), failsWith('ERR_STORE'));
  });
}
