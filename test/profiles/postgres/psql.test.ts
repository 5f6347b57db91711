/**
 * The real psql against a real server over TLS, through what jit writes.
 * @module
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { PostgresSettings } from '../../../src/core/credential.ts';
import { writeSecretFile } from '../../../src/local/secret-files.ts';
import { postgresProfiles } from '../../../src/profiles/postgres/tool.ts';
import type { Access, Change, Env, ProfileEntry } from '../../../src/profiles/tool.ts';
import { run } from '../../local/ground.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { NO_POSTGRES, openPostgres } from '../../support/postgres.ts';
import type { PostgresServer } from '../../support/postgres.ts';
import { skipUnless } from '../../support/tools.ts';
import { entry, given, grant, scene, settings } from './scene.ts';
import type { Scene } from './scene.ts';

const skip = NO_POSTGRES === false ? skipUnless('psql', 'openssl') : NO_POSTGRES;
const ROLE = `jit_${grant(1).slice(3)}`;
const PASSWORD = 'pass:word\\with';
const WHO =
  "select current_user || ' ' || current_database() || ' ' || (select ssl from pg_stat_ssl where pid = pg_backend_pid())";

let server: PostgresServer;
let folder: string;
let authority: string;

before(async () => {
  if (skip !== false) return;
  folder = fs.mkdtempSync(join(tmpdir(), 'jit-psql-'));
  fs.chmodSync(folder, 0o755);
  const made = await makeCertificate(folder, 'server');
  authority = fs.readFileSync(made.cert, 'utf8');
  // The server runs as another user than root, and takes no key that others can read.
  const { uid, gid } = fs.statSync(made.key);
  if (uid === 0) {
    const [, , own, group] = /^postgres:.*$/m.exec(fs.readFileSync('/etc/passwd', 'utf8'))?.[0].split(':') ?? [];
    fs.chownSync(made.key, Number(own ?? 65_534), Number(group ?? gid));
  }
  server = await openPostgres({ ssl: 'on', ssl_cert_file: made.cert, ssl_key_file: made.key });
  await server.sql('create database shop');
  await server.sql(`create role ${ROLE} login password '${PASSWORD}'`);
});

after(async () => {
  if (skip !== false) return;
  await server.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** What the keeper does, for a host as it stands in the settings. */
async function keep(wanted: ProfileEntry, host: string): Promise<void> {
  const fields = [host, String(server.port), '*', ROLE, PASSWORD];
  const line = fields.map((field) => (field === '*' ? field : field.replaceAll(/[\\:]/g, '\\$&'))).join(':');
  await writeSecretFile(wanted.secretFile, `${line}\n`, wanted.expiresAt);
}

function to(change: Partial<PostgresSettings> = {}): PostgresSettings {
  const host = 'localhost';
  return settings({ host, port: server.port, databases: ['shop'], tls: 'verify-full', authority, ...change });
}

async function psql(home: string, args: readonly string[], env: Record<string, string> = {}): ReturnType<typeof run> {
  return await run('psql', ['-XAtw', ...args, '-c', WHO], { HOME: home, ...env });
}

async function serve(
  t: TestContext,
  change: Partial<PostgresSettings> = {},
): Promise<Scene & { readonly wanted: ProfileEntry }> {
  const set = scene(t);
  const wanted = entry(set, { tool: to(change) });
  await keep(wanted, change.host ?? 'localhost');
  return { ...set, wanted };
}

test(
  "psql service=NAME is the grant's role in its database over verified TLS, among the user's own services",
  { skip },
  async (t) => {
    const set = await serve(t);
    const mine = (name: string): string =>
      `[${name}]\nhost=127.0.0.1\nport=${server.port}\nuser=postgres\npassword=${server.password}\ndbname=postgres\n`;
    given(set.services, `# mine\n${mine('one')}`);
    await postgresProfiles.write(set.places, set.wanted, set.deps);
    fs.appendFileSync(set.services, mine('two'));
    const asked = await psql(set.home, ['service=jit-shop']);
    assert.deepEqual([asked.stdout, asked.stderr], [`${ROLE} shop true\n`, '']);
    for (const name of ['one', 'two']) {
      const own = await psql(set.home, [`service=${name}`]);
      assert.deepEqual([own.stdout, own.stderr], ['postgres postgres true\n', '']);
    }
    await postgresProfiles.wipe(set.places, () => true, set.deps);
    assert.equal(fs.readFileSync(set.services, 'utf8'), `# mine\n${mine('one')}${mine('two')}`);
    const gone = await psql(set.home, ['service=jit-shop']);
    assert.match(gone.stderr, /definition of service "jit-shop" not found/);
  },
);

