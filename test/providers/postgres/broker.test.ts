/**
 * A grant that runs out, from the command line to the server: launcher, broker, PostgreSQL and psql are the real ones.
 * @module
 */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { NO_POSTGRES } from '../../support/postgres.ts';
import { run } from '../../support/run.ts';
import { brokerHome, config, openShop } from './support.ts';

const JIT = resolve('bin/jit');

test(
  'at its end a grant is over: the open session is cut, what was made stays, and no login is left',
  { skip: NO_POSTGRES },
  async (t) => {
    const server = await openShop();
    t.after(async () => await server.close());
    const roles = { app_write: { access: 'write' } };
    const home = brokerHome(t, config({ host: server.socket, port: server.port }, { environment: 'dev', roles }));
    const terms = ['--for', '4s', '--yes', '--reason', 'move old orders', '--json'];
    const asked = await run(process.execPath, [JIT, 'request', 'role/app_write', 'shop', 'stock', ...terms], {
      env: home.env,
    });
    assert.equal(asked.status, 0, asked.stdout);
    const { grant, profile } = JSON.parse(asked.stdout);
    const name = String(grant.id).replace('gr_', 'jit_');
    const logins = async () => await server.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'jit\\_%'");
    assert.deepEqual(await logins(), [[name]]);
    const statements = ['-c', 'CREATE TABLE work.moved AS SELECT session_user AS who', '-c', 'SELECT pg_sleep(60)'];
    const session = await run('psql', ['-X', `service=${profile.name}`, ...statements], { env: home.env });
    assert.match(session.stderr, /terminating connection due to administrator command/);
    await eventually(async () => (await logins()).length === 0);
    const [[holder, owner] = []] = await server.sql(
      `SELECT who, (SELECT relowner::regrole::text FROM pg_class WHERE relname = 'moved') FROM work.moved`,
      undefined,
      'shop',
    );
    assert.deepEqual([holder, owner], [name, 'app_write']);
    await eventually(async () => {
      const shown = await run(process.execPath, [JIT, 'show', grant.id, '--json'], { env: home.env });
      assert.match(shown.stdout, /no role jit_[0-9a-z]{26} and no session of it is on the server/);
      return true;
    });
  },
);
