import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { sweepExpiredFiles } from '../../../src/local/secret-files.ts';
import { postgresProfiles } from '../../../src/profiles/postgres/tool.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { skipUnlessRoot } from '../../support/tools.ts';
import { refused } from '../../support/failure.ts';
import { entry, given, grant, NOW, scene, settings } from './scene.ts';

const { demandFree, extend, list, wipe, write } = postgresProfiles;
const read = (path: string): string => fs.readFileSync(path, 'utf8');

test('the first service makes the file 0600 with nothing secret in it; wiping it removes the file again', async (t) => {
  const set = scene(t);
  const wanted = entry(set);
  assert.equal(await write(set.places, wanted, set.deps), set.services);
  assert.equal(fs.statSync(set.services).mode & 0o777, 0o600);
  const [header, marker, ...lines] = read(set.services).split('\n');
  assert.equal(header, '[jit-shop]');
  assert.match(marker ?? '', new RegExp(`^# jit ${grant(1)} ends 2026-11-21T12:02:00.000Z, managed by jit `));
  assert.deepEqual(lines, [
    'host=db.example.com',
    'port=5432',
    'dbname=shop',
    `user=jit_${grant(1).slice(3)}`,
    `passfile=${wanted.secretFile}`,
    'sslmode=require',
    '',
  ]);
  const longest = Math.max(
    ...read(set.services)
      .split('\n')
      .map((line) => line.length),
  );
  assert.ok(longest < 254, `a line of ${longest} is too long for old versions of libpq`);
  const { wiped, conflicts, failed } = await wipe(set.places, () => true, set.deps);
  assert.deepEqual(
    [wiped.map(({ name, tool }) => [name, tool]), conflicts, failed],
    [[['jit-shop', 'postgres']], [], []],
  );
  assert.equal(fs.existsSync(set.services), false);
});

test('a service that jit did not make is never overwritten; its own is replaced in its place', async (t) => {
  const set = scene(t);
  const own = '[jit-shop]\nhost=prod\n';
  given(set.services, own);
  await refused(demandFree(set.places, 'jit-shop'), 'ERR_PROFILE_EXISTS', /not made by jit.*--profile/);
  await refused(write(set.places, entry(set), set.deps), 'ERR_PROFILE_EXISTS');
  assert.equal(read(set.services), own);
  given(set.services, '[mine]\nhost=a');
  await write(set.places, entry(set), set.deps);
  fs.appendFileSync(set.services, 'connect_timeout=3\n[behind]\nhost=b\n');
  await demandFree(set.places, 'jit-shop');
  await write(set.places, entry(set, { grant: grant(2), tool: settings({ port: 6_000 }) }), set.deps);
  assert.match(
    read(set.services),
    /^\[mine\]\nhost=a\n\n\[jit-shop\]\n# jit [^]*port=6000\n[^]*connect_timeout=3\n\[behind\]\nhost=b\n$/,
  );
  assert.doesNotMatch(read(set.services), new RegExp(grant(1)));
  fs.writeFileSync(set.services, read(set.services).replace('connect_timeout=3', 'hostaddr=10.0.0.1'));
  await refused(write(set.places, entry(set, { grant: grant(3) }), set.deps), 'ERR_PROFILE_EXISTS');
});

