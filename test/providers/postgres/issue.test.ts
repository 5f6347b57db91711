/**
 * Issuing at a real server: what a holder can do and cannot, what the server is told, and whom it refuses to serve.
 * @module
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import { Client } from 'pg';
import type { Issued, Order } from '../../../src/core/ports.ts';
import { roleName } from '../../../src/providers/postgres/names.ts';
import type { PostgresTarget } from '../../../src/providers/postgres/provider.ts';
import { eventually } from '../../support/eventually.ts';
import { NO_POSTGRES } from '../../support/postgres.ts';
import type { PostgresServer } from '../../support/postgres.ts';
import { run } from '../../support/run.ts';
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

suite('issuing at a real PostgreSQL server', { skip: NO_POSTGRES }, () => {
  let server: PostgresServer;
  let asked: { readonly target: PostgresTarget; readonly order: Order }[] = [];
  const provider = makeProvider();
  const targetOf = (changes: object = {}): PostgresTarget => provider.parseTarget('db', config(server, changes));
  const issue = async (parts: Partial<Order> = {}, changes: object = {}): Promise<Issued> => {
    const [target, order] = [targetOf(changes), orderOf(parts)];
    asked.push({ target, order });
    return await provider.issue(target, order, never());
  };

  before(async () => {
    server = await openShop();
  });
  afterEach(async () => {
    await Promise.all(asked.map(async ({ target, order }) => await end(provider, markOf(provider, target, order))));
    asked = [];
    assert.deepEqual(await traces(server), []);
  });
  after(async () => await server.close());

  test('a holder does what the group may do, in the databases that the group may enter, and nothing else', async () => {
    const read = await issue();
    assert.equal(await tryAs(server, read, 'SELECT id FROM orders'), '[{"id":1}]');
    assert.equal(await tryAs(server, read, 'SELECT id FROM orders', 'stock'), '[{"id":1}]');
    for (const sql of [
      'DELETE FROM orders',
      'CREATE TABLE work.t ()',
      'CREATE ROLE eve',
      'CREATE DATABASE eve',
      'CREATE SCHEMA s',
    ])
      assert.equal(await tryAs(server, read, sql), '42501', sql);
    // Before PostgreSQL 16 membership cannot be had without this.
    assert.equal(await tryAs(server, read, 'SET ROLE app_read'), server.major >= 16 ? '42501' : '[]');
    const shop = await issue({ permissions: [asking('shop_read', 'shop')] });
    assert.equal(await tryAs(server, shop, 'SELECT id FROM orders'), '[{"id":1}]');
    assert.equal(await tryAs(server, shop, 'SELECT 1', 'stock'), '42501');
  });

  test('the role has no attribute beyond LOGIN, and is a member of exactly what was asked for, without the right to pass it on', async () => {
    const { user } = loginOf(await issue({ permissions: [READ, WRITE] }, { connections: 2 }));
    const attributes =
      'SELECT rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit FROM pg_roles WHERE rolname = $1';
    assert.deepEqual(await server.sql(attributes, [user]), [['f', 't', 'f', 'f', 't', 'f', 'f', '2']]);
    const members =
      'SELECT roleid::regrole::text, admin_option FROM pg_auth_members WHERE member = $1::regrole ORDER BY 1';
    assert.deepEqual(await server.sql(members, [user]), [
      ['app_read', 'f'],
      ['app_write', 'f'],
    ]);
  });

  test('the server is given a verifier, and neither its catalog nor its log of all statements has a password', async () => {
    const { user, password } = loginOf(await issue());
    const [[stored] = []] = await server.sql('SELECT rolpassword FROM pg_authid WHERE rolname = $1', [user]);
    assert.match(stored ?? '', /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/);
    const log = server.log();
    assert(log.includes(stored ?? '?'), 'the log has no statements');
    assert(!log.includes(password), 'the log has the password');
  });

  test('psql of the distribution logs in with it, and refuses every other password', async () => {
    const { user, password } = loginOf(await issue());
    const psql = async (secret: string, database: string): Promise<string> => {
      const args = ['-X', '-At', '-w', '-h', server.host, '-p', String(server.port), '-U', user, '-d', database];
      const { stdout, stderr } = await run('psql', [...args, '-c', 'SELECT current_user, note FROM orders'], {
        env: { ...process.env, PGPASSWORD: secret },
      });
      return stdout.trim() === '' ? stderr : stdout.trim();
    };
    assert.equal(await psql(password, 'shop'), `${user}|first`);
    assert.match(await psql(`${password}x`, 'shop'), /password authentication failed/);
  });

  test('issued again it has another password and a later end, and the first password is dead', async () => {
    const order = orderOf();
    asked.push({ target: targetOf(), order });
    const first = await provider.issue(targetOf(), order, never());
    const session = await enter(server, first);
    const later = { ...order, endsAt: order.endsAt + 600_000 };
    const second = await provider.issue(targetOf(), later, never());
    assert.notEqual(loginOf(first).password, loginOf(second).password);
    assert.deepEqual(
      [await tryAs(server, first, 'SELECT 1'), await tryAs(server, second, 'SELECT 1 AS x')],
      ['28P01', '[{"x":1}]'],
    );
    assert.equal((await session.query('SELECT 1')).rowCount, 1, 'a session that was open was cut');
    await session.end();
    const until = 'SELECT (extract(epoch FROM rolvaliduntil) * 1000)::bigint FROM pg_roles WHERE rolname = $1';
    assert.deepEqual(await server.sql(until, [roleName(order.grant)]), [[String(later.endsAt)]]);
    assert.equal((await provider.list(targetOf(), never()))[0]?.notAfter, later.endsAt);
  });

  test('what a holder does to the own role is undone by the next issue, and the mark and the end are out of reach', async () => {
    const order = orderOf();
    asked.push({ target: targetOf(), order });
    const first = await provider.issue(targetOf(), order, never());
    const { user } = loginOf(first);
    for (const sql of [
      `ALTER ROLE ${user} VALID UNTIL 'infinity'`,
      `ALTER ROLE ${user} CONNECTION LIMIT 100`,
      `COMMENT ON ROLE ${user} IS 'mine'`,
      `GRANT app_write TO ${user}`,
      `GRANT app_read TO app_write`,
      `ALTER ROLE ${user} RENAME TO eve`,
      `ALTER ROLE app_read PASSWORD 'x'`,
      `DROP ROLE ${user}`,
    ]) {
      assert.match(await tryAs(server, first, sql), /^(?:42501|0A000)$/, sql);
    }
    assert.equal(await tryAs(server, first, `ALTER ROLE ${user} PASSWORD 'own-choice'`), '[]');
    const chosen = new Client(server.login(user, 'own-choice', 'shop'));
    await chosen.connect();
    await chosen.end();
    await provider.issue(targetOf(), order, never());
    const refused = new Client(server.login(user, 'own-choice', 'shop'));
    assert.equal(await refused.connect().catch(codeOf), '28P01');
  });

  test('memberships that somebody added are taken away by the next issue', async () => {
    const order = orderOf();
    asked.push({ target: targetOf(), order });
    const issued = await provider.issue(targetOf(), order, never());
    const { user } = loginOf(issued);
    const broker = new Client(server.login('broker', BROKER_PASSWORD));
    await broker.connect();
    await broker.query(`GRANT app_write TO ${user}`);
    await broker.end();
    const again = await provider.issue(targetOf(), order, never());
    assert.equal(await tryAs(server, again, 'DELETE FROM orders'), '42501');
  });

  test('names of roles and databases are data: quotes, statements, blanks, umlauts and 63 bytes are only names', async () => {
    const names = [
      'a"; DROP ROLE app_read; --',
      "b'; --",
      'Group Mit Ümlaut',
      '\\',
      '%I $1 {x}',
      'ü'.repeat(31),
      'CURRENT_USER',
      'x'.repeat(63),
    ];
    const database = 'shop "of"; DROP DATABASE stock; --\'';
    const roles = Object.fromEntries(names.map((name) => [name, { access: 'write', databases: [database] }]));
    const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
    await server.sql(`CREATE DATABASE ${quoted(database)}`);
    for (const name of names) {
      await server.sql(`CREATE ROLE ${quoted(name)} NOLOGIN; GRANT ${quoted(name)} TO broker WITH ADMIN OPTION`);
      await server.sql(`GRANT CREATE ON SCHEMA public TO ${quoted(name)}`, undefined, database);
    }
    const changes = { roles, databases: [database, 'shop'] };
    const target = targetOf(changes);
    for (const name of names) {
      const issued = await issue({ permissions: [asking(name, database)] }, changes);
      const member =
        'SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = roleid WHERE member = $1::regrole';
      assert.deepEqual(await server.sql(member, [loginOf(issued).user]), [[name]]);
      assert(issued.granted.includes(quoted(name)), issued.granted);
      assert.equal(await tryAs(server, issued, `CREATE TABLE "t""; --${names.indexOf(name)}" ()`, database), '[]');
    }
    const plan = await provider.plan(target, [asking(names[0] ?? '', database)], 60);
    assert(
      plan.words.some((word) => word.includes('DROP ROLE')),
      'the plan does not name it',
    );
    await Promise.all(asked.map(async (one) => await end(provider, markOf(provider, one.target, one.order))));
    asked = [];
    const owners = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname LIKE 't\"; --%' ORDER BY 1";
    const found = await server.sql(owners, undefined, database);
    assert.deepEqual(new Set(found.flat()), new Set(names));
    await server.sql(`DROP DATABASE ${quoted(database)} WITH (FORCE)`);
    await server.sql(`DROP ROLE ${names.map(quoted).join(', ')}`);
    assert.equal((await server.sql("SELECT 1 FROM pg_roles WHERE rolname = 'app_read'")).length, 1);
  });

  test('a role of that name without the mark of this broker is left alone, whatever its comment says', async () => {
    const theirs = makeProvider({ owner: 'fedcba9876543210' });
    for (const comment of ['', 'jit {}', 'theirs']) {
      const order = orderOf();
      const name = roleName(order.grant);
      if (comment === 'theirs') await theirs.issue(targetOf(), order, never());
      else await server.sql(`CREATE ROLE ${name}; COMMENT ON ROLE ${name} IS '${comment}'`);
      const whole = 'SELECT a.*, shobj_description(oid, $2) FROM pg_authid a WHERE rolname = $1';
      const planted = await server.sql(whole, [name, 'pg_authid']);
      await failure(provider.issue(targetOf(), order, never()), 'ERR_CLOUD');
      await failure(provider.revoke(markOf(provider, targetOf(), order), nobody, never()), 'ERR_CLOUD');
      assert.deepEqual(await provider.list(targetOf(), never()), []);
      assert.deepEqual(await server.sql(whole, [name, 'pg_authid']), planted);
      await server.sql(`DROP ROLE ${name}`);
    }
  });

  test('two targets on one server cannot share the login of one grant', async () => {
    const order = orderOf();
    asked.push({ target: targetOf(), order });
    const issued = await provider.issue(targetOf(), order, never());
    const other = provider.parseTarget('another', config(server));
    assert.match((await failure(provider.issue(other, order, never()), 'ERR_CLOUD')).message, /same server/);
    assert.equal((await end(provider, markOf(provider, other, order))).kind, 'gone');
    assert.equal(await tryAs(server, issued, 'SELECT 1 AS x'), '[{"x":1}]');
  });

  test('the server alone refuses the password from the end on, by its own clock', async () => {
    const short = await issue({ endsAt: Date.now() + 1_500 });
    assert.equal(await tryAs(server, short, 'SELECT 1 AS x'), '[{"x":1}]');
    await eventually(async () => (await tryAs(server, short, 'SELECT 1')) === '28P01');
    const role = await server.sql('SELECT 1 FROM pg_roles WHERE rolname = $1', [loginOf(short).user]);
    assert.equal(role.length, 1);
  });

  test('where clocks differ the earlier end counts, and what is over by the clock of the server is not issued', async () => {
    const ahead = makeProvider({ now: () => Date.now() + 3_600_000 });
    const order = orderOf({ endsAt: Date.now() + 3_600_000 + 60_000 });
    asked.push({ target: targetOf(), order });
    const issued = await ahead.issue(targetOf(), order, never());
    assert(Math.abs(issued.notAfter - Date.now() - 60_000) < 10_000, 'the grant lasts an hour too long');
    assert(issued.granted.includes(new Date(issued.notAfter).toISOString()));
    const behind = makeProvider({ now: () => Date.now() - 3_600_000 });
    const late = orderOf({ endsAt: Date.now() - 60_000 });
    assert.match((await failure(behind.issue(targetOf(), late, never()), 'ERR_CLOUD')).message, /clock of the server/);
  });

  test('roles through which a holder could stay are not granted: superusers, CREATEROLE, LOGIN, server files, the broker', async () => {
    const bad: readonly (readonly [string, RegExp])[] = [
      ['CREATE ROLE bad SUPERUSER', /it is a superuser/],
      ['CREATE ROLE bad CREATEROLE', /CREATEROLE/],
      ['CREATE ROLE bad LOGIN', /LOGIN/],
      ['CREATE ROLE bad; GRANT pg_read_server_files TO bad', /as good as a superuser/],
      ['CREATE ROLE bad; GRANT broker TO bad', /the broker itself/],
      ['CREATE ROLE bad; CREATE ROLE way; GRANT way TO bad; GRANT postgres TO way', /"postgres" .*superuser/],
      ['CREATE ROLE bad; GRANT app_read TO bad WITH ADMIN OPTION', /others members of "app_read"/],
    ];
    const roles = { bad: { access: 'write', databases: ['shop'] } };
    const permissions = [asking('bad', 'shop')];
    for (const [sql, message] of bad) {
      await server.sql(`${sql}; GRANT CONNECT ON DATABASE shop TO bad`);
      assert.match((await failure(issue({ permissions }, { roles }), 'ERR_CLOUD')).message, message, sql);
      const planning = provider.plan(targetOf({ roles }), permissions, 60);
      assert.match((await failure(planning, 'ERR_CLOUD')).message, message);
      await server.sql('DROP OWNED BY bad; DROP ROLE bad; DROP ROLE IF EXISTS way');
    }
    assert.match((await failure(issue({ permissions }, { roles }), 'ERR_CLOUD')).message, /no role "bad"/);
  });

  test('where membership is meant to be handed out, the access says so and so does the plan', async () => {
    await server.sql(`CREATE ROLE chief; GRANT app_read TO chief WITH ADMIN OPTION;
      GRANT CONNECT ON DATABASE shop TO chief; GRANT chief TO broker WITH ADMIN OPTION`);
    const changes = { roles: { chief: { access: 'permissions', databases: ['shop'] } } };
    const permissions = [asking('chief', 'shop')];
    const { words, assessment } = await provider.plan(targetOf(changes), permissions, 60);
    assert.equal(assessment.access, 'permissions');
    assert(words.includes('permissions that it hands out stay after the grant has ended'));
    await issue({ permissions }, changes);
    await end(provider, markOf(provider, targetOf(changes), asked.pop()?.order ?? orderOf()));
    await server.sql('REVOKE app_read FROM chief; DROP OWNED BY chief; DROP ROLE chief');
  });

  test('the plan names the other databases that the login could enter, and a target may refuse instead', async () => {
    const told = await provider.plan(targetOf(), [asking('shop_read', 'shop')], 60);
    assert(
      told.words.some((word) => /also connect to "postgres", "template1"/.test(word)),
      told.words.join('\n'),
    );
    const strict = { other_databases: 'refuse' };
    const permissions = [asking('shop_read', 'shop')];
    const fault = await failure(issue({ permissions }, strict), 'ERR_CLOUD');
    assert.match(fault.message, /could also connect to "postgres", "template1"/);
    await server.sql('REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC');
    const bounded = await issue({ permissions }, strict);
    for (const database of ['stock', 'postgres', 'template1'])
      assert.equal(await tryAs(server, bounded, 'SELECT 1', database), '42501', database);
    const plan = await provider.plan(targetOf(strict), permissions, 60);
    assert(plan.words.includes('it can connect to no other database'));
    const wider = await failure(issue({ permissions: [asking('app_read', 'shop')] }, strict), 'ERR_CLOUD');
    assert.match(wider.message, /"stock"/);
    await server.sql(`GRANT CONNECT ON DATABASE postgres, template1 TO PUBLIC;
      REVOKE CONNECT ON DATABASE shop FROM shop_read`);
    const closed = await failure(issue({ permissions }), 'ERR_CLOUD');
    assert.match(closed.message, /none of the roles may connect to "shop"/);
    await server.sql('GRANT CONNECT ON DATABASE shop TO shop_read');
  });

  test('over a Unix socket it works as over TCP', async () => {
    const issued = await issue({}, { host: server.socket });
    assert.equal(await tryAs(server, issued, 'SELECT 1 AS x'), '[{"x":1}]');
  });
});
