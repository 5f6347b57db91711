/**
 * Profiles that outlived their keeper: any jit command finds what has run out, in the files of every tool, and removes it.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { hasExpired } from '../../src/cli/expired.ts';
import type { ToolSettings } from '../../src/core/credential.ts';
import { localPaths } from '../../src/local/paths.ts';
import { writeSecretFile } from '../../src/local/secret-files.ts';
import { spotsOf } from '../../src/profiles/all.ts';
import type { ProfileEntry } from '../../src/profiles/tool.ts';
import { tempHome } from '../support/home.ts';
import { run } from '../support/run.ts';
import { succeeded } from './shared.ts';

const GRANT = 'gr_01hv3k9x7m2q5w8e4r6t0yabcd';
const SETTINGS: Readonly<Record<ToolSettings['kind'], ToolSettings>> = {
  aws: { kind: 'aws', identity: 'issued', account: '123456789012', region: 'eu-west-1', endpoint: null },
  postgres: {
    kind: 'postgres',
    host: 'db.example.com',
    port: 5_432,
    databases: ['shop'],
    tls: 'require',
    authority: null,
  },
  kubernetes: { kind: 'kubernetes', server: 'https://k8s.example.com', authority: null, namespace: 'shop' },
  gcp: { kind: 'gcp', identity: 'issued', project: 'shop-prod', endpoint: null },
  azure: {
    kind: 'azure',
    identity: 'issued',
    tenant: '11111111-2222-3333-4444-555555555555',
    subscription: '66666666-7777-8888-9999-000000000000',
    authority: null,
    endpoint: null,
  },
};

const spots = spotsOf({ HOME: '/nonexistent' }, 'linux').map(({ profiles }) => profiles.tool);

/** As the keeper puts it there for az. */
const STATEMENT = ['{"alg":"RS256"}', '{"client_id":"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"}', 'signature']
  .map((part) => Buffer.from(part).toString('base64url'))
  .join('.');

function entryOf(tool: ToolSettings['kind'], folder: string, end: number): ProfileEntry {
  return {
    name: 'jit-test',
    grant: GRANT,
    target: 'web',
    expiresAt: end,
    command: { runtime: process.execPath, script: resolve('bin/jit') },
    tool: SETTINGS[tool],
    external: 'jit_test',
    secretFile: join(folder, 'secret'),
  };
}

for (const tool of spots) {
  test(`${tool}: a profile is found to have run out at its end and not before, and goes with the next command`, async (t) => {
    const home = tempHome(t);
    const paths = localPaths(home.env, 'linux', process.geteuid?.() ?? 0);
    for (const folder of [paths.run, paths.locks]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const spot = spotsOf(home.env, 'linux').find(({ profiles }) => profiles.tool === tool);
    assert.ok(spot);
    const end = Date.now();
    const entry = entryOf(tool, paths.run, end);
    if (tool === 'azure') await writeSecretFile(entry.secretFile, STATEMENT, end);
    // As long before as a grant takes to run out.
    await spot.profiles.write(spot.places, entry, { locks: paths.locks, now: () => end - 60_000 });
    const expiredAt = (now: number): boolean => hasExpired({ env: home.env, now: () => now, paths: () => paths });
    assert.deepEqual([expiredAt(end - 1), expiredAt(end)], [false, true]);
    const { stderr } = succeeded(await run(process.execPath, [resolve('bin/jit'), 'profiles'], { env: home.env }));
    assert.match(stderr, /wiped what had run out: jit-test/);
    assert.deepEqual(await spot.profiles.list(spot.places), []);
  });
}

test('a secret in the run-time folder goes with the next command after its end, and what is no file of jit stays', async (t) => {
  const home = tempHome(t);
  const paths = localPaths(home.env, 'linux', process.geteuid?.() ?? 0);
  mkdirSync(paths.run, { recursive: true, mode: 0o700 });
  const [mine, foreign] = [join(paths.run, `secret-${GRANT}-0123456789ab`), join(paths.run, 'secret-of-mine')];
  for (const path of [mine, foreign]) {
    writeFileSync(path, 'x', { mode: 0o600 });
    utimesSync(path, new Date(Date.now() - 1_000), new Date(Date.now() - 1_000));
  }
  succeeded(await run(process.execPath, [resolve('bin/jit'), 'profiles'], { env: home.env }));
  assert.equal(existsSync(mine), false);
  assert.deepEqual(readdirSync(paths.run), ['secret-of-mine']);
});

test('a file of one tool that cannot be read keeps the profiles of no other from going', async (t) => {
  const home = tempHome(t);
  const paths = localPaths(home.env, 'linux', process.geteuid?.() ?? 0);
  for (const folder of [paths.run, paths.locks]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const end = Date.now();
  const [aws, postgres] = spotsOf(home.env, 'linux');
  assert.deepEqual([aws?.profiles.tool, postgres?.profiles.tool], ['aws', 'postgres']);
  const entry = entryOf('postgres', paths.run, end);
  await postgres?.profiles.write(postgres.places, entry, { locks: paths.locks, now: () => end - 60_000 });
  // Nobody can read a folder as a file.
  mkdirSync(join(home.path, '.aws', 'config'), { recursive: true });
  const ended = await run(process.execPath, [resolve('bin/jit'), 'list'], { env: home.env });
  assert.match(ended.stderr, /wiped what had run out: jit-test/);
  assert.deepEqual(await postgres?.profiles.list(postgres.places), []);
});