test('what a hostile broker could send is refused before any file is touched, and nothing of it is cleaned', async (t) => {
  const set = scene(t);
  const attempt = async (tool: Parameters<typeof settings>[0], code: ErrorCode, what: RegExp): Promise<void> =>
    await refused(write(set.places, entry(set, { tool: settings(tool) }), set.deps), code, what);
  const hosts = [
    'a\nhost=b',
    'a,b',
    '',
    '@abstract',
    'a b',
    '-x',
    "a'b",
    'a=b',
    '1:2',
    '/run/\n',
    'ü',
    'a\0',
    '/tmp,b',
    '$(id)',
  ];
  for (const host of hosts) await attempt({ host }, 'ERR_CONFIG', /host/);
  const names = [
    '',
    ' x',
    'x ',
    'a\nhost=b',
    'a\r',
    'a\0b',
    'host=evil dbname=x',
    'postgresql://evil/x',
    'x'.repeat(64),
    'ü'.repeat(32),
    'a\u2028b',
  ];
  for (const name of names) await attempt({ databases: [name] }, 'ERR_CONFIG', /database/);
  await attempt({ databases: [] }, 'ERR_CONFIG', /database/);
  for (const port of [0, -1, 65_536, 1.5, Number.NaN]) await attempt({ port }, 'ERR_CONFIG', /port/);
  await attempt({ tls: 'disable' }, 'ERR_CONFIG', /another machine/);
  for (const authority of [
    '',
    'x',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
  ]) {
    await attempt({ authority }, 'ERR_CONFIG', /authority/);
  }
  for (const external of ['', 'a b', 'a\nhost=b', 'a=b', "a'", 'x'.repeat(64)]) {
    await refused(write(set.places, entry(set, { external }), set.deps), 'ERR_CONFIG', /login role/);
  }
  for (const name of ['default', 'a]b', 'x\n[y]', 'a=b', '../x', '#a', ' a', '[a'])
    await refused(write(set.places, entry(set, { name }), set.deps), 'ERR_PROFILE_NAME');
  for (const expiresAt of [NOW, 0, Number.NaN])
    await refused(write(set.places, entry(set, { expiresAt }), set.deps), 'ERR_GRANT_ENDED');
  for (const secretFile of ['relative', `/${'x'.repeat(250)}`, '/a\nhost=b', '/a ']) {
    await refused(write(set.places, entry(set, { secretFile }), set.deps), 'ERR_LOCAL_FILE', /XDG_RUNTIME_DIR/);
  }
  const aws = { kind: 'aws', identity: 'issued', account: '1', region: 'x', endpoint: null } as const;
  await refused(write(set.places, entry(set, { tool: aws }), set.deps), 'ERR_TARGET');
  assert.deepEqual(fs.readdirSync(set.home), ['run']);
  assert.deepEqual(fs.readdirSync(set.run), []);
});

test('a file that libpq could not read is left alone, with the line and the manual step', async (t) => {
  const set = scene(t);
  given(set.services, '[a]\nhost=b\n[hal');
  await refused(write(set.places, entry(set), set.deps), 'ERR_LOCAL_FILE', /line 3 .*repair line 3/);
  assert.equal(read(set.services), '[a]\nhost=b\n[hal');
});

test('keys that the user added or changed stay under their header; only their names are reported', async (t) => {
  const set = scene(t);
  given(set.services, '[mine]\nhost=a\n');
  await write(set.places, entry(set), set.deps);
  fs.writeFileSync(set.services, read(set.services).replace('dbname=shop', 'dbname=stock\npassword=s3cr3t'));
  assert.equal((await list(set.places))[0]?.intact, 'edited');
  const { wiped, conflicts } = await wipe(set.places, () => true, set.deps);
  assert.equal(wiped.length, 1);
  assert.deepEqual(
    conflicts.map(({ kept }) => kept),
    [['dbname', 'password']],
  );
  assert.equal(read(set.services), '[mine]\nhost=a\n\n[jit-shop]\ndbname=stock\npassword=s3cr3t\n');
  assert.deepEqual(await list(set.places), []);
});

