/**
 * A store that is restored from an older copy, with a real broker, the launcher and a real PostgreSQL server: the logins that were
 * made since are found in the database and dropped, those that the store knows live on until they are revoked.
 * @module
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { localPaths } from '../../src/local/paths.ts';
import { brokerHome, config, openShop } from '../providers/postgres/support.ts';
import { eventually } from '../support/eventually.ts';
import { endProcesses } from '../support/home.ts';
import { NO_POSTGRES, type PostgresServer } from '../support/postgres.ts';
import { run } from '../support/run.ts';
import { succeeded } from '../cli/shared.ts';

let server: PostgresServer | null = null;
before(async () => {
  if (NO_POSTGRES === false) server = await openShop();
});
after(async () => server?.close());

test(
  'a store from yesterday: what was granted since is taken back at the database, and nothing else; and a target that the configuration has lost still gives back what it gave',
  { skip: NO_POSTGRES },
  async (t) => {
    assert.ok(server);
    const home = brokerHome(
      t,
      config(server, { environment: 'dev', databases: ['shop'], roles: { shop_read: { access: 'read' } } }),
    );
    const folder = join(home.path, '.config', 'jit');
    const jit = async (...args: readonly string[]) => run(process.execPath, [resolve('bin/jit'), ...args], home);
    const grant = async (): Promise<string> => {
      const ask = ['request', 'role/shop_read', 'shop', '--for', '30m', '--reason', 'a look', '--json'];
      return String(JSON.parse(succeeded(await jit(...ask)).stdout).grant.id);
    };
    const logins = async (): Promise<readonly unknown[]> =>
      (await server?.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'jit\\_%' ORDER BY 1"))?.map(
        ([name]) => name,
      ) ?? [];
    const roleOf = (id: string): string => id.replace('gr_', 'jit_');

    const { brokerState } = localPaths(home.env, 'linux', process.getuid?.() ?? 0);
    const backup = join(home.path, 'backup');
    mkdirSync(backup);
    const storeIn = (from: string): readonly string[] =>
      readdirSync(from).filter((name) => /^broker\.db(?:-wal|-shm)?$/.test(name));
    const copy = (from: string, to: string): void => {
      for (const name of storeIn(to)) rmSync(join(to, name));
      for (const name of storeIn(from)) copyFileSync(join(from, name), join(to, name));
    };

    const old = await grant();
    await endProcesses(home.path);
    copy(brokerState, backup);
    const since = await grant();
    assert.deepEqual(await logins(), [old, since].map(roleOf).toSorted());
    await server?.sql('CREATE ROLE jit_somebody_else');
    await endProcesses(home.path);
    copy(backup, brokerState);

    const { items }: { readonly items: readonly { readonly grant: { readonly id: string } }[] } = JSON.parse(
      succeeded(await jit('list', '--json')).stdout,
    );
    assert.deepEqual(
      items.map((item) => item.grant.id),
      [old],
    );
    await eventually(async () => !(await logins()).includes(roleOf(since)));
    assert.deepEqual(await logins(), [roleOf(old), 'jit_somebody_else'].toSorted());

    await endProcesses(home.path);
    writeFileSync(join(folder, 'broker.yaml'), 'targets: {}\n');
    succeeded(await jit('revoke', old));
    assert.deepEqual(await logins(), ['jit_somebody_else']);
  },
);
