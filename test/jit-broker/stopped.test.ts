/**
 * Brokers that are stopped in the middle of their work, and brokers beside each other: the launcher, the brokers and the PostgreSQL
 * server are real, and so is SIGSTOP.
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { Client } from 'pg';
import { localPaths } from '../../src/local/paths.ts';
import { succeeded } from '../cli/shared.ts';
import { brokerHome, config, openShop } from '../providers/postgres/support.ts';
import { eventually } from '../support/eventually.ts';
import { endProcesses, type Home, processesOf } from '../support/home.ts';
import { NO_POSTGRES, type PostgresServer } from '../support/postgres.ts';
import { type Ended, run } from '../support/run.ts';

const skip = NO_POSTGRES;
const PATIENCE = { deadlineMs: 30_000 };

let server: PostgresServer;
before(async () => {
  if (NO_POSTGRES === false) server = await openShop();
});
after(async () => {
  if (NO_POSTGRES === false) await server.close();
});

interface Desk {
  readonly home: Home;
  jit(...args: readonly string[]): Promise<Ended>;
  request(life: string): Promise<Ended>;
  /** Sends a signal to its broker. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
}

/** A home whose own broker issues at the server. */
function desk(t: TestContext): Desk {
  const home = brokerHome(
    t,
    config(server, { environment: 'dev', databases: ['shop'], roles: { shop_read: { access: 'read' } } }),
  );
  const jit = async (...args: readonly string[]): Promise<Ended> =>
    run(process.execPath, [resolve('bin/jit'), ...args], { env: home.env });
  return {
    home,
    jit,
    request: async (life) => jit('request', 'role/shop_read', 'shop', '--for', life, '--reason', 'a look', '--json'),
    signal: (name) => {
      const isBroker = (pid: number): boolean => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('jit-broker');
      const pids = processesOf(home.path).filter(isBroker);
      assert.notDeepEqual(pids, [], 'no broker runs');
      for (const pid of pids) process.kill(pid, name);
    },
  };
}

const logins = async (): Promise<readonly unknown[]> =>
  (await server.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'jit\\_%' ORDER BY 1")).map(([name]) => name);
const roleOf = (id: string): string => id.replace('gr_', 'jit_');

/** Nobody can change a role until what is returned is called. */
async function lockRoles(t: TestContext): Promise<() => Promise<void>> {
  const client = new Client(server.login('postgres', server.password));
  await client.connect();
  const close = async (): Promise<void> => client.end();
  t.after(close);
  await client.query('BEGIN');
  await client.query('LOCK TABLE pg_catalog.pg_authid IN EXCLUSIVE MODE');
  return async () => void (await client.query('ROLLBACK'));
}

/** So many statements of brokers wait for the lock. */
const brokersWait = async (count: number): Promise<void> => {
  const waiting = "SELECT 1 FROM pg_stat_activity WHERE usename = 'broker' AND wait_event_type = 'Lock'";
  await eventually(async () => (await server.sql(waiting)).length === count, PATIENCE);
};

interface Shown {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
}

/** Every grant that the broker knows, over or not. */
async function grantsOf({ jit }: Desk): Promise<readonly Shown[]> {
  const { items }: { readonly items: readonly { readonly grant: Shown }[] } = JSON.parse(
    succeeded(await jit('list', '--all', '--json')).stdout,
  );
  return items.map(({ grant: { id, state, reason } }) => ({ id, state, reason }));
}

const closed = async (at: Desk, reason: string): Promise<string> => {
  const [grant] = await eventually(async () => {
    const found = await grantsOf(at);
    return found.length === 1 && found[0]?.state === 'closed' ? found : null;
  }, PATIENCE);
  assert.equal(grant?.reason, reason);
  return grant.id;
};

/** How often the server was told to make this login. */
const madeAtServer = (id: string): number => server.log().split(`CREATE ROLE "${roleOf(id)}"`).length - 1;

test(
  'a broker that is stopped while it issues, and goes on after the end: nothing is handed out and no login is left, whether its client waits or has gone (real processes, SIGSTOP, real PostgreSQL)',
  { skip },
  async (t) => {
    const [patient, gone] = [desk(t), desk(t)];
    const unlock = await lockRoles(t);
    const [told, untold] = [patient.request('4s'), gone.request('4s')];
    await brokersWait(2);
    for (const { signal } of [patient, gone]) signal('SIGSTOP');
    const end = Date.now() + 4_000;
    await unlock();
    await eventually(() => Date.now() > end);
    for (const pid of processesOf(gone.home.path)) {
      if (readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('role/shop_read')) process.kill(pid, 'SIGKILL');
    }
    for (const { signal } of [patient, gone]) signal('SIGCONT');
    assert.equal(JSON.parse((await told).stdout).code, 'ERR_GRANT_ENDED');
    assert.equal((await untold).status, null);
    for (const at of [patient, gone]) {
      const id = await closed(at, 'expired');
      assert.equal(madeAtServer(id), 1, 'it was issued twice');
      await endProcesses(at.home.path);
    }
    assert.deepEqual(await logins(), []);
  },
);

test(
  'a broker that is stopped while it revokes: nobody comes in afterwards, and the grant ends once (real processes, SIGSTOP, real PostgreSQL)',
  { skip },
  async (t) => {
    const at = desk(t);
    const { id } = JSON.parse(succeeded(await at.request('30m')).stdout).grant;
    assert.deepEqual(await logins(), [roleOf(id)]);
    const unlock = await lockRoles(t);
    const ending = at.jit('revoke', id, '--json');
    await brokersWait(1);
    at.signal('SIGSTOP');
    await unlock();
    at.signal('SIGCONT');
    await ending;
    assert.equal(await closed(at, 'revoked'), id);
    assert.deepEqual(await logins(), []);
    assert.equal(madeAtServer(id), 1, 'it was issued anew');
    await endProcesses(at.home.path);
  },
);

test(
  'two brokers with stores of their own at one server: what one of them forgot and takes back is its own alone (real processes, real PostgreSQL)',
  { skip },
  async (t) => {
    const [one, two] = [desk(t), desk(t)];
    const granted = async (at: Desk): Promise<string> => JSON.parse(succeeded(await at.request('30m')).stdout).grant.id;
    const [lost, kept] = await Promise.all([granted(one), granted(two)]);
    assert.deepEqual(await logins(), [lost, kept].map(roleOf).toSorted());
    // The mark of the broker stays, all that it knew is gone.
    await endProcesses(one.home.path);
    const { brokerState } = localPaths(one.home.env, 'linux', process.getuid?.() ?? 0);
    for (const name of readdirSync(brokerState)) if (name.startsWith('broker.db')) rmSync(join(brokerState, name));
    assert.deepEqual(await grantsOf(one), []);
    await eventually(async () => !(await logins()).includes(roleOf(lost)), PATIENCE);
    // And the other broker, looking around once more at its own start, finds nothing amiss either.
    await endProcesses(two.home.path);
    assert.deepEqual(await grantsOf(two), [{ id: kept, state: 'active', reason: null }]);
    assert.deepEqual(await logins(), [roleOf(kept)]);
    succeeded(await two.jit('revoke', kept));
    await eventually(async () => (await logins()).length === 0, PATIENCE);
    for (const { home } of [one, two]) await endProcesses(home.path);
  },
);