test("the broker's authority lies beside the secret, 0600, and is kept for as long as a renewed grant lasts", async (t) => {
  const set = scene(t);
  const made = await makeCertificate(set.home, 'ca');
  const authority = `# words between\n${read(made.cert)}`;
  given(set.services, '[mine]\r\nhost=a');
  const wanted = entry(set, { tool: settings({ tls: 'verify-full', authority }) });
  await write(set.places, wanted, set.deps);
  const ca = `${wanted.secretFile}.ca.pem`;
  assert.match(read(set.services), new RegExp(`\r\nsslmode=verify-full\r\nsslrootcert=${ca}\r\n`));
  assert.equal(read(ca), authority);
  assert.equal(fs.statSync(ca).mode & 0o777, 0o600);
  const later = NOW + 3_600_000;
  await extend(set.places, grant(2), later, set.deps);
  await extend(set.places, grant(1), NOW, set.deps);
  assert.equal((await list(set.places))[0]?.expiresAt, wanted.expiresAt);
  await extend(set.places, grant(1), later, set.deps);
  const [found] = await list(set.places);
  assert.deepEqual([found?.expiresAt, found?.intact], [later, 'intact']);
  await sweepExpiredFiles(set.run, later - 1);
  assert.ok(fs.existsSync(ca));
  await sweepExpiredFiles(set.run, later);
  assert.ok(!fs.existsSync(ca));
  await wipe(set.places, () => true, set.deps);
  assert.equal(read(set.services), '[mine]\r\nhost=a');
});

test('without an authority, what the user trusts for databases counts, else what the machine trusts', async (t) => {
  const set = scene(t);
  const tool = settings({ tls: 'verify-full' });
  await write(set.places, entry(set, { tool }), set.deps);
  const [, bundle = ''] = /sslrootcert=(.*)/.exec(read(set.services)) ?? [];
  assert.match(read(bundle), /-----BEGIN CERTIFICATE-----/);
  given(join(set.home, '.postgresql', 'root.crt'), 'the user put it there');
  await write(set.places, entry(set, { tool }), set.deps);
  assert.doesNotMatch(read(set.services), /sslrootcert/);
});

test('only what is selected goes; wiping where nothing is takes no lock and creates nothing', async (t) => {
  const set = scene(t);
  assert.deepEqual(await wipe(set.places, () => true, set.deps), { wiped: [], conflicts: [], failed: [] });
  assert.deepEqual(fs.readdirSync(set.home), ['run']);
  for (const n of [1, 2, 3]) await write(set.places, entry(set, { name: `p${n}`, grant: grant(n) }), set.deps);
  await wipe(set.places, (profile) => profile.grant === grant(2), set.deps);
  assert.deepEqual(
    (await list(set.places)).map(({ name }) => name),
    ['p1', 'p3'],
  );
  fs.appendFileSync(set.services, 'half');
  const { wiped, failed } = await wipe(set.places, () => true, set.deps);
  assert.deepEqual([wiped, failed.map(({ code }) => code)], [[], ['ERR_LOCAL_FILE']]);
  assert.equal((await list(set.places)).length, 2);
});

test('the file is where libpq looks; a relative PGSERVICEFILE is refused', () => {
  const { places } = postgresProfiles;
  assert.equal(places({ HOME: '/home/a' }, 'linux')['services'], '/home/a/.pg_service.conf');
  assert.equal(places({ HOME: '/home/a', PGSERVICEFILE: '' }, 'linux')['services'], '/home/a/.pg_service.conf');
  assert.equal(places({ HOME: '/home/a', PGSERVICEFILE: '/x/y' }, 'darwin')['services'], '/x/y');
  assert.equal(places({ HOME: '/home/a' }, 'linux')['roots'], '/home/a/.postgresql/root.crt');
  const windows = places({ USERPROFILE: 'C:\\Users\\a', APPDATA: 'C:\\Users\\a\\AppData\\Roaming' }, 'win32');
  assert.match(windows['services'] ?? '', /^C:\\Users\\a\\AppData\\Roaming[\\/]postgresql[\\/]\.pg_service\.conf$/);
  assert.throws(
    () => places({ HOME: '/home/a', PGSERVICEFILE: 'x' }, 'linux'),
    /PGSERVICEFILE is not an absolute path/,
  );
});

test(
  "a file of another user is not looked into, and not written: it holds nothing of jit's",
  { skip: skipUnlessRoot() },
  async (t) => {
    const set = scene(t);
    await write(set.places, entry(set), set.deps);
    fs.chownSync(set.services, 65_534, 65_534);
    assert.deepEqual(await list(set.places), []);
    await demandFree(set.places, 'other');
    await refused(write(set.places, entry(set), set.deps), 'ERR_LOCAL_FILE', /another user/);
  },
);
