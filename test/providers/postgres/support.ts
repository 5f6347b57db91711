/**
 * What the tests of the PostgreSQL provider share: a shop on a real server, a broker's role on it, orders and marks.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Client } from 'pg';
import type { Credential } from '../../../src/core/credential.ts';
import { grantId } from '../../../src/core/ids.ts';
import type { Issued, Mark, Order, Provider, Revocation } from '../../../src/core/ports.ts';
import type { Permission } from '../../../src/core/request.ts';
import { Secret } from '../../../src/core/secret.ts';
import { postgresProvider } from '../../../src/providers/postgres/provider.ts';
import type { PostgresDeps, PostgresTarget } from '../../../src/providers/postgres/provider.ts';
import { type Home, tempHome } from '../../support/home.ts';
import { openPostgres } from '../../support/postgres.ts';
import type { PostgresServer } from '../../support/postgres.ts';

export const BROKER_PASSWORD = 'broker-canary-5d1e';
export const OWNER = '0123456789abcdef';

/**
 * Two databases that only members of group roles may enter, and a broker's role without any access of its own: `app_read` and
 * `app_write` for both, `shop_read` for one.
 */
export async function openShop(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  const server = await openPostgres(settings);
  const options = server.major >= 16 ? 'WITH ADMIN TRUE, INHERIT FALSE, SET FALSE' : 'WITH ADMIN OPTION';
  await server.sql(`
    CREATE ROLE broker LOGIN CREATEROLE PASSWORD '${BROKER_PASSWORD}';
    CREATE ROLE app_read NOLOGIN; CREATE ROLE app_write NOLOGIN; CREATE ROLE shop_read NOLOGIN;
    GRANT app_read, app_write, shop_read TO broker ${options}`);
  for (const database of ['shop', 'stock']) {
    await server.sql(`CREATE DATABASE ${database}`);
    await server.sql(`REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC;
      GRANT CONNECT ON DATABASE ${database} TO broker, app_read, app_write`);
    await server.sql(
      `CREATE TABLE orders (id int, note text); INSERT INTO orders VALUES (1, 'first');
       CREATE SCHEMA work; GRANT USAGE, CREATE ON SCHEMA work TO app_write; GRANT USAGE ON SCHEMA work TO app_read;
       GRANT SELECT ON orders TO app_read; GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO app_write`,
      undefined,
      database,
    );
  }
  await server.sql('GRANT CONNECT ON DATABASE shop TO shop_read');
  await server.sql('GRANT SELECT ON orders TO shop_read', undefined, 'shop');
  return server;
}

export function config(server: Pick<PostgresServer, 'host' | 'port'>, changes: object = {}): object {
  return {
    provider: 'postgres',
    host: server.host,
    port: server.port,
    databases: ['shop', 'stock'],
    environment: 'test',
    user: 'broker',
    password_file: 'broker-password',
    tls: 'disable',
    roles: {
      app_read: { access: 'read' },
      app_write: { access: 'write' },
      shop_read: { access: 'read', databases: ['shop'] },
    },
    ...changes,
  };
}

/** A home whose own broker issues at a server by the target `orders`. @param more what else is in its configuration. */
export function brokerHome(t: TestContext, target: object, more: object = {}): Home {
  const home = tempHome(t);
  const folder = join(home.path, '.config', 'jit');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // JSON is YAML too.
  const text = JSON.stringify({ targets: { orders: target }, ...more });
  writeFileSync(join(folder, 'broker.yaml'), text, { mode: 0o600 });
  writeFileSync(join(folder, 'broker-password'), `${BROKER_PASSWORD}\n`, { mode: 0o600 });
  return home;
}

export function makeProvider(changes: Partial<PostgresDeps> = {}): Provider<PostgresTarget> {
  return postgresProvider({
    now: Date.now,
    random: (bytes) => randomBytes(bytes),
    owner: OWNER,
    readText: () => assert.fail('no file is configured'),
    readSecret: async () => await Promise.resolve(new Secret(BROKER_PASSWORD)),
    ...changes,
  });
}

/** Such as `asking('app_read', 'shop')`. */
export function asking(role: string, ...databases: readonly string[]): Permission {
  return { target: 'db', operation: `role/${role}`, actions: [`role/${role}`], resources: databases };
}

