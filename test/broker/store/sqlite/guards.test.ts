/**
 * What the database itself refuses, and what the store does about rows that cannot be read, on a real file that a second
 * connection tampers with.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leafHash } from '../../../../src/audit/entry.ts';
import { failsWith } from '../contract/check.ts';
import { ada, approval, bot, gr, req, START } from '../samples.ts';
import { tampering } from './tampering.ts';

test('audit entries cannot be changed, removed, replaced or numbered with a gap through SQL', async () => {
  await tampering(async ({ store, raw }) => {
    const before = await store.entries({ from: 0, limit: 1_000 });
    const insert = (verb: string, seq: string) =>
      raw.exec(`${verb} INTO entries (seq, line, leaf) VALUES (${seq}, 'forged', zeroblob(32))`);
    assert.throws(() => raw.exec("UPDATE entries SET line = 'forged' WHERE seq = 1"), /never changed/);
    assert.throws(() => raw.exec('UPDATE entries SET seq = seq + 100'), /never changed/);
    assert.throws(() => raw.exec('DELETE FROM entries WHERE seq = 1'), /never removed/);
    assert.throws(() => raw.exec('DELETE FROM entries'), /never removed/);
    assert.throws(() => insert('INSERT OR REPLACE', '1'), /without a gap/);
    assert.throws(() => insert('REPLACE', '0'), /without a gap/);
    assert.throws(() => insert('INSERT', `${before.length + 1}`), /without a gap/);
    assert.throws(() => insert('INSERT', '-1'), /without a gap/);
    assert.throws(() => insert('INSERT OR IGNORE', 'NULL'), /without a gap/);
    assert.deepEqual(await store.entries({ from: 0, limit: 1_000 }), before);
  });
});

test('each entry is stored with the Merkle leaf of its exact line', async () => {
  await tampering(async ({ raw }) => {
    for (const row of raw.prepare('SELECT line, leaf FROM entries').all()) {
      assert.deepEqual(row['leaf'], new Uint8Array(leafHash(String(row['line']))));
    }
  });
});

test('a request that cannot be read fails by name, and the list still shows the others and reports it', async () => {
  await tampering(async ({ store, raw, problems }) => {
    raw.exec(`UPDATE requests SET asks = '[{"operation":1}]' WHERE id = '${req(2)}'`);
    await assert.rejects(
      store.request(req(2)),
      (thrown) => failsWith('ERR_STORE')(thrown) && String(thrown).includes(req(2)),
    );
    const listed = await store.requests({ requester: ada, limit: 10 });
    assert.deepEqual(
      listed.map((one) => one.request.id),
      [req(3), req(1)],
    );
    assert.equal(problems.length, 1);
    assert.match(problems[0]?.message ?? '', new RegExp(req(2)));
  });
});

test('a requester that cannot be read, in part or whole, is never taken for somebody else', async () => {
  await tampering(async ({ store, raw }) => {
    await store.commit(approval({ number: 4, requester: bot }));
    const person = "(SELECT n FROM principals WHERE subject = 'ada')";
    const breaks = [
      [4, `UPDATE requests SET person_name = NULL WHERE id = '${req(4)}'`],
      [4, `UPDATE requests SET person_groups = '{}' WHERE id = '${req(4)}'`],
      [4, `UPDATE requests SET requester = ${person} WHERE id = '${req(4)}'`],
      [3, `UPDATE requests SET person_name = 'Eve' WHERE id = '${req(3)}'`],
      [3, `UPDATE requests SET person_name = NULL, persons_key = 'eve' WHERE id = '${req(3)}'`],
      [3, `UPDATE requests SET persons_key = NULL, person_groups = '[]' WHERE id = '${req(3)}'`],
      [
        3,
        `UPDATE requests SET person_groups = NULL, requester = (SELECT n FROM principals WHERE subject = 'bot') WHERE id = '${req(3)}'`,
      ],
      [2, `UPDATE requests SET requester = 99 WHERE id = '${req(2)}'`],
    ] as const;
    for (const [number, sql] of breaks) {
      raw.exec(sql);
      await assert.rejects(store.request(req(number)), failsWith('ERR_STORE'), sql);
    }
    raw.exec(`UPDATE grants SET requester = 99 WHERE id = '${gr(2)}'`);
    await assert.rejects(store.grant(gr(2)), failsWith('ERR_STORE'));
    raw.exec(`DELETE FROM principals WHERE n = ${person}`);
    await assert.rejects(store.grant(gr(4)), failsWith('ERR_STORE'), 'the person is missing');
    await assert.rejects(store.grant(gr(1)), failsWith('ERR_STORE'));
  });
});

test('a grant that cannot be read, by its state, its legs or its numbers, does not hide the others', async () => {
  await tampering(async ({ store, raw, problems }) => {
    const breaks = [
      `UPDATE grants SET close_reason = NULL, state = 'closed' WHERE id = '${gr(2)}'`,
      `UPDATE grants SET state = 'closed', close_reason = 'bored' WHERE id = '${gr(2)}'`,
      `UPDATE grants SET state = 'issuing', seconds = 9223372036854775807 WHERE id = '${gr(2)}'`,
      `UPDATE grants SET seconds = 60 WHERE id = '${gr(2)}'; UPDATE legs SET state = 'lost' WHERE grant_n = 2`,
    ];
    for (const sql of breaks) {
      raw.exec(sql);
      await assert.rejects(store.grant(gr(2)), failsWith('ERR_STORE'));
      assert.deepEqual(
        (await store.grants({ limit: 10 })).map((one) => one.grant.id),
        [gr(3), gr(1)],
      );
    }
    assert.equal(problems.length, breaks.length);
  });
});

test('an effect that cannot be read is reported and set aside, and the others are carried out', async () => {
  await tampering(async ({ store, raw, problems }) => {
    raw.exec(`UPDATE effects SET kind = 'explode' WHERE grant_n = 1`);
    const claim = { now: START + 10, until: START + 20, limit: 10, perTarget: 10, busy: [] };
    assert.deepEqual(
      (await store.claim(claim)).map((effect) => effect.grant),
      [gr(2), gr(3)],
    );
    assert.equal(problems.length, 1);
    assert.deepEqual(await store.claim(claim), [], 'it is not reported again in a tight loop');
    assert.equal(problems.length, 1);
    await store.claim({ ...claim, now: START + 20 });
    assert.equal(problems.length, 2);
  });
});

test('a revoked leg that cannot be read fails the whole answer: leaving it out would lift a denial', async () => {
  await tampering(async ({ store, raw }) => {
    raw.exec(`UPDATE legs SET ended_at = ${START}, ends_at = ${START + 1_000}, state = 'issued'`);
    assert.equal((await store.revoked('aws', START)).length, 3);
    for (const change of ['UPDATE legs SET grant_n = 99', "UPDATE grants SET id = 'gr_x'"]) {
      raw.exec(
        `SAVEPOINT tampered; ${change} WHERE ${change.includes('legs') ? 'grant_n' : 'n'} = 2; RELEASE tampered`,
      );
      await assert.rejects(store.revoked('aws', START), failsWith('ERR_STORE'), change);
      raw.exec('UPDATE legs SET grant_n = 2 WHERE grant_n = 99');
    }
  });
});

test('a lock that another process holds too long is ERR_STORE, and the next commit succeeds', async () => {
  await tampering(async ({ store, raw }) => {
    raw.exec('BEGIN IMMEDIATE');
    await assert.rejects(store.commit(approval({ number: 9 })), failsWith('ERR_STORE'));
    assert.equal((await store.grant(gr(1)))?.version, 1, 'reads go on');
    raw.exec('ROLLBACK');
    await store.commit(approval({ number: 9 }));
    assert.equal((await store.grant(gr(9)))?.version, 1);
  });
});
