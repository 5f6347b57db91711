/**
 * Sessions of the pages in a real file: found by their cookie, used up once, gone with their time.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { migrate } from '../../../../src/broker/store/sqlite/migrate.ts';
import { MIGRATIONS } from '../../../../src/broker/store/sqlite/schema.ts';
import { openSqliteStore } from '../../../../src/broker/store/sqlite/store.ts';
import { WEB_VERDICTS } from '../../../../src/broker/store/sqlite/web-schema.ts';
import type { WebAct, WebSession } from '../../../../src/broker/store/web-sessions.ts';
import { failsWith } from '../contract/check.ts';
import { inFolder, now } from '../places.ts';
import { hashOf, req, ses, signIn, START } from '../samples.ts';

const ben: WebSession['principal'] = {
  kind: 'user',
  issuer: 'https://id.test',
  subject: 'ben',
  name: 'Ben',
  groups: ['leads'],
  personKey: 'p-ben',
};

function session(number: number, changes: Partial<WebSession> = {}): WebSession {
  return {
    id: ses(number),
    provider: 'idp',
    principal: ben,
    createdAt: START,
    expiresAt: START + 3_600_000,
    verifiedAt: START,
    ...changes,
  };
}

function opening(number: number, changes: Partial<WebSession> = {}) {
  return {
    session: session(number, changes),
    cookieHash: hashOf(`cookie ${number}`),
    spentProof: { once: `proof ${number}`, until: START + 600_000 },
    entries: [],
  };
}

const act: WebAct = {
  request: req(1),
  choice: 'approve',
  hash: hashOf('request'),
  policy: 'v1',
  comment: 'fine',
  until: START + 900_000,
};
const spending = (number: number, name: string, proof: string, changes: Partial<WebSession> = {}) => ({
  session: session(number, changes),
  actHash: hashOf(name),
  at: START + 1,
  spentProof: { once: proof, until: START + 600_000 },
  entries: [],
});

test('a session is found by its cookie until it ends, is over at its time, and is there after a restart', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    const first = await openSqliteStore({ file, now });
    await first.openWebSession(opening(1));
    await first.openWebSession(opening(2));
    await assert.rejects(
      first.openWebSession({ ...opening(3), spentProof: opening(1).spentProof }),
      failsWith('ERR_NOT_SIGNED_IN'),
    );
    assert.equal(await first.webSession(hashOf('cookie 3'), START), null, 'a used proof opens none');
    await first.close();
    const again = await openSqliteStore({ file, now });
    assert.deepEqual(await again.webSession(hashOf('cookie 1'), START), session(1));
    assert.equal(await again.webSession(hashOf('cookie 1'), START + 3_600_000), null);
    await again.endWebSession(ses(1), START + 5, []);
    assert.equal(await again.webSession(hashOf('cookie 1'), START), null);
    assert.deepEqual(await again.webSession(hashOf('cookie 2'), START), session(2));
    await again.close();
  });
});

test('what is to be decided is used up once, with its word; the word changes the session', async () => {
  await inFolder(async (folder) => {
    const store = await openSqliteStore({ file: join(folder, 'broker.db'), now });
    await store.openWebSession(opening(1));
    await store.openWebSession(opening(2));
    await store.intend(ses(1), hashOf('a'), act);
    assert.deepEqual(await store.intended(ses(1), hashOf('a'), START), act);
    assert.equal(await store.intended(ses(2), hashOf('a'), START), null, "another session's");
    assert.equal(await store.intended(ses(1), hashOf('a'), act.until), null, 'over');
    assert.equal(await store.spendAct(spending(2, 'a', 'w0')), null, 'another session cannot use it up');
    await assert.rejects(store.spendAct(spending(1, 'a', 'proof 1')), failsWith('ERR_NOT_SIGNED_IN'));
    assert.deepEqual(await store.intended(ses(1), hashOf('a'), START), act, 'a used word uses nothing up');
    const less = { principal: { ...ben, groups: [] }, verifiedAt: START + 1 };
    const both = await Promise.all([
      store.spendAct(spending(1, 'a', 'w1', less)),
      store.spendAct(spending(1, 'a', 'w2', less)),
    ]);
    assert.deepEqual(both, [act, null]);
    assert.deepEqual((await store.webSession(hashOf('cookie 1'), START))?.principal.groups, []);
    await store.intend(ses(1), hashOf('b'), act);
    await store.intend(ses(1), hashOf('c'), { ...act, comment: null });
    assert.equal(await store.intended(ses(1), hashOf('b'), START), null, 'the later one about the same request counts');
    await store.endWebSession(ses(1), START + 1, []);
    assert.equal(await store.spendAct(spending(1, 'c', 'w3')), null, 'of a session that is over none counts');
    await store.intend(ses(1), hashOf('d'), act);
    assert.equal(await store.intended(ses(1), hashOf('d'), START), null);
    await store.close();
  });
});

test('the latest word on somebody is the latest of all their sessions, and what is long over is forgotten', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    const store = await openSqliteStore({ file, now });
    assert.equal(await store.lastKnown(ben), null);
    await store.commitSession(signIn({ number: 9, principal: { ...ben, groups: ['old'] } }));
    assert.deepEqual((await store.lastKnown(ben))?.principal.groups, ['old']);
    await store.openWebSession(opening(1, { verifiedAt: START + 10_000 }));
    await store.endWebSession(ses(1), START + 20_000, []);
    assert.deepEqual(await store.lastKnown(ben), { principal: ben, at: START + 10_000 }, 'also of one that is over');
    assert.equal(await store.lastKnown({ ...ben, subject: 'cleo' }), null);
    const agent = { issuer: ben.issuer, subject: ben.subject, actsFor: ben };
    assert.equal(await store.lastKnown(agent), null, 'an agent is somebody else');
    await store.openWebSession(opening(2, { createdAt: START + 90_000_000, expiresAt: START + 99_000_000 }));
    await store.close();
    const db = new DatabaseSync(file);
    assert.deepEqual(
      db
        .prepare('SELECT id FROM web_sessions')
        .all()
        .map(({ id }) => id),
      [ses(2)],
    );
    db.prepare("UPDATE web_sessions SET principal = json_set(principal, '$.more', 1)").run();
    db.close();
    const again = await openSqliteStore({ file, now });
    await assert.rejects(again.webSession(hashOf('cookie 2'), START), failsWith('ERR_STORE'));
    await again.close();
  });
});

test('a store from before verdicts keeps its sessions; a decision on its way is begun again, and may be a verdict', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    writeFileSync(file, '', { mode: 0o600 });
    const db = new DatabaseSync(file);
    migrate(db, MIGRATIONS.slice(0, MIGRATIONS.indexOf(WEB_VERDICTS)), now);
    const { id, provider, principal, createdAt, expiresAt, verifiedAt } = session(1);
    db.prepare(
      'INSERT INTO web_sessions (n, id, cookie_hash, provider, principal, created_at, expires_at, verified_at) VALUES (1, ?, ?, ?, ?, ?, ?, ?)',
    ).run(id, hashOf('cookie 1'), provider, JSON.stringify(principal), createdAt, expiresAt, verifiedAt);
    const before = db.prepare('INSERT INTO web_acts VALUES (?, 1, ?, ?, ?, ?, NULL, ?)');
    before.run(hashOf('old'), req(2), 'approve', act.hash, 'v1', act.until);
    assert.throws(() => before.run(hashOf('new'), req(1), 'justified', act.hash, 'v1', act.until), /CHECK/);
    db.close();
    const again = await openSqliteStore({ file, now });
    assert.deepEqual(await again.webSession(hashOf('cookie 1'), START), session(1));
    assert.equal(await again.intended(ses(1), hashOf('old'), START), null);
    const verdict: WebAct = { ...act, choice: 'justified' };
    await again.intend(ses(1), hashOf('new'), verdict);
    assert.deepEqual(await again.intended(ses(1), hashOf('new'), START), verdict);
    await again.close();
  });
});