export const READ = asking('app_read', 'shop', 'stock');
export const WRITE = asking('app_write', 'shop', 'stock');

export function orderOf(parts: Partial<Order> = {}): Order {
  return {
    grant: grantId(randomBytes(16)),
    principal: { kind: 'user', issuer: 'https://idp.example', subject: 'u1', name: 'ann@example.com', groups: [] },
    permissions: [READ],
    endsAt: Date.now() + 600_000,
    ...parts,
  };
}

export const never = (): AbortSignal => new AbortController().signal;
export const nobody = async (): Promise<readonly Mark[]> => await Promise.resolve([]);

export function markOf(provider: Provider<PostgresTarget>, target: PostgresTarget, order: Order): Mark {
  const { handle, notAfter } = provider.intend(target, order);
  return { grant: order.grant, target: target.name, handle, endsAt: order.endsAt, notAfter };
}

export function loginOf(issued: Pick<Issued, 'credential'>): { readonly user: string; readonly password: string } {
  return secretOf(issued.credential);
}

export function secretOf(credential: Credential): { readonly user: string; readonly password: string } {
  assert(credential.kind === 'postgres');
  return credential.secret.expose();
}

/** Asks until it is gone. */
export async function end(
  provider: Provider<PostgresTarget>,
  mark: Mark,
): Promise<Extract<Revocation, { kind: 'gone' }>> {
  for (let round = 0; round < 20; round += 1) {
    const outcome = await provider.revoke(mark, nobody, never());
    if (outcome.kind === 'gone') return outcome;
  }
  return assert.fail('still not gone');
}

/** A connection as the holder of what was issued. The caller ends it, or the server does. */
export async function enter(
  server: PostgresServer,
  issued: Pick<Issued, 'credential'>,
  database = 'shop',
): Promise<Client> {
  const { user, password } = loginOf(issued);
  const client = new Client(server.login(user, password, database));
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** What a holder sees: rows, or the SQLSTATE of the refusal. */
export async function tryAs(
  server: PostgresServer,
  issued: Pick<Issued, 'credential'>,
  sql: string,
  database = 'shop',
): Promise<string> {
  try {
    const client = await enter(server, issued, database);
    try {
      const { rows } = await client.query<Record<string, unknown>>(sql);
      return JSON.stringify(rows);
    } finally {
      await client.end();
    }
  } catch (thrown) {
    return codeOf(thrown);
  }
}

/** The SQLSTATE of what was thrown, or the operating system's word. */
export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
}

/** Everything of grants that the server knows: roles, memberships, privileges on databases and tables, dependencies. */
export async function traces(server: PostgresServer): Promise<readonly string[]> {
  const found: string[] = [];
  const add = (kind: string, rows: readonly (readonly (string | null)[])[]): void => {
    found.push(...rows.map((row) => `${kind} ${row.join(' ')}`));
  };
  const known = 'SELECT FROM pg_authid a WHERE a.oid =';
  add('role', await server.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'jit\\_%' ORDER BY 1"));
  add(
    'membership',
    await server.sql(`SELECT roleid, member FROM pg_auth_members m
    WHERE NOT EXISTS (${known} m.member) OR NOT EXISTS (${known} m.roleid)`),
  );
  add('setting', await server.sql('SELECT setrole FROM pg_db_role_setting'));
  add('comment', await server.sql("SELECT description FROM pg_shdescription WHERE description LIKE 'jit %'"));
  add(
    'dependency',
    await server.sql(`SELECT dbid, classid, objid FROM pg_shdepend s
    WHERE refclassid = 'pg_authid'::regclass AND NOT EXISTS (${known} s.refobjid)`),
  );
  add('database', await server.sql("SELECT datname, datacl FROM pg_database WHERE datacl::text ~ 'jit_|[{,][0-9]+='"));
  for (const database of ['shop', 'stock']) {
    const relations = "SELECT relname, relacl FROM pg_class WHERE relacl::text ~ 'jit_|[{,][0-9]+='";
    add(`in ${database}`, await server.sql(relations, undefined, database));
  }
  add(
    'session',
    await server.sql(
      "SELECT usename, pid FROM pg_stat_activity WHERE usename LIKE 'jit\\_%' OR (usesysid IS NOT NULL AND usename IS NULL)",
    ),
  );
  return found;
}
