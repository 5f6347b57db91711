/**
 * Opening: whose file it is, what version it has, and what SQLite is told, on real files.
 * @module
 */
import assert from 'node:assert/strict';
import { chmod, chown, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { migrate } from '../../../../src/broker/store/sqlite/migrate.ts';
import { MIGRATIONS } from '../../../../src/broker/store/sqlite/schema.ts';
import { openSqliteStore } from '../../../../src/broker/store/sqlite/store.ts';
import { JitError } from '../../../../src/core/errors.ts';
import { inFolder, now } from '../places.ts';
import { approval, gr } from '../samples.ts';

const refusedWith = (message: RegExp, hint: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof JitError, String(thrown));
  assert.equal(thrown.code, 'ERR_STORE');
  assert.match(thrown.message, message);
  assert.match(thrown.hint ?? '', hint);
  return true;
};

test('a new store is a file that only its user can read, and so is its log', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    const store = await openSqliteStore({ file, now });
    await store.commit(approval({ number: 1 }));
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(`${file}-wal`)).mode & 0o777, 0o600);
    assert.equal((await stat(`${file}-shm`)).mode & 0o777, 0o600);
    await store.close();
    await assert.rejects(stat(`${file}-wal`), 'close leaves one whole file');
    const again = await openSqliteStore({ file, now });
    assert.equal((await again.grant(gr(1)))?.version, 1);
    await again.close();
  });
});

test('a file or folder that others can read is refused, with the command that mends it', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    await (await openSqliteStore({ file, now })).close();
    await chmod(file, 0o644);
    await assert.rejects(
      openSqliteStore({ file, now }),
      refusedWith(/open to other users/, /^chmod 600 .*broker\.db$/),
    );
    await chmod(file, 0o600);
    await chmod(folder, 0o755);
    await assert.rejects(openSqliteStore({ file, now }), refusedWith(/open to other users/, /^chmod 700 /));
    await chmod(folder, 0o700);
    await (await openSqliteStore({ file, now })).close();
  });
});

test('a missing folder, a link and a folder in place of the file are refused, and nothing is made', async () => {
  await inFolder(async (folder) => {
    const open = (name: string) => openSqliteStore({ file: join(folder, name), now });
    await assert.rejects(open('no/broker.db'), refusedWith(/no folder/, /^mkdir -m 700 /));
    await mkdir(join(folder, 'dir'), { mode: 0o700 });
    await assert.rejects(open('dir'), refusedWith(/not a plain file/, /./));
    await symlink(join(folder, 'elsewhere'), join(folder, 'link'));
    await assert.rejects(open('link'), refusedWith(/not a plain file/, /./));
    await assert.rejects(stat(join(folder, 'elsewhere')));
  });
});

test("another user's file is refused", async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can make a file of another user');
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    await writeFile(file, '', { mode: 0o600 });
    await chown(file, 12_345, 12_345);
    await assert.rejects(openSqliteStore({ file, now }), refusedWith(/belongs to another user/, /uid 0/));
    await chown(file, 0, 0);
    await chown(folder, 12_345, 12_345);
    await assert.rejects(openSqliteStore({ file, now }), refusedWith(/belongs to another user/, /uid 0/));
  });
});

test('a store written by a newer program is refused and left as it was', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    await (await openSqliteStore({ file, now })).close();
    const db = new DatabaseSync(file);
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
    db.close();
    const before = await readFile(file);
    const expected = refusedWith(/has version \d+, and this program knows versions up to \d+/, /newer/);
    await assert.rejects(openSqliteStore({ file, now }), expected);
    assert.deepEqual(await readFile(file), before);
  });
});

test("another program's database, and a file that is no database, are refused and left as they were", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'other.db');
    await writeFile(file, '', { mode: 0o600 });
    const db = new DatabaseSync(file);
    db.exec('CREATE TABLE bookmarks (url TEXT); PRAGMA user_version = 1');
    db.close();
    await assert.rejects(openSqliteStore({ file, now }), refusedWith(/not a store of jit/, /file of its own/));
    const kept = new DatabaseSync(file);
    assert.deepEqual(
      kept
        .prepare('SELECT name FROM sqlite_schema')
        .all()
        .map((row) => row['name']),
      ['bookmarks'],
    );
    kept.close();
    const noise = join(folder, 'noise.db');
    await writeFile(noise, 'x'.repeat(8_192), { mode: 0o600 });
    await assert.rejects(openSqliteStore({ file: noise, now }), refusedWith(/./, /./));
    assert.equal((await readFile(noise, 'utf8')).length, 8_192);
  });
});

test('a migration that fails leaves the version before it, whole', () => {
  const db = new DatabaseSync(':memory:');
  const broken = [...MIGRATIONS, 'CREATE TABLE votes (n INTEGER PRIMARY KEY) STRICT; INSERT INTO nowhere VALUES (1)'];
  assert.throws(() => migrate(db, broken, now));
  assert.equal(db.prepare('PRAGMA user_version').get()?.['user_version'], MIGRATIONS.length);
  assert.equal(db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'votes'").get()?.['n'], 0);
  migrate(db, [...MIGRATIONS, 'CREATE TABLE votes (n INTEGER PRIMARY KEY) STRICT'], now);
  migrate(db, [...MIGRATIONS, 'CREATE TABLE votes (n INTEGER PRIMARY KEY) STRICT'], now);
  assert.deepEqual(
    db
      .prepare('SELECT version FROM migrations')
      .all()
      .map((row) => row['version']),
    Array.from({ length: MIGRATIONS.length + 1 }, (_, index) => index + 1),
  );
  db.close();
});

test('two connections to one file: a commit of one is seen by the other, and sequence numbers do not collide', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    const [one, other] = await Promise.all([openSqliteStore({ file, now }), openSqliteStore({ file, now })]);
    await Promise.all([one.commit(approval({ number: 1 })), other.commit(approval({ number: 2 }))]);
    assert.equal((await one.grant(gr(2)))?.version, 1);
    const both = await one.entries({ from: 0, limit: 10 });
    assert.deepEqual(
      both.map((entry) => entry.sequence),
      [0, 1, 2, 3],
    );
    await Promise.all([one.close(), other.close()]);
  });
});
