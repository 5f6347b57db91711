/**
 * A thousand grants at a real server, several at a time: each is used, each ends, and the catalogs are as they were.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from 'pg';
import { NO_POSTGRES } from '../../support/postgres.ts';
import type { PostgresServer } from '../../support/postgres.ts';
import {
  READ,
  WRITE,
  config,
  end,
  loginOf,
  makeProvider,
  markOf,
  never,
  openShop,
  orderOf,
  traces,
} from './support.ts';

const GRANTS = 1_000;
/** Few more than the provider has connections, so that some always wait for one. */
const AT_A_TIME = 6;
/** Of so many grants two are used by a login of their own. */
const LOGS_IN = 10;
/** Of so many grants one leaves a table. */
const LEAVES = 100;

/** Everything in the catalogs that a grant could leave, whoever it is about. */
async function catalogs(server: PostgresServer): Promise<unknown> {
  const shared = await server.sql(`
    SELECT 'roles', count(*), NULL FROM pg_authid UNION ALL
    SELECT 'memberships', count(*), NULL FROM pg_auth_members UNION ALL
    SELECT 'comments', count(*), NULL FROM pg_shdescription UNION ALL
    SELECT 'settings', count(*), NULL FROM pg_db_role_setting UNION ALL
    SELECT 'dependencies', count(*), NULL FROM pg_shdepend WHERE classid <> 'pg_class'::regclass AND classid <> 'pg_type'::regclass UNION ALL
    SELECT 'prepared', count(*), NULL FROM pg_prepared_xacts UNION ALL
    SELECT datname, 0, datacl::text FROM pg_database ORDER BY 1`);
  const own = [];
  for (const database of ['shop', 'stock']) {
    own.push(await server.sql("SELECT relname, relacl FROM pg_class WHERE relname = 'orders'", undefined, database));
    own.push(await server.sql('SELECT count(*) FROM pg_default_acl', undefined, database));
  }
  return { shared, own };
}

test(
  'a thousand grants, six at a time, leave no role, membership, privilege, dependency or session',
  { skip: NO_POSTGRES },
  async (t) => {
    const server = await openShop({ log_statement: 'none' });
    t.after(async () => await server.close());
    const provider = makeProvider();
    const target = provider.parseTarget('db', config(server));
    const before = await catalogs(server);
    let begun = 0;
    let used = 0;
    /** A statement of the holder, from a login of the own or by a superuser who takes the holder's place, which is quicker. */
    const use = async (n: number, stage: Client, { user, password }: ReturnType<typeof loginOf>): Promise<number> => {
      const sql = n % LEAVES === 1 ? `CREATE TABLE work.left_${n} AS SELECT 1` : 'SELECT id FROM orders';
      if (n % LOGS_IN > 1) {
        await stage.query(`SET SESSION AUTHORIZATION ${user}`);
        const { rowCount } = await stage.query(sql);
        await stage.query('RESET SESSION AUTHORIZATION');
        return rowCount ?? 0;
      }
      const client = new Client(server.login(user, password, 'shop'));
      client.on('error', () => undefined);
      await client.connect();
      const { rowCount } = await client.query(sql);
      // The others are left open, for the server to end.
      if (n % 3 === 0) await client.end();
      return rowCount ?? 0;
    };
    const worker = async (_: unknown, index: number): Promise<void> => {
      const stage = new Client(server.login('postgres', server.password, index % 2 === 0 ? 'shop' : 'stock'));
      await stage.connect();
      while (begun < GRANTS) {
        const n = begun++;
        const order = orderOf({ permissions: [n % 2 === 0 ? READ : WRITE] });
        const rows = await use(n, stage, loginOf(await provider.issue(target, order, never())));
        used += rows;
        await end(provider, markOf(provider, target, order));
      }
      await stage.end();
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
    assert.equal(used, GRANTS);
    assert.deepEqual(await traces(server), []);
    assert.deepEqual(await provider.list(target, never()), []);
    assert.deepEqual(await catalogs(server), before);
    const left =
      "SELECT count(*), min(relowner::regrole::text), max(relowner::regrole::text) FROM pg_class WHERE relname LIKE 'left\\_%'";
    const owners = [...(await server.sql(left, undefined, 'shop')), ...(await server.sql(left, undefined, 'stock'))];
    assert.deepEqual(owners, [
      [String(GRANTS / LEAVES), 'app_write', 'app_write'],
      ['0', null, null],
    ]);
  },
);
