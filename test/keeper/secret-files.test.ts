/**
 * What the keeper puts into files for tools that can ask nobody: there while the grant lives, and nowhere afterwards.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Secret } from '../../src/core/secret.ts';
import { fileForm } from '../../src/keeper/format.ts';
import { secretFile, sweepExpiredFiles } from '../../src/local/secret-files.ts';
import { PASSWORD } from '../fakes/broker.ts';
import { eventually } from '../support/eventually.ts';
import { tempFolder } from '../support/home.ts';
import { world, type World } from './world.ts';

const secretsOf = ({ paths }: World): readonly string[] =>
  readdirSync(paths.run).filter((name) => name.startsWith('secret-'));

test('the password of a database lies in a 0600 file in the form of libpq until the grant ends, with all that lies beside it', async (t) => {
  const w = await world(t);
  const { grant } = await w.adopt({ seconds: 300, targets: ['orders'], databases: ['orders'] });
  const path = secretFile(w.paths.run, grant, 'orders');
  assert.match(readFileSync(path, 'utf8'), new RegExp(`^127\\.0\\.0\\.1:5432:\\*:jit_test:${PASSWORD}[0-9A-F]{16}\n$`));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  writeFileSync(`${path}.ca.pem`, 'a certificate');
  await (await w.keeper()).release(grant);
  assert.deepEqual(secretsOf(w), []);
});

test('a grant at two clouds: the keys of one are handed out, the password of the other lies in its file, and both go together', async (t) => {
  const w = await world(t);
  const { grant } = await w.adopt({ seconds: 300, targets: ['web', 'orders'], databases: ['orders'] });
  const keeper = await w.keeper();
  const keys = await keeper.credential(grant, { format: 'aws', target: 'web' });
  assert.match(keys.expose().output, /"AccessKeyId":"ASIA/);
  const line = await keeper.credential(grant, { format: 'postgres', target: 'orders' });
  assert.equal(`${line.expose().output}\n`, readFileSync(secretFile(w.paths.run, grant, 'orders'), 'utf8'));
  await assert.rejects(keeper.credential(grant, { format: 'aws', target: 'orders' }), {
    code: 'ERR_TARGET',
    hint: 'use: --format postgres',
  });
  await assert.rejects(keeper.credential(grant, { format: 'aws' }), {
    code: 'ERR_TARGET',
    hint: /--target: web, orders/,
  });
  assert.equal(existsSync(secretFile(w.paths.run, grant, 'web')), false);
  w.broker.end(grant, 'revoked');
  await eventually(() => secretsOf(w).length === 0);
  await assert.rejects(keeper.credential(grant, { format: 'postgres', target: 'orders' }), { code: 'ERR_GRANT_ENDED' });
});

test('a password that runs out before its grant is replaced in its file although nobody asks', async (t) => {
  const w = await world(t);
  const { grant } = await w.adopt({ seconds: 600, credentialSeconds: 62, targets: ['orders'], databases: ['orders'] });
  const path = secretFile(w.paths.run, grant, 'orders');
  const first = readFileSync(path, 'utf8');
  await eventually(() => readFileSync(path, 'utf8') !== first, { deadlineMs: 40_000 });
  assert.match(readFileSync(path, 'utf8'), /:jit_test:/);
});

test('a renewed grant takes its files along: nobody who comes after the old end removes them', async (t) => {
  const w = await world(t);
  const { grant, outcome } = await w.adopt({ seconds: 60, targets: ['orders'], databases: ['orders'] });
  const beside = `${secretFile(w.paths.run, grant, 'orders')}.kubeconfig`;
  const end = new Date(outcome.grant?.expiresAt ?? '');
  writeFileSync(beside, 'of a command that runs');
  utimesSync(beside, end, end);
  const later = w.broker.renew(grant, 600);
  await eventually(() => statSync(beside).mtimeMs === later);
  await sweepExpiredFiles(w.paths.run, end.getTime() + 1_000);
  assert.equal(secretsOf(w).length, 2);
});

test('a folder that cannot be looked through is an error, and none that is not there', async (t) => {
  const run = join(tempFolder(t), 'run');
  await sweepExpiredFiles(run, Date.now());
  writeFileSync(run, 'no folder');
  await assert.rejects(sweepExpiredFiles(run, Date.now()), { code: 'ERR_LOCAL_FILE' });
});

test('files of a keeper that was killed: the next keeper removes them; without one, each goes with the first command after its end', async (t) => {
  const w = await world(t);
  const { grant } = await w.adopt({ seconds: 300, targets: ['orders'], databases: ['orders'] });
  process.kill(await w.pid(), 'SIGKILL');
  const path = secretFile(w.paths.run, grant, 'orders');
  assert.ok(existsSync(path));
  await sweepExpiredFiles(w.paths.run, Date.now());
  assert.ok(existsSync(path), 'its end has not come');
  await sweepExpiredFiles(w.paths.run, Date.now() + 301_000);
  assert.equal(existsSync(path), false);
  writeFileSync(path, 'left');
  utimesSync(path, new Date(Date.now() + 60_000), new Date(Date.now() + 60_000));
  writeFileSync(join(w.paths.run, 'secret-of-somebody-else'), 'x');
  await w.keeper();
  await eventually(() => !existsSync(path));
  assert.deepEqual(secretsOf(w), ['secret-of-somebody-else']);
});

test('a password file serves a socket in any folder, also in the one that libpq calls localhost, and escapes what it separates by', () => {
  const tool = { kind: 'postgres', port: 5_432, databases: ['shop'], tls: 'disable', authority: null } as const;
  const secret = new Secret({ user: 'jit_a', password: 'p:w\\d' });
  const issued = {
    target: 'orders',
    expiration: '2030-01-01T00:00:00Z',
    credential: { kind: 'postgres', secret },
  } as const;
  const lines = (host: string): string | null => fileForm({ ...issued, tool: { ...tool, host } });
  assert.equal(lines('/run/pg:1'), '/run/pg\\:1:5432:*:jit_a:p\\:w\\\\d\nlocalhost:5432:*:jit_a:p\\:w\\\\d\n');
  assert.equal(lines('::1'), '\\:\\:1:5432:*:jit_a:p\\:w\\\\d\n');
});
