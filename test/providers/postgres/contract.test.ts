/**
 * The contract of all providers, kept by PostgreSQL: a real server behind a gate that breaks connections.
 * @module
 */
import assert from 'node:assert/strict';
import type { Order } from '../../../src/core/ports.ts';
import type { Permission } from '../../../src/core/request.ts';
import { roleName } from '../../../src/providers/postgres/names.ts';
import type { PostgresTarget } from '../../../src/providers/postgres/provider.ts';
import { eventually } from '../../support/eventually.ts';
import { NO_POSTGRES } from '../../support/postgres.ts';
import { providerContract } from '../contract/contract.ts';
import type { Rig } from '../contract/rig.ts';
import { openGate } from './gate.ts';
import { BROKER_PASSWORD, READ, WRITE, asking, config, makeProvider, openShop, orderOf, tryAs } from './support.ts';

async function openRig(): Promise<Rig<PostgresTarget>> {
  const server = await openShop();
  const gate = await openGate(server.port);
  const provider = makeProvider();
  const targetOf = (name: string): PostgresTarget =>
    provider.parseTarget(name, config({ host: '127.0.0.1', port: gate.port }));
  const target = targetOf('db');
  /** What the permissions allow, tried in each of their databases. */
  const allowed = async (
    credential: Parameters<Rig['works']>[0],
    { actions, resources }: Permission,
  ): Promise<boolean> => {
    const sql = actions.includes('role/app_write')
      ? "UPDATE orders SET note = 'x' WHERE id = 0"
      : 'SELECT id FROM orders';
    const answers = await Promise.all(
      resources.map(async (database) => await tryAs(server, { credential }, sql, database)),
    );
    return answers.every((answer) => answer.startsWith('['));
  };
  return {
    provider,
    restarted: () => makeProvider(),
    neighbour: makeProvider({ owner: 'fedcba9876543210' }),
    target,
    other: targetOf('the-same-server-again'),
    principal: orderOf().principal,
    permission: READ,
    second: WRITE,
    hostile: [
      { what: 'a role that is not granted', permission: asking('postgres', 'shop') },
      { what: 'a statement', permission: asking('app_read"; DROP ROLE app_write; --', 'shop') },
      { what: 'another kind of action', permission: { ...READ, actions: ['app_read'] } },
      { what: 'a property of every object', permission: asking('__proto__', 'shop') },
      { what: 'no role', permission: { ...READ, actions: [] } },
      { what: 'another database', permission: asking('app_read', 'postgres') },
      { what: 'a database in which that role is not granted', permission: asking('shop_read', 'stock') },
      { what: 'all databases', permission: asking('app_read', '*') },
      { what: 'no database', permission: asking('app_read') },
    ],
    canaries: [BROKER_PASSWORD],
    now: Date.now,
    passTo: async (at) => void (await eventually(() => Date.now() >= at, { deadlineMs: 60_000 })),
    time: 'real',
    shortMs: 1_000,
    works: async (credential, order) => {
      const answers = await Promise.all(order.permissions.map(async (one) => await allowed(credential, one)));
      return answers.every(Boolean);
    },
    objects: async () => {
      const rows = await server.sql("SELECT rolname FROM pg_roles WHERE rolname ~ '^jit_[0-9a-z]{26}$' ORDER BY 1");
      return rows.map(([name]) => name ?? '');
    },
    leaves: 'objects',
    removeByHand: async (order) => void (await server.sql(`DROP ROLE ${roleName(order.grant)}`)),
    plantForeign: async (order: Order) => {
      const name = `${roleName(order.grant)}_`;
      const issued = await provider.issue(target, order, new AbortController().signal);
      assert(issued.credential.kind === 'postgres');
      const [[comment] = []] = await server.sql("SELECT shobj_description($1::regrole, 'pg_authid')", [
        roleName(order.grant),
      ]);
      await server.sql(`DROP ROLE ${roleName(order.grant)}; CREATE ROLE ${name} LOGIN;
        COMMENT ON ROLE ${name} IS '${comment ?? ''}'; GRANT app_read TO ${name}`);
      return async () => {
        const [row] = await server.sql(
          `SELECT rolcanlogin, shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = $1
           AND EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid)`,
          [name],
        );
        return row?.[0] === 't' && row[1] === comment;
      };
    },
    endsByItself: 'yes',
    calls: gate.calls,
    outage: async (kind, when) => {
      if (kind !== 'denied') return await gate.outage(kind, when);
      await server.sql(
        "ALTER ROLE broker NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'broker'",
      );
      return async () => void (await server.sql('ALTER ROLE broker LOGIN'));
    },
    close: async () => {
      await gate.close();
      await server.close();
    },
  };
}

providerContract('postgres on a real server', openRig, { skip: NO_POSTGRES });
