/**
 * One request for a database and for the sandbox: all of it or nothing, and all of it ends together. The launcher, the keeper, the
 * broker, PostgreSQL, psql and the aws program are the real ones.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import type { OutcomeList } from '../../src/wire/views.ts';
import { brokerHome, config, openShop } from '../providers/postgres/support.ts';
import { eventually } from '../support/eventually.ts';
import { type Home } from '../support/home.ts';
import { NO_POSTGRES, type PostgresServer } from '../support/postgres.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { succeeded } from './shared.ts';

const JIT = resolve('bin/jit');

/** What `jit request --json` prints, as far as it is looked at here. */
interface Granted {
  readonly grant: { readonly id: string };
  readonly profile: Profile;
  readonly profiles: readonly Profile[];
  readonly uses: readonly string[];
}
type Profile = Readonly<Record<'name' | 'tool' | 'path' | 'target', string>>;

const skip = NO_POSTGRES === false ? skipUnless('psql') || skipUnless('aws') : NO_POSTGRES;
const TERMS = ['--for', '10m', '--reason', 'nightly report'];
const BOTH = ['role/shop_read', 'shop', '--also', 's3:ListBucket arn:aws:s3:::sandbox-reports', ...TERMS];

let server: PostgresServer | null = null;
before(async () => {
  if (skip === false) server = await openShop();
});
after(async () => server?.close());

/** A home whose owner has put a database beside the sandbox, and both into one operation. */
function ownBroker(t: TestContext): Home {
  assert.ok(server);
  const roles = { shop_read: { access: 'read', databases: ['shop'] } };
  return brokerHome(t, config(server, { environment: 'dev', databases: ['stock', 'shop'], roles }), {
    operations: {
      nightly: {
        description: 'the reports and the orders',
        actions: ['s3:GetObject'],
        resources: ['arn:aws:s3:::sandbox-reports/*'],
        target: 'sandbox',
        also: ['read-orders'],
      },
      'read-orders': {
        description: 'the orders',
        actions: ['role/shop_read'],
        resources: ['shop'],
        target: 'orders',
      },
    },
  });
}

const jit = async ({ env }: Home, ...args: readonly string[]): Promise<Ended> =>
  run(process.execPath, [JIT, ...args], { env });
const psql = async ({ env }: Home, connection: string, sql: string): Promise<Ended> =>
  run('psql', [connection, '-AtXc', sql], { env });
const aws = async ({ env }: Home, profile: string): Promise<Ended> =>
  run('aws', ['--profile', profile, 's3', 'cp', 's3://sandbox-reports/hello.txt', '-'], { env });

const logins = async (): Promise<readonly unknown[]> =>
  (await server?.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'jit\\_%'")) ?? [];

test('an operation for both: a profile for each, both work, and one word ends both', { skip }, async (t) => {
  const home = ownBroker(t);
  const { grant, profiles, uses }: Granted = JSON.parse(
    succeeded(await jit(home, 'request', 'nightly', ...TERMS, '--json')).stdout,
  );
  assert.deepEqual(
    profiles.map(({ tool, target }) => [tool, target]),
    [
      ['aws', 'sandbox'],
      ['postgres', 'orders'],
    ],
  );
  const [bucket = '', database = ''] = profiles.map(({ name }) => name);
  assert.deepEqual(uses[1], `psql service=${database}`);
  assert.equal(succeeded(await psql(home, `service=${database}`, 'SELECT note FROM orders')).stdout.trim(), 'first');
  assert.match(succeeded(await aws(home, bucket)).stdout, /./);
  const held = await psql(home, `service=${database}`, "INSERT INTO orders VALUES (2, 'mine')");
  assert.match(held.stderr, /permission denied/);
  const ended = succeeded(await jit(home, 'revoke', grant.id, '--json'));
  assert.match(ended.stdout, /no role jit_/);
  assert.deepEqual(await logins(), []);
  assert.equal(existsSync(join(home.path, '.pg_service.conf')), false);
  assert.deepEqual(
    readdirSync(join(home.path, 'run', 'jit')).filter((name) => name.startsWith('secret-')),
    [],
  );
  assert.notEqual((await aws(home, bucket)).status, 0);
});

test('a command finds both, and neither is left when it has ended', { skip }, async (t) => {
  const home = ownBroker(t);
  const script = 'psql -AtXc "SELECT current_database(), note FROM orders" && aws s3 ls s3://sandbox-reports';
  const { stdout } = succeeded(await jit(home, 'exec', ...BOTH, '--', 'sh', '-c', script));
  assert.match(stdout, /^shop\|first\n[^]*hello\.txt/);
  await eventually(async () => (await logins()).length === 0);
});

test('an open session is cut when the grant ends, and a kept password opens no other', { skip }, async (t) => {
  const home = ownBroker(t);
  const { grant, profile }: Granted = JSON.parse(
    succeeded(await jit(home, 'request', 'role/shop_read', 'shop', ...TERMS, '--json')).stdout,
  );
  const service = readFileSync(profile.path, 'utf8');
  const [, passfile = ''] = /^passfile=(.*)$/m.exec(service) ?? [];
  const [, user = ''] = /^user=(.*)$/m.exec(service) ?? [];
  const password = readFileSync(passfile, 'utf8').trim().split(':').at(-1) ?? '';
  const session = psql(home, `service=${profile.name}`, 'SELECT pg_sleep(60)');
  await eventually(async () => {
    const rows = await server?.sql('SELECT 1 FROM pg_stat_activity WHERE usename = $1', [user]);
    return rows?.length === 1;
  });
  succeeded(await jit(home, 'revoke', grant.id));
  assert.match((await session).stderr, /terminating connection due to administrator command/);
  const kept = await run(
    'psql',
    [`host=${server?.host} port=${server?.port} dbname=shop user=${user}`, '-c', 'SELECT 1'],
    {
      env: { ...home.env, PGPASSWORD: password },
    },
  );
  assert.match(kept.stderr, /password authentication failed/);
});

test('where one cloud refuses, nothing is granted at the other', { skip }, async (t) => {
  const home = ownBroker(t);
  succeeded(await jit(home, 'catalog'));
  await server?.sql('ALTER ROLE broker NOCREATEROLE');
  const refused = await jit(home, 'request', 'nightly', ...TERMS);
  await server?.sql('ALTER ROLE broker CREATEROLE');
  assert.equal(refused.status, 10, refused.stderr);
  const { items }: OutcomeList = JSON.parse(succeeded(await jit(home, 'list', '--all', '--json')).stdout);
  const legs = items.flatMap(({ grant }) => grant?.legs ?? []);
  assert.ok(
    legs.every(({ state }) => state === 'gone'),
    JSON.stringify(legs),
  );
  assert.deepEqual(await logins(), []);
  assert.equal((await jit(home, 'profiles', '--json')).stdout.includes('nightly'), false);
});
