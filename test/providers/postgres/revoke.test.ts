/**
 * Revoking at a real server: sessions, what holders leave in databases, and what others did to the role.
 * @module
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import { Client } from 'pg';
import type { Issued, Order } from '../../../src/core/ports.ts';
import type { PostgresTarget } from '../../../src/providers/postgres/provider.ts';
import { eventually } from '../../support/eventually.ts';
import { NO_POSTGRES } from '../../support/postgres.ts';
import type { PostgresServer } from '../../support/postgres.ts';
import { failure } from '../../support/failure.ts';
import {
  BROKER_PASSWORD,
  READ,
  WRITE,
  asking,
  codeOf,
  config,
  end,
  enter,
  loginOf,
  makeProvider,
  markOf,
  never,
  nobody,
  openShop,
  orderOf,
  traces,
  tryAs,
} from './support.ts';

interface Held {
  readonly order: Order;
  readonly issued: Issued;
  readonly user: string;
}

suite('revoking at a real PostgreSQL server', { skip: NO_POSTGRES }, () => {
  let server: PostgresServer;
  let target: PostgresTarget;
  const provider = makeProvider();
  const hold = async (parts: Partial<Order> = {}): Promise<Held> => {
    const order = orderOf({ permissions: [WRITE], ...parts });
    const issued = await provider.issue(target, order, never());
    return { order, issued, user: loginOf(issued).user };
  };
  const revoke = async ({ order }: Held) => await provider.revoke(markOf(provider, target, order), nobody, never());
  const gone = async ({ order }: Held) => await end(provider, markOf(provider, target, order));
  const isAlive = async (client: Client): Promise<boolean> =>
    await client.query('SELECT 1').then(
      () => true,
      () => false,
    );
  /** As the superuser, for each of the two databases. */
  const inBoth = async (sql: string): Promise<readonly (string | null)[]> => {
    const found = [];
    for (const database of ['shop', 'stock']) found.push(...(await server.sql(sql, undefined, database)));
    return found.flat();
  };

  before(async () => {
    server = await openShop();
    target = provider.parseTarget('db', config(server));
  });
  afterEach(async () => {
    assert.deepEqual(await traces(server), []);
  });
  after(async () => await server.close());

  test('sessions in several databases are cut before the grant is called gone, also in the middle of statements', async () => {
    const held = await hold();
    const clients = [];
    for (const database of ['shop', 'stock', 'shop', 'postgres'])
      clients.push(await enter(server, held.issued, database));
    const [busy, idleInTransaction, listening] = clients;
    assert(busy !== undefined && idleInTransaction !== undefined && listening !== undefined);
    const sleeping = busy.query('SELECT pg_sleep(600)').catch(codeOf);
    await idleInTransaction.query("BEGIN; UPDATE orders SET note = 'uncommitted'");
    await listening.query('LISTEN something');
    const { proof, tidyAt } = await gone(held);
    assert.match(
      proof,
      new RegExp(`^no role ${held.user} and no session of it is on the server at 127\\.0\\.0\\.1:\\d+$`),
    );
    assert.equal(tidyAt, null);
    assert.equal(await sleeping, '57P01');
    for (const client of clients) assert.equal(await isAlive(client), false);
    assert.deepEqual(await inBoth('SELECT note FROM orders WHERE id = 1'), ['first', 'first']);
    assert.equal(await tryAs(server, held.issued, 'SELECT 1'), '28P01');
  });

  test('clients that reconnect as fast as they can get no session past the end', async () => {
    const held = await hold();
    const { user, password } = loginOf(held.issued);
    const storm = { over: false, entered: 0 };
    const clients = Array.from({ length: 4 }, async () => {
      while (!storm.over) {
        const client = new Client(server.login(user, password, 'shop'));
        client.on('error', () => undefined);
        await client.connect().then(
          () => (storm.entered += 1),
          () => undefined,
        );
        // Left open, so that only the server ends it.
      }
    });
    try {
      await eventually(() => storm.entered > 5);
      await gone(held);
      const sessions =
        'SELECT count(*) FROM pg_stat_activity WHERE usename = $1 OR (usesysid IS NOT NULL AND usename IS NULL)';
      assert.deepEqual(await server.sql(sessions, [user]), [['0']]);
      const entered = storm.entered;
      for (let n = 0; n < 5; n += 1) assert.equal(await tryAs(server, held.issued, 'SELECT 1'), '28P01');
      assert.equal(storm.entered, entered);
    } finally {
      storm.over = true;
      await Promise.all(clients);
    }
  });

  test('what a holder made in two databases stays, and belongs to the role with which it was made', async () => {
    const held = await hold({ permissions: [READ, WRITE] });
    for (const database of ['shop', 'stock']) {
      const client = await enter(server, held.issued, database);
      await client.query(`CREATE TABLE work.made AS SELECT 7 AS kept; CREATE SEQUENCE work.numbers;
        CREATE TYPE work.mood AS ENUM ('good'); CREATE VIEW work.seen AS SELECT * FROM work.made;
        CREATE FUNCTION work.plain() RETURNS int LANGUAGE sql AS 'SELECT 1';
        ALTER DEFAULT PRIVILEGES IN SCHEMA work GRANT SELECT ON TABLES TO PUBLIC;
        SELECT lo_create(4711)`);
      await client.end();
    }
    await gone(held);
    assert.deepEqual(await inBoth('SELECT kept FROM work.made'), ['7', '7']);
    const owners = `SELECT DISTINCT pg_get_userbyid(o) FROM (
      SELECT relowner FROM pg_class WHERE relnamespace = 'work'::regnamespace UNION ALL
      SELECT typowner FROM pg_type WHERE typname = 'mood' UNION ALL
      SELECT proowner FROM pg_proc WHERE proname = 'plain' UNION ALL
      SELECT lomowner FROM pg_largeobject_metadata) AS all_of_them (o)`;
    assert.deepEqual(await inBoth(owners), ['app_write', 'app_write']);
    await inBoth(`SELECT lo_unlink(4711); DROP FUNCTION work.plain; DROP VIEW work.seen; DROP TABLE work.made;
      DROP TYPE work.mood; DROP SEQUENCE work.numbers`);
  });

  test('code that a holder leaves does not run with the rights of the role for everybody', async () => {
    await server.sql("CREATE ROLE eve LOGIN PASSWORD 'eve'; GRANT CONNECT ON DATABASE shop TO eve");
    await server.sql('GRANT USAGE ON SCHEMA work TO eve', undefined, 'shop');
    const held = await hold();
    const client = await enter(server, held.issued);
    await client.query(`CREATE FUNCTION work.peek("a;b" text) RETURNS text LANGUAGE sql SECURITY DEFINER AS
        'SELECT string_agg(note, $$,$$) FROM public.orders';
      CREATE VIEW work."all; DROP VIEW x" AS SELECT note FROM orders; GRANT SELECT ON work."all; DROP VIEW x" TO PUBLIC`);
    await client.end();
    const asEve = async (sql: string): Promise<string> => {
      const eve = new Client(server.login('eve', 'eve', 'shop'));
      await eve.connect();
      const answer = await eve.query(sql).then(({ rowCount }) => `${rowCount} row`, codeOf);
      await eve.end();
      return answer;
    };
    const tries = [`SELECT work.peek('')`, 'SELECT * FROM work."all; DROP VIEW x"'];
    for (const sql of tries) assert.equal(await asEve(sql), '1 row');
    await gone(held);
    for (const sql of tries) assert.equal(await asEve(sql), '42501');
    await server.sql(
      'DROP VIEW work."all; DROP VIEW x"; DROP FUNCTION work.peek; DROP OWNED BY eve',
      undefined,
      'shop',
    );
    await server.sql('DROP OWNED BY eve; DROP ROLE eve');
  });

  test('a transaction that a holder has prepared is rolled back, with the locks that it holds', async () => {
    const held = await hold();
    for (const database of ['shop', 'stock']) {
      const client = await enter(server, held.issued, database);
      await client.query(`BEGIN; CREATE TABLE work.later (); UPDATE orders SET note = 'later';
        PREPARE TRANSACTION 'a''; DROP ROLE app_read; -- ${database}'`);
      await client.end();
    }
    await gone(held);
    assert.deepEqual(await server.sql('SELECT gid FROM pg_prepared_xacts'), []);
    assert.deepEqual(await inBoth('SELECT note FROM orders WHERE id = 1 FOR UPDATE'), ['first', 'first']);
  });

  test('a holder who keeps the own role locked, in sessions or in a prepared transaction, is cut all the same', async () => {
    const held = await hold();
    const own = `ALTER ROLE ${held.user} PASSWORD 'own-choice'`;
    const preparing = await enter(server, held.issued, 'stock');
    await preparing.query(`BEGIN; ${own}; PREPARE TRANSACTION 'lock'`);
    const clients = [preparing, await enter(server, held.issued), await enter(server, held.issued, 'stock')];
    const locking = clients.slice(1).map(async (client) => await client.query(`BEGIN; ${own}`).catch(codeOf));
    await gone(held);
    for (const client of clients) assert.equal(await isAlive(client), false);
    await Promise.all(locking);
    assert.deepEqual(await server.sql('SELECT gid FROM pg_prepared_xacts'), []);
  });

  test('whom a holder made a member of the own role has nothing of it any more', async () => {
    await server.sql("CREATE ROLE mallory LOGIN PASSWORD 'mallory'; GRANT CONNECT ON DATABASE shop TO mallory");
    const held = await hold();
    const given = await tryAs(server, held.issued, `GRANT ${held.user} TO mallory`);
    assert.equal(given, server.major < 15 ? '[]' : '42501');
    if (given !== '[]') await server.sql(`GRANT ${held.user} TO mallory`);
    const mallory = new Client(server.login('mallory', 'mallory', 'shop'));
    await mallory.connect();
    await mallory.query(`SET ROLE ${held.user}`);
    assert.equal((await mallory.query('SELECT id FROM orders')).rowCount, 1);
    await gone(held);
    assert.equal(await mallory.query('SELECT id FROM orders').catch(codeOf), '42501');
    await mallory.end();
    await server.sql('DROP OWNED BY mallory; DROP ROLE mallory');
  });

  test('ending one grant leaves the sessions and the role of another one of the same person alone', async () => {
    const [one, two] = [await hold(), await hold()];
    const client = await enter(server, two.issued);
    await gone(one);
    assert.equal(await isAlive(client), true);
    assert.equal(await tryAs(server, two.issued, 'SELECT 1 AS x'), '[{"x":1}]');
    await client.end();
    await gone(two);
  });

  test('a role that somebody dropped by hand is gone, unless sessions are open that might be of it', async () => {
    const held = await hold();
    const client = await enter(server, held.issued);
    await server.sql(`DROP ROLE ${held.user}`);
    assert.equal(await isAlive(client), true, 'the server has begun to end sessions of dropped roles');
    assert.match((await failure(revoke(held), 'ERR_CLOUD')).message, /sessions of a role that was dropped by hand/);
    await client.end();
    await eventually(async () => (await revoke(held)).kind === 'gone');
  });

  test('a role whose mark was taken off is never called gone', async () => {
    const held = await hold();
    await server.sql(`COMMENT ON ROLE ${held.user} IS NULL`);
    const { message, hint } = await failure(revoke(held), 'ERR_CLOUD');
    assert.match(message, /without the mark of this broker/);
    assert.match(hint ?? '', /psql/);
    await server.sql(`DROP ROLE ${held.user}`);
    await gone(held);
  });

  test('an attribute that somebody gave to the role does not keep it alive', async () => {
    const held = await hold();
    await server.sql(`ALTER ROLE ${held.user} CREATEDB CONNECTION LIMIT -1 VALID UNTIL 'infinity'`);
    await failure(provider.issue(target, held.order, never()), 'ERR_CLOUD');
    await gone(held);
  });

  test('privileges that others gave to the role by name hold up its end, not the end of access, until they are taken away', async () => {
    const held = await hold();
    const client = await enter(server, held.issued);
    await server.sql(`CREATE TABLE gift (); GRANT SELECT ON gift TO ${held.user}`, undefined, 'stock');
    const fault = await failure(revoke(held), 'ERR_CLOUD');
    assert.match(fault.message, /\(2BP01\): .*(?:gift|1 object in database stock)/);
    assert.equal(await isAlive(client), false);
    assert.equal(await tryAs(server, held.issued, 'SELECT 1'), '28P01');
    await failure(provider.issue(target, held.order, never()), 'ERR_CLOUD');
    await server.sql(`REVOKE SELECT ON gift FROM ${held.user}; DROP TABLE gift`, undefined, 'stock');
    await gone(held);
  });

  test('objects in a database that the broker may not enter hold up the end, not the end of access, and are named', async () => {
    const held = await hold();
    await tryAs(server, held.issued, 'CREATE TABLE work.t ()', 'stock');
    await server.sql('REVOKE CONNECT ON DATABASE stock FROM broker, app_read, app_write');
    const { message, hint } = await failure(revoke(held), 'ERR_CLOUD');
    assert.match(message, /refused to hand over what jit_[0-9a-z]{26} left in the database "stock"/);
    assert.match(hint ?? '', /broker needs to connect/);
    assert.equal(await tryAs(server, held.issued, 'SELECT 1', 'stock'), '28P01');
    await server.sql('GRANT CONNECT ON DATABASE stock TO broker, app_read, app_write');
    await gone(held);
    await server.sql('DROP TABLE work.t', undefined, 'stock');
  });

  test('objects in a database that was never asked for are handed over too', async () => {
    await server.sql('GRANT CREATE ON DATABASE postgres TO app_write');
    const held = await hold();
    assert.equal(await tryAs(server, held.issued, 'CREATE SCHEMA mine CREATE TABLE t ()', 'postgres'), '[]');
    await gone(held);
    const owner = "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'mine'";
    assert.deepEqual(await server.sql(owner), [['app_write']]);
    await server.sql('DROP SCHEMA mine CASCADE; REVOKE CREATE ON DATABASE postgres FROM app_write');
  });

  test('a database that is dropped under its grants does not keep them alive', async () => {
    await server.sql('CREATE DATABASE fleeting');
    const at = provider.parseTarget(
      'db',
      config(server, { databases: ['fleeting', 'shop'], roles: { app_write: { access: 'write' } } }),
    );
    const order = orderOf({ permissions: [asking('app_write', 'fleeting', 'shop')] });
    const issued = await provider.issue(at, order, never());
    assert.equal(await tryAs(server, issued, 'SELECT 1 AS x', 'fleeting'), '[{"x":1}]');
    await server.sql('DROP DATABASE fleeting WITH (FORCE)');
    await end(provider, markOf(provider, at, order));
  });

  test('settings of a database cannot lead the broker to somebody’s functions, make it read-only, or make it slow', async () => {
    await server.sql(
      `CREATE SCHEMA trap; CREATE FUNCTION trap.format(text, regprocedure) RETURNS text LANGUAGE sql AS
      'SELECT ''ALTER ROLE broker SUPERUSER''; SELECT ''SELECT 1/0'''; GRANT USAGE ON SCHEMA trap TO PUBLIC`,
      undefined,
      'shop',
    );
    await server.sql(`ALTER DATABASE shop SET search_path = trap, pg_catalog;
      ALTER DATABASE shop SET default_transaction_read_only = on; ALTER DATABASE shop SET statement_timeout = '1ms';
      ALTER DATABASE shop SET lock_timeout = '1ms'; ALTER DATABASE shop SET default_transaction_isolation = 'serializable'`);
    const held = { ...(await provider.issue(target, orderOf({ permissions: [WRITE] }), never())) };
    const order = { ...orderOf(), grant: `gr_${loginOf(held).user.slice(4)}` } as const;
    const client = new Client({
      ...server.login(loginOf(held).user, loginOf(held).password, 'shop'),
      options: '-c statement_timeout=0',
    });
    await client.connect();
    await client.query(
      `BEGIN READ WRITE; CREATE FUNCTION work.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; COMMIT`,
    );
    await client.end();
    await end(provider, markOf(provider, target, order));
    await server.sql('ALTER DATABASE shop RESET ALL');
    await server.sql('DROP FUNCTION work.f; DROP SCHEMA trap CASCADE', undefined, 'shop');
  });

  test('the broker itself has none of the rights that it grants, before, during or after', async () => {
    const held = await hold();
    const asBroker = async (sql: string): Promise<string> => {
      const client = new Client(server.login('broker', BROKER_PASSWORD, 'shop'));
      await client.connect();
      const answer = await client.query(sql).then(() => 'done', codeOf);
      await client.end();
      return answer;
    };
    // Before PostgreSQL 16 whoever may administer a membership has it.
    if (server.major >= 16) assert.equal(await asBroker('SELECT * FROM orders'), '42501');
    await gone(held);
    const left = "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'broker'::regrole ORDER BY 1";
    assert.deepEqual((await server.sql(left)).flat(), ['app_read', 'app_write', 'shop_read']);
  });
});
