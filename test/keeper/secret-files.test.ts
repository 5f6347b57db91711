/**
 * What the keeper puts into files for tools that can ask nobody: there while the grant lives, and nowhere afterwards.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { secretFile, sweepExpiredFiles } from '../../src/local/secret-files.ts';
import { PASSWORD } from '../fakes/broker.ts';
import { eventually } from '../support/eventually.ts';
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
