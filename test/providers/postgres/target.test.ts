/**
 * What a configuration may say, what a request may ask for, and the texts that are written down: handles, marks, verifiers.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Secret } from '../../../src/core/secret.ts';
import { readHandle, writeHandle } from '../../../src/providers/postgres/handle.ts';
import { readMark, writeMark } from '../../../src/providers/postgres/mark.ts';
import { roleName } from '../../../src/providers/postgres/names.ts';
import { newPassword, verifierOf } from '../../../src/providers/postgres/password.ts';
import type { PostgresTarget } from '../../../src/providers/postgres/provider.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { tempFolder } from '../../support/home.ts';
import { failure } from '../../support/failure.ts';
import { OWNER, asking, config, makeProvider, orderOf } from './support.ts';

const SERVER = { host: 'db.example.com', port: 5432 };
const provider = makeProvider();

const parse = (changes: object = {}): PostgresTarget =>
  provider.parseTarget('db', config(SERVER, { tls: 'verify-full', ...changes }));

function refusal(changes: object): string {
  try {
    parse(changes);
  } catch (thrown) {
    assert(thrown instanceof Error);
    return thrown.message;
  }
  return 'taken';
}

test('a target says what tools and handles need, and leaves out nothing that was configured', () => {
  const target = parse({ password_file: '/run/broker', connections: 3, other_databases: 'refuse' });
  assert.deepEqual(target.tool, {
    kind: 'postgres',
    ...SERVER,
    databases: ['shop', 'stock'],
    tls: 'verify-full',
    authority: null,
  });
  assert.deepEqual(target.reach, {
    ...SERVER,
    database: 'shop',
    user: 'broker',
    passwordFile: '/run/broker',
    tls: 'verify-full',
    authority: null,
  });
  assert.deepEqual([target.connections, target.otherDatabases, target.environment], [3, 'refuse', 'test']);
});

const wrong: readonly (readonly [object, RegExp])[] = [
  [{ hots: 'x' }, /^target db: hots: unknown$/],
  [{ host: 'db.example.com,evil.example.com' }, /host: a host name/],
  [{ host: 'db example' }, /host: a host name/],
  [{ host: "db' sslmode='disable" }, /host: a host name/],
  [{ host: '1:2' }, /host: a host name/],
  [{ port: 0 }, /port: at least 1/],
  [{ databases: [] }, /databases: at least one/],
  [{ databases: ['shop', 'shop'] }, /databases: each once/],
  [{ databases: ['a'.repeat(64)] }, /databases.0: .*63 bytes/],
  [{ databases: ['ü'.repeat(32)] }, /databases.0: .*63 bytes/],
  [{ databases: ['a\0b'] }, /control characters/],
  [{ user: 'a\nb' }, /user: .*control characters/],
  [{ tls: 'prefer' }, /tls: verify-full, require or disable/],
  [{ tls: 'disable' }, /tls: disable is for loopback/],
  [{ host: '/run/postgresql' }, /tls: a Unix socket has none/],
  [{ tls: 'require', authority: 'x' }, /authority: one or more certificates/],
  [
    { authority: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' },
    /authority: one or more certificates/,
  ],
  [{ roles: {} }, /roles: at least one/],
  [{ roles: { public: { access: 'read' } } }, /roles.public: the name of a group role/],
  [{ roles: { jit_53cw3601yzkatrh0nm34f7ygb4: { access: 'read' } } }, /the name of a group role/],
  [{ roles: { ['a'.repeat(64)]: { access: 'read' } } }, /the name of a group role/],
  [{ roles: { broker: { access: 'read' } } }, /roles: "broker" is the role of the broker itself/],
  [{ roles: { app: { access: 'admin' } } }, /roles.app.access: one of list, read/],
  [{ roles: { app: { access: 'read', databases: ['other'] } } }, /roles.app.databases: "other" is not one of/],
  [{ other_databases: 'allow' }, /other_databases: refuse or tell/],
  [{ connections: 0 }, /connections: at least 1/],
];

test('a configuration that is wrong is refused by the name of its field', () => {
  for (const [changes, message] of wrong) assert.match(refusal(changes), message, JSON.stringify(changes));
  for (const host of ['127.0.0.1', '127.8.9.1', 'localhost', '::1', '/run/postgresql']) {
    assert.equal(refusal({ host, tls: 'disable' }), 'taken', host);
  }
  assert.equal(refusal({ host: '2001:db8::1' }), 'taken');
  assert.equal(refusal({ host: '128.0.0.1', tls: 'disable' }).includes('loopback'), true);
});

test('an authority is certificates, and belongs to a verified name', async (t: TestContext) => {
  const { cert } = await makeCertificate(tempFolder(t), 'db');
  const authority = await readFile(cert, 'utf8');
  assert.equal(parse({ authority }).reach.authority, authority);
  const reading = makeProvider({ readText: (path) => readFileSync(path, 'utf8') });
  const inFile = (path: string) =>
    reading.parseTarget('db', config(SERVER, { tls: 'verify-full', authority_file: path }));
  assert.deepEqual(inFile(cert).reach, parse({ authority }).reach);
  assert.throws(() => inFile(`${cert}.missing`), /^JitError: target db: authority_file: cannot be read$/);
  assert.throws(() => inFile('/etc/hostname'), /authority_file: one or more certificates in PEM/);
  assert.match(refusal({ authority, authority_file: cert }), /given twice/);
  assert.match(refusal({ authority, tls: 'require' }), /nothing is verified without tls: verify-full/);
});

test('a role is granted for its own databases; a word that is nearly one is answered with the right one', async () => {
  const target = parse();
  const role = await failure(provider.assess(target, asking('app_raed', 'shop')), 'ERR_OPERATION');
  assert.equal(role.hint, 'did you mean role/app_read?');
  const action = await failure(
    provider.assess(target, { ...asking('x', 'shop'), actions: ['pg:connect'] }),
    'ERR_OPERATION',
  );
  assert.match(action.hint ?? '', /^actions at db: role\/app_read, role\/app_write, role\/shop_read$/);
  const database = await failure(provider.assess(target, asking('app_read', 'shpo')), 'ERR_RESOURCE');
  assert.equal(database.hint, 'did you mean shop?');
  assert.match(
    (await failure(provider.assess(target, asking('shop_read', 'stock')), 'ERR_RESOURCE')).hint ?? '',
    /shop/,
  );
});

test('who names fewer databases than a role works in is told to name them, unless the server is to keep them apart', async () => {
  const told = await failure(provider.assess(parse(), asking('app_read', 'shop')), 'ERR_RESOURCE');
  assert.equal(told.hint, 'name all of them: shop stock');
  const strict = parse({ other_databases: 'refuse' });
  const { assessment } = await provider.assess(strict, asking('app_read', 'shop'));
  assert.deepEqual(assessment, { access: 'read', breadth: 'exact' });
  assert.equal((await provider.assess(parse(), asking('shop_read', 'shop'))).assessment.breadth, 'exact');
  const both = {
    ...asking('app_read', 'shop', 'stock'),
    actions: ['role/app_read', 'role/app_write', 'role/app_read'],
  };
  const { permission, assessment: highest } = await provider.assess(parse(), both);
  assert.deepEqual(permission.actions, ['role/app_read', 'role/app_write']);
  assert.equal(highest.access, 'write');
  const crossed = [asking('app_read', 'shop'), asking('app_write', 'stock')];
  const mixed = await failure(provider.plan(strict, crossed, 60), 'ERR_RESOURCE');
  assert.equal(mixed.message, 'that role would work in more databases than were named for it');
});

test('a handle leads back to the server, without the configuration', () => {
  const order = orderOf();
  const { handle, name } = provider.intend(parse(), order);
  assert.deepEqual(readHandle({ handle, grant: order.grant }), {
    grant: order.grant,
    target: 'db',
    reach: parse().reach,
  });
  assert.equal(writeHandle(readHandle({ handle, grant: order.grant })), handle);
  assert.equal(name, `jit_${order.grant.slice(3)}`);
});

test('only a mark that this program wrote is read; other comments are somebody else’s', () => {
  const { grant } = orderOf();
  const mark = { owner: OWNER, grant, target: 'db', end: 1_800_000_000_123, heirs: ['app"; --', 'ü'] };
  const text = writeMark(mark);
  assert.deepEqual(readMark(text), mark);
  const hostile = [
    null,
    '',
    'jit ',
    'jit {}',
    `${text} `,
    ` ${text}`,
    text.replace('"v":1', '"v":2'),
    text.replace('"v":1', '"v":1,"v":1'),
    text.replace('"v":1', '"w":0,"v":1'),
    text.replace(grant, 'gr_0'),
    text.replace('{', '{"__proto__":{},'),
    `jit ${'['.repeat(10_000)}`,
    `jit {"owner":"${'x'.repeat(50_000)}"}`,
  ];
  for (const comment of hostile) assert.equal(readMark(comment), null, String(comment).slice(0, 80));
});

test('a verifier is that of RFC 7677: its example password, salt and iterations give what its exchange proves', async () => {
  // RFC 7677 section 3: user "user", password "pencil", this salt, 4096 iterations.
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  const verifier = await verifierOf(new Secret('pencil'), () => salt);
  assert.equal(
    verifier,
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  );
});

test('passwords are 192 random bits in an alphabet that no tool has to escape', () => {
  const made = Array.from({ length: 50 }, () => newPassword((bytes) => randomBytes(bytes)).expose());
  for (const password of made) assert.match(password, /^[A-Za-z0-9_-]{32}$/);
  assert.equal(new Set(made).size, made.length);
});

test('names of grants are valid identifiers that PostgreSQL does not cut off', () => {
  for (let n = 0; n < 50; n += 1) assert.match(roleName(orderOf().grant), /^jit_[0-9a-z]{26}$/);
});
