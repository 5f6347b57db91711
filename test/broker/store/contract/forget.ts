/**
 * The contract of stores: which sessions and proofs are forgotten, and which never.
 * @module
 */
import assert from 'node:assert/strict';
import type { SessionStore } from '../../../../src/broker/store/sessions.ts';
import { hashOf, ses, signIn, START } from '../samples.ts';
import { type Check, failsWith } from './check.ts';
import { give, renewal } from './sessions.ts';

async function refusesProof(store: SessionStore, once: string): Promise<boolean> {
  try {
    // Refused for its version, so that asking uses up nothing.
    const { session } = signIn({ number: 1_000_000 });
    const until = START + 1;
    await store.commitSession({ session: { ...session, version: 9 }, spentProofs: [{ once, until }], entries: [] });
    return assert.fail();
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_NOT_SIGNED_IN';
  }
}

export function forgetContract(check: Check): void {
  check('sessions are forgotten once they expired or ended before the moment, and the others never', async (store) => {
    const put = async (number: number, change: object): Promise<void> =>
      store.commitSession({ session: { ...signIn({ number }).session, ...change }, entries: [] });
    const ended = (at: number) => ({ ended: { at, why: 'signed-out' }, expiresAt: START + 1_000 });
    await put(1, { expiresAt: START - 11 });
    await put(2, { expiresAt: START - 10 });
    await put(3, { expiresAt: START - 9 });
    await put(4, ended(START - 11));
    await put(5, ended(START - 10));
    await put(6, { expiresAt: START + 1_000 });
    await put(7, { expiresAt: START - 20, ended: { at: START - 5, why: 'reused' } });
    assert.equal(await store.forgetSessions(START - 10), 3);
    const kept = await Promise.all(
      [1, 2, 3, 4, 5, 6, 7].map(async (number) => (await store.session(ses(number))) !== null),
    );
    assert.deepEqual(kept, [false, true, true, false, true, true, false]);
    assert.equal(await store.forgetSessions(START - 10), 0);
  });

  check('with a session go the refresh tokens that it spent, and those of a live one stay', async (store) => {
    for (const number of [1, 2]) {
      const { session } = signIn({ number });
      const expiresAt = number === 1 ? START - 1 : START + 1;
      await store.commitSession({ session: { ...session, expiresAt }, entries: [] });
      await store.commitSession(renewal((await store.session(ses(number))) ?? assert.fail(), `${number}`));
    }
    assert.equal(await store.forgetSessions(START), 2);
    const [gone, live] = [signIn({ number: 1 }).session, signIn({ number: 2 }).session];
    assert.equal(await store.sessionByRefresh(gone.refreshHash ?? ''), null);
    assert.equal(await store.sessionByAccess(hashOf('access 1')), null);
    assert.equal((await store.sessionByRefresh(live.refreshHash ?? ''))?.spent, true);
    assert.equal((await store.sessionByRefresh(hashOf('refresh 2')))?.spent, false);
  });

  check('a proof is remembered until it is over, whatever became of its session', async (store) => {
    const proofs = [START - 2, START - 1, START, START + 60_000].map((until) => ({ once: `until ${until}`, until }));
    for (const [number, spentProof] of proofs.entries()) {
      const { session } = signIn({ number });
      await store.commitSession({
        session: { ...session, expiresAt: START - 90 },
        spentProofs: [spentProof],
        entries: [],
      });
    }
    assert.equal(await store.forgetSessions(START - 1), 4 + 1);
    const refused = await Promise.all(proofs.map(({ once }) => refusesProof(store, once)));
    assert.deepEqual(refused, [false, true, true, true]);
  });

  check('confirmations go once they are over, or with their session, and never before', async (store) => {
    for (const number of [1, 2]) await store.commitSession({ session: signIn({ number }).session, entries: [] });
    for (const until of [START - 2, START - 1, START + 1_000]) await give(store, 1, `until ${until}`, until);
    assert.equal(await store.forgetSessions(START - 1), 1);
    const early = START - 1_000;
    assert.equal(await store.spendConfirmation(ses(1), hashOf(`until ${START - 2}`), early), null);
    assert.ok((await store.spendConfirmation(ses(1), hashOf(`until ${START - 1}`), early)) !== null);
    await give(store, 2, 'of 2', START + 1_000);
    const ended = (await store.session(ses(2))) ?? assert.fail();
    const over = { ...ended, ended: { at: START - 10, why: 'signed-out' as const } };
    await store.commitSession({ session: over, entries: [] });
    assert.equal(await store.forgetSessions(START - 1), 2);
    assert.equal(await store.session(ses(2)), null);
    assert.ok((await store.spendConfirmation(ses(1), hashOf(`until ${START + 1_000}`), early)) !== null);
  });

  check('a moment that has not come forgets nothing that is not over now', async (store) => {
    await store.commitSession({ ...signIn({ number: 1 }), spentProofs: [{ once: 'p', until: START }] });
    const { session } = signIn({ number: 2 });
    await store.commitSession({ session: { ...session, expiresAt: START }, entries: [] });
    assert.equal(await store.forgetSessions(Number.MAX_SAFE_INTEGER), 0);
    assert.ok((await store.session(ses(1))) !== null && (await store.session(ses(2))) !== null);
    assert.equal(await refusesProof(store, 'p'), true);
  });

  check('a call forgets at most 1,000 things, and fewer when nothing is left', async (store) => {
    const numbers = Array.from({ length: 700 }, (_, number) => number);
    await Promise.all(
      numbers.map((number) => {
        const { session } = signIn({ number });
        const spentProof = { once: `${number}`, until: START - 1 };
        return store.commitSession({
          session: { ...session, expiresAt: START - 1 },
          spentProofs: [spentProof],
          entries: [],
        });
      }),
    );
    for (const number of numbers.slice(0, 300)) {
      await store.commitSession(renewal((await store.session(ses(number))) ?? assert.fail(), `${number}`));
    }
    assert.deepEqual([await store.forgetSessions(START), await store.forgetSessions(START)], [1_000, 700]);
    assert.equal(await store.forgetSessions(START), 0);
    for (const number of [0, 299, 699]) assert.equal(await store.session(ses(number)), null);
    await store.commitSession(signIn({ number: 1, proof: '1' }));
  });

  check('a session with thousands of spent tokens goes in parts, and never before them', async (store) => {
    const first = signIn({ number: 1 }).session;
    await store.commitSession({ session: { ...first, expiresAt: START - 1 }, entries: [] });
    const spent = (round: number) => {
      const session = { ...first, expiresAt: START - 1, version: round, accessHash: hashOf(`access ${round}`) };
      return store.commitSession({ session, spentRefreshHash: hashOf(`refresh ${round}`), entries: [] });
    };
    await Promise.all(Array.from({ length: 1_500 }, (_, index) => spent(index + 1)));
    assert.equal(await store.forgetSessions(START), 1_000);
    assert.notEqual(await store.session(ses(1)), null);
    assert.equal(await store.forgetSessions(START), 501);
    assert.equal(await store.session(ses(1)), null);
    await assert.rejects(spent(1_501), failsWith('ERR_CONFLICT'));
  });
}
