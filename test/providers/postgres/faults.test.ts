/**
 * A server that is down, killed, silent, short of rights, or gone before it could answer; the broker's part is real throughout.
 * @module
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, suite, test } from 'node:test';
import { Client } from 'pg';
import type { Issued, Order } from '../../../src/core/ports.ts';
import { roleName } from '../../../src/providers/postgres/names.ts';
import type { PostgresTarget } from '../../../src/providers/postgres/provider.ts';
import { JitError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { eventually } from '../../support/eventually.ts';
import { tempFolder } from '../../support/home.ts';
import { NO_POSTGRES } from '../../support/postgres.ts';
import type { PostgresServer } from '../../support/postgres.ts';
import { failure } from '../../support/failure.ts';
import { openGate } from './gate.ts';
import type { Gate } from './gate.ts';
import {
  BROKER_PASSWORD,
  READ,
  WRITE,
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

suite('faults of a real PostgreSQL server', { skip: NO_POSTGRES }, () => {
  let server: PostgresServer;
  let gate: Gate;
  let target: PostgresTarget;
  const provider = makeProvider();
  const issue = async (order: Order, at: PostgresTarget = target): Promise<Issued> =>
    await provider.issue(at, order, never());
  const revoke = async (order: Order) => await provider.revoke(markOf(provider, target, order), nobody, never());
  const gone = async (order: Order) => await end(provider, markOf(provider, target, order));

  before(async () => {
    server = await openShop();
    gate = await openGate(server.port);
    target = provider.parseTarget('db', config({ host: '127.0.0.1', port: gate.port }));
  });
  afterEach(async () => {
    assert.deepEqual(await traces(server), []);
  });
  after(async () => {
    await gate.close();
    await server.close();
  });

  for (const how of ['fast', 'kill'] as const) {
    test(`a server that is stopped (${how}) is busy for issuing, revoking is pending work, and both succeed once it is back`, async () => {
      const held = orderOf();
      const issued = await issue(held);
      const client = await enter(server, issued);
      await server.stop(how);
      const order = orderOf();
      await failure(issue(order), 'ERR_CLOUD_BUSY');
      await failure(revoke(held), 'ERR_CLOUD_BUSY');
      await failure(provider.list(target, never()), 'ERR_CLOUD_BUSY');
      const { words } = await provider.plan(target, [READ], 60);
      assert(words.includes('the server did not say which other databases the login could connect to'));
      await server.start();
      await client.end().catch(() => undefined);
      assert.equal(await tryAs(server, issued, 'SELECT 1 AS x'), '[{"x":1}]', 'what was committed is lost');
      await issue(order);
      await gone(order);
      await gone(held);
    });
  }

  test('a connection that breaks after COMMIT was sent leaves the outcome unknown, and the name alone ends what was made', async () => {
    const order = orderOf();
    const restore = await gate.outage('reply-lost', { at: 'COMMIT' });
    await failure(issue(order), 'ERR_CLOUD_UNKNOWN');
    await restore();
    const made = await server.sql('SELECT 1 FROM pg_roles WHERE rolname = $1', [roleName(order.grant)]);
    assert.equal(made.length, 1, 'the server did not commit, so nothing was unknown');
    const [leftover] = await provider.list(target, never());
    assert.equal(leftover?.grant, order.grant);
    await gone(order);
  });

  test('a connection that breaks before COMMIT was sent has surely made nothing, at whichever statement', async () => {
    for (const at of ['startup', 'BEGIN', 'sync', 'COMMIT']) {
      const order = orderOf();
      const fresh = makeProvider();
      const restore = await gate.outage('down', { at });
      const outcome = await fresh.issue(target, order, never()).then(
        () => 'issued',
        (error: unknown) => error,
      );
      await restore();
      assert(outcome instanceof JitError, at);
      assert.equal(outcome.code, at === 'COMMIT' ? 'ERR_CLOUD_UNKNOWN' : 'ERR_CLOUD_BUSY', at);
      assert.deepEqual(await traces(server), [], at);
    }
  });

  test('a kept connection that has died is replaced without anybody noticing', async () => {
    const order = orderOf();
    await issue(order);
    await server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'broker'");
    const again = await issue(order);
    assert.equal(await tryAs(server, again, 'SELECT 1 AS x'), '[{"x":1}]');
    await gone(order);
  });

  test('a broker that loses its rights says which it needs, keeps what it cannot end, and ends it once it has them again', async () => {
    const held = orderOf({ permissions: [WRITE] });
    const issued = await issue(held);
    await server.sql('ALTER ROLE broker NOCREATEROLE');
    for (const call of [async () => await issue(orderOf()), async () => await revoke(held)]) {
      const { message, hint } = await failure(call(), 'ERR_CLOUD');
      assert.match(
        message,
        /^postgres at 127\.0\.0\.1:\d+ refused to (?:make|end) the role jit_[0-9a-z]{26} \(42501\)$/,
      );
      assert.match(hint ?? '', /^broker needs CREATEROLE and, for every role that it grants, the ADMIN OPTION$/);
    }
    assert.equal(await tryAs(server, issued, 'SELECT 1 AS x'), '[{"x":1}]');
    await server.sql('ALTER ROLE broker CREATEROLE');
    await gone(held);
    await server.sql("ALTER ROLE broker PASSWORD 'rotated'");
    const stale = makeProvider();
    assert.match((await failure(stale.issue(target, orderOf(), never()), 'ERR_CLOUD')).hint ?? '', /password_file/);
    const rotated = makeProvider({ readSecret: async () => await Promise.resolve(new Secret('rotated')) });
    const order = orderOf();
    await rotated.issue(target, order, never());
    await end(rotated, markOf(rotated, target, order));
    await server.sql(`ALTER ROLE broker PASSWORD '${BROKER_PASSWORD}'`);
  });

  test('a group role that is dropped under a grant does not keep the grant alive', async () => {
    await server.sql(
      'CREATE ROLE fleeting; GRANT fleeting TO broker WITH ADMIN OPTION; GRANT CONNECT ON DATABASE shop TO fleeting',
    );
    const roles = { fleeting: { access: 'write', databases: ['shop'] } };
    const at = provider.parseTarget('db', config(server, { roles }));
    const order = orderOf({ permissions: [{ ...READ, actions: ['role/fleeting'], resources: ['shop'] }] });
    await issue(order, at);
    await server.sql('DROP OWNED BY fleeting; DROP ROLE fleeting');
    await gone(order);
  });

  test('a change by somebody else that comes between is waited for, and not an error', async () => {
    const order = orderOf({ permissions: [READ, WRITE] });
    await issue(order);
    const name = roleName(order.grant);
    const other = new Client(server.login('postgres', server.password));
    await other.connect();
    for (const call of [async () => await issue(order), async () => await gone(order)]) {
      await other.query(`BEGIN; ALTER ROLE ${name} CONNECTION LIMIT 5`);
      const calling = call();
      await eventually(async () => {
        const waiting = "SELECT 1 FROM pg_stat_activity WHERE usename = 'broker' AND wait_event_type = 'Lock'";
        return (await server.sql(waiting)).length > 0;
      });
      await other.query('COMMIT');
      await calling;
    }
    await other.end();
    assert.match(server.log(), /tuple concurrently updated/);
  });

  test('forty grants on one group role at once are forty roles, and forty ends leave none', async () => {
    const orders = Array.from({ length: 40 }, () => orderOf({ permissions: [READ, WRITE] }));
    const other = makeProvider();
    const issued = await Promise.all(
      orders.map(async (one, n) => await (n % 2 === 0 ? provider : other).issue(target, one, never())),
    );
    assert.equal(new Set(issued.map((one) => loginOf(one).user)).size, 40);
    assert.equal((await provider.list(target, never())).length, 40);
    await Promise.all(
      orders.map(async (one, n) => await end(n % 2 === 0 ? other : provider, markOf(provider, target, one))),
    );
  });

  test('a server that asks for the password in clear is not given it, except by a name that it has proven', async (t) => {
    const { cert, key } = await makeCertificate(tempFolder(t), 'localhost', { names: 'DNS:localhost' });
    const authority = await readFile(cert, 'utf8');
    const at = (host: string, changes: object): PostgresTarget =>
      provider.parseTarget('db', config(server, { host, ...changes }));
    const list = async (where: PostgresTarget) => await makeProvider().list(where, never());
    const proven = at('localhost', { tls: 'verify-full', authority });
    const noTls = await failure(list(proven), 'ERR_CLOUD');
    assert.match(noTls.hint ?? '', /the server has no TLS/);
    await server.secure(cert, key);
    await server.authenticate('password');
    for (const where of [at('127.0.0.1', { tls: 'disable' }), at('localhost', { tls: 'require' })]) {
      assert.match((await failure(list(where), 'ERR_CLOUD')).message, /asks for the password of the broker in clear/);
    }
    assert.deepEqual(await list(proven), []);
    await server.authenticate('scram-sha-256');
    assert.deepEqual(await list(proven), []);
    assert.deepEqual(await list(at('localhost', { tls: 'require' })), []);
    for (const where of [at('127.0.0.1', { tls: 'verify-full', authority }), at('localhost', { tls: 'verify-full' })]) {
      const fault = await failure(list(where), 'ERR_CLOUD');
      assert.match(fault.hint ?? '', /^the certificate of the server is not trusted/);
    }
  });
});