test(
  'psql refuses the server when its certificate is not of the authority that the broker, the machine or the user names',
  { skip },
  async (t) => {
    const other = await makeCertificate(scene(t).home, 'other');
    const set = await serve(t, { authority: fs.readFileSync(other.cert, 'utf8') });
    await postgresProfiles.write(set.places, set.wanted, set.deps);
    const refused = await psql(set.home, ['service=jit-shop']);
    assert.match(refused.stderr, /certificate verify failed/);
    await postgresProfiles.write(set.places, { ...set.wanted, tool: to({ authority: null }) }, set.deps);
    const machine = await psql(set.home, ['service=jit-shop']);
    assert.match(machine.stderr, /certificate verify failed/);
    // What the user trusts for databases counts then.
    given(set.places['roots'] ?? '', authority);
    await postgresProfiles.write(set.places, { ...set.wanted, tool: to({ authority: null }) }, set.deps);
    assert.equal((await psql(set.home, ['service=jit-shop'])).stdout, `${ROLE} shop true\n`);
  },
);

test('through a Unix socket, the folder is the host', { skip }, async (t) => {
  const set = await serve(t, { host: server.socket, tls: 'disable', authority: null });
  await postgresProfiles.write(set.places, set.wanted, set.deps);
  fs.chmodSync(server.socket, 0o711);
  assert.equal((await psql(set.home, ['service=jit-shop'])).stdout, `${ROLE} shop false\n`);
});

test(
  'a command under a grant finds it whatever the environment said before, and only that is reported which is lost',
  { skip },
  async (t) => {
    const set = await serve(t);
    const env: Env = {
      HOME: set.home,
      PGHOST: '192.0.2.1',
      PGHOSTADDR: '192.0.2.1',
      PGUSER: 'postgres',
      PGPASSWORD: 'wrong',
      PGSERVICE: 'none',
      PGSSLMODE: 'disable',
      PGSSLNEGOTIATION: 'direct',
      PGGSSENCMODE: 'require',
      PGREQUIREAUTH: 'scram-sha-256',
      PGAPPNAME: 'mine',
      DATABASE_URL: 'postgres://postgres:x@192.0.2.1/prod',
    };
    const change = await postgresProfiles.environment(env, 'linux', access(set.wanted));
    assert.deepEqual(change.removed, [
      'DATABASE_URL',
      'PGGSSENCMODE',
      'PGHOSTADDR',
      'PGPASSWORD',
      'PGSERVICE',
      'PGSSLNEGOTIATION',
    ]);
    assert.ok(['PGHOST', 'PGUSER', 'PGSSLMODE'].every((name) => change.replaced.includes(name)));
    const asked = await psql('', [], applied(env, change));
    assert.deepEqual([asked.stdout, asked.stderr], [`${ROLE} shop true\n`, '']);
    assert.equal(applied(env, change)['PGAPPNAME'], 'mine');
    assert.ok(
      [...change.set.values()].every((value) => !value.includes('pass:word')),
      'the password is in no variable',
    );
  },
);

test('a URL of another kind and what the user trusts for databases stay', { skip }, async (t) => {
  const set = await serve(t, { authority: null });
  const env: Env = { HOME: set.home, DATABASE_URL: 'mysql://x/y', PGSSLROOTCERT: join(folder, 'server.crt') };
  const change = await postgresProfiles.environment(env, 'linux', access(set.wanted));
  assert.deepEqual(change.removed, []);
  const asked = await psql('', [], applied(env, change));
  assert.deepEqual([asked.stdout, asked.stderr], [`${ROLE} shop true\n`, '']);
  const told = await postgresProfiles.environment(env, 'linux', { ...access(set.wanted), tool: to() });
  assert.equal(told.set.get('PGSSLROOTCERT'), `${set.wanted.secretFile}.ca.pem`);
});

function access(wanted: ProfileEntry): Access {
  return { ...wanted, endpoint: { url: 'http://127.0.0.1:1', tokenFile: '/nowhere' } };
}

function applied(env: Env, { set, removed }: Change): Record<string, string> {
  const kept = Object.entries(env).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && !removed.includes(pair[0]),
  );
  return { ...Object.fromEntries(kept), ...Object.fromEntries(set) };
}
