/**
 * Sessions in a real file: what is there after a restart, two connections that race, rows that somebody tampered with, and
 * what the file gives away.
 * @module
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { SESSION_ENDS } from '../../../../src/broker/store/sessions.ts';
import { openSqliteStore } from '../../../../src/broker/store/sqlite/store.ts';
import { JitError } from '../../../../src/core/errors.ts';
import { failsWith } from '../contract/check.ts';
import { give, renewal } from '../contract/sessions.ts';
import { inFolder, now } from '../places.ts';
import { bot, hashOf, ses, signIn, START } from '../samples.ts';

test('sessions, spent tokens, spent proofs and confirmations are there after a restart', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    const first = await openSqliteStore({ file, now });
    const change = signIn({ number: 1, principal: bot });
    await first.commitSession(change);
    await first.commitSession(renewal({ ...change.session, version: 1 }, 'two'));
    await give(first, 1, 'used', START + 10);
    await give(first, 1, 'kept', START + 10);
    assert.ok((await first.spendConfirmation(ses(1), hashOf('used'), START)) !== null);
    const before = await first.session(ses(1));
    await first.close();
    const again = await openSqliteStore({ file, now });
    assert.deepEqual(await again.session(ses(1)), before);
    assert.deepEqual(await again.sessionByAccess(hashOf('access two')), before);
    assert.deepEqual(await again.sessionByRefresh(change.session.refreshHash ?? ''), { session: before, spent: true });
    assert.equal(await again.spendConfirmation(ses(1), hashOf('used'), START), null);
    assert.deepEqual(await again.spendConfirmation(ses(1), hashOf('kept'), START), before);
    const repeated = { ...signIn({ number: 2 }), spentProofs: change.spentProofs ?? assert.fail() };
    await assert.rejects(again.commitSession(repeated), failsWith('ERR_NOT_SIGNED_IN'));
    assert.equal((await again.entries({ from: 0, limit: 10 })).length, 2);
    await again.close();
  });
});

test('two connections: the same proof and the same refresh token are each taken once, round after round', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    const stores = await Promise.all([openSqliteStore({ file, now }), openSqliteStore({ file, now })]);
    const [one, other] = stores;
    const outcome = async (work: Promise<void>): Promise<string> =>
      work.then(
        () => 'won',
        (thrown: unknown) => (thrown instanceof JitError ? thrown.code : 'unknown'),
      );
    for (let round = 0; round < 20; round++) {
      const proof = `proof ${round}`;
      const [mine, theirs] = [signIn({ number: round, proof }), signIn({ number: 1_000 + round, proof })];
      const signedIn = await Promise.all([outcome(one.commitSession(mine)), outcome(other.commitSession(theirs))]);
      assert.deepEqual(signedIn.toSorted(), ['ERR_NOT_SIGNED_IN', 'won']);
      const winner = signedIn[0] === 'won' ? mine.session : theirs.session;
      const read = (await other.session(winner.id)) ?? assert.fail();
      const renewed = await Promise.all(
        stores.map((store, index) => outcome(store.commitSession(renewal(read, `${round} ${index}`)))),
      );
      assert.deepEqual(renewed.toSorted(), ['ERR_CONFLICT', 'won']);
      assert.equal((await one.session(winner.id))?.version, 2);
    }
    const entries = await one.entries({ from: 0, limit: 1_000 });
    assert.equal(entries.length, 40, 'the losers left no entry');
    await Promise.all(stores.map((store) => store.close()));
  });
});

test('a session row that somebody changed is refused, and never guessed', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    const store = await openSqliteStore({ file, now });
    const raw = new DatabaseSync(file, { timeout: 1_000 });
    raw.exec('PRAGMA ignore_check_constraints = ON');
    await store.commitSession(signIn({ number: 2 }));
    const principal = (path: string, json: string) => `principal = json_set(principal, '$.${path}', json('${json}'))`;
    const breaks = [
      principal('kind', '"root"'),
      principal('groups', '["a", 1]'),
      principal('groups', '{}'),
      principal('name', '7'),
      principal('subject', '7'),
      principal('admin', 'true'),
      principal('actsFor', 'null'),
      principal('actsFor.kind', '"workload"'),
      principal('actsFor.actsFor', '{}'),
      principal('actsFor.groups', '[null]'),
      `ended_at = ${START}`,
      "ended_why = 'signed-out'",
      `ended_at = ${START}, ended_why = 'bored'`,
      "renewal = 'never'",
      "refresh_hash = 'short'",
      'verified_at = 9223372036854775807',
      "id = 'ses_x'",
    ];
    const { session } = signIn({ number: 1, principal: bot });
    for (const change of breaks) {
      await store.commitSession({ session, entries: [] });
      raw.exec(`UPDATE sessions SET ${change} WHERE access_hash = '${session.accessHash}'`);
      await assert.rejects(
        store.sessionByAccess(session.accessHash),
        (thrown) => failsWith('ERR_STORE')(thrown) && /unreadable: a session/.test(String(thrown)),
        change,
      );
      assert.equal((await store.session(ses(2)))?.version, 1, 'the other is not affected');
      raw.exec(`DELETE FROM sessions WHERE access_hash = '${session.accessHash}'`);
    }
    raw.close();
    await store.close();
  });
});

test('no token is in the file or its log, not even one that was handed in instead of its hash', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    const store = await openSqliteStore({ file, now });
    const token = 'a-token-that-opens-doors';
    const { session, entries } = signIn({ number: 1 });
    const good = { ...session, accessHash: hashOf(token), refreshHash: hashOf(`${token}-again`) };
    await store.commitSession({ session: good, entries });
    const read = (await store.session(ses(1))) ?? assert.fail();
    const wrong = [
      store.commitSession({ session: { ...read, accessHash: token }, entries }),
      store.commitSession({ session: { ...read, refreshHash: token }, entries }),
      store.commitSession({ session: read, spentRefreshHash: token, entries }),
      store.commitSession({ session: read, spentProofs: [{ once: token.repeat(9), until: START }], entries }),
    ];
    for (const work of wrong) await assert.rejects(work, failsWith('ERR_UNEXPECTED'));
    const log = await readFile(`${file}-wal`);
    assert.ok(log.includes(good.accessHash), 'the hash is there');
    assert.ok(!log.includes(token));
    await store.close();
    const whole = await readFile(file);
    assert.ok(whole.includes(good.accessHash));
    assert.ok(!whole.includes(token));
  });
});

test('every reason for an end can be stored', async () => {
  const store = await openSqliteStore({ file: ':memory:', now });
  for (const [number, why] of SESSION_ENDS.entries()) {
    const ended = { at: START, why };
    await store.commitSession({ session: { ...signIn({ number }).session, ended }, entries: [] });
    assert.deepEqual((await store.session(ses(number)))?.ended, ended);
  }
  await store.close();
});
