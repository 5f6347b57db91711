/**
 * Homes that cannot be written and disks that are full: real mounts, the whole program, the real sandbox.
 * @module
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { endProcesses } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnlessRoot } from '../support/tools.ts';

const JIT = join(import.meta.dirname, '..', '..', 'bin', 'jit');
const ASK = ['s3:GetObject', 'arn:aws:s3:::sandbox-reports/*', '--for', '5m', '--reason', 'places'];
const FOREIGN = '[default]\nregion = eu-west-1';
const skip = skipUnlessRoot('mount');

interface Places {
  readonly home: string;
  readonly state: string;
  jit(...args: readonly string[]): Promise<Ended>;
}

/** A home and a state folder on file systems of their own, in MiB. */
function places(t: TestContext, sizes: { readonly home: number; readonly state: number }): Places {
  const root = mkdtempSync(join(tmpdir(), 'jit-'));
  const at = { home: join(root, 'home'), state: join(root, 'state'), run: join(root, 'run') };
  for (const path of Object.values(at)) mkdirSync(path, { mode: 0o700 });
  for (const name of ['home', 'state'] as const) {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizes[name]}m,mode=700`, 'tmpfs', at[name]]);
    assert.equal(mounted.status, 0, mounted.stderr.toString());
  }
  t.after(async () => {
    await endProcesses(at.home);
    // A killed process gives up its open files a moment after it has left the process table.
    for (const path of [at.home, at.state]) await eventually(() => spawnSync('umount', [path]).status === 0);
    rmSync(root, { recursive: true, force: true });
  });
  mkdirSync(join(at.home, '.aws'), { mode: 0o700 });
  writeFileSync(join(at.home, '.aws', 'config'), FOREIGN, { mode: 0o600 });
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: at.home,
    XDG_STATE_HOME: at.state,
    XDG_RUNTIME_DIR: at.run,
  };
  return { ...at, jit: async (...args) => run(process.execPath, [JIT, ...args], { env }) };
}

function remount(path: string, how: 'ro' | 'rw'): void {
  assert.equal(spawnSync('mount', ['-o', `remount,${how}`, path]).status, 0);
}

/** Takes all the room that is left. @returns how to give it back. */
function fill(folder: string): () => void {
  const path = join(folder, 'filler');
  spawnSync('dd', ['if=/dev/zero', `of=${path}`, 'bs=4096']);
  return () => rmSync(path);
}

async function assertNothingLives(p: Places): Promise<void> {
  const { stdout } = await p.jit('list', '--json');
  assert.deepEqual(JSON.parse(stdout).items, [], stdout);
}

test('with a home that cannot be written a request is taken back, and exec works', { skip }, async (t) => {
  const p = places(t, { home: 1, state: 64 });
  remount(p.home, 'ro');
  const refused = await p.jit('request', ...ASK);
  assert.equal(refused.status, 11, refused.stderr);
  assert.match(refused.stderr, /jit exec/);
  await assertNothingLives(p);
  const worked = await p.jit('exec', ...ASK, '--', 'sh', '-c', 'test -n "$AWS_CONTAINER_CREDENTIALS_FULL_URI"');
  assert.equal(worked.status, 0, worked.stderr);
  await assertNothingLives(p);
});

test('with nowhere to keep its state jit says so with status 11', { skip }, async (t) => {
  const p = places(t, { home: 1, state: 64 });
  remount(p.state, 'ro');
  const refused = await p.jit('request', ...ASK, '--json');
  assert.equal(refused.status, 11, refused.stderr);
  assert.equal(JSON.parse(refused.stdout).code, 'ERR_LOCAL_FILE');
});

test('on a full home nothing is half written, and the grant is taken back', { skip }, async (t) => {
  const p = places(t, { home: 1, state: 64 });
  const free = fill(p.home);
  const refused = await p.jit('request', ...ASK);
  assert.equal(refused.status, 11, refused.stderr);
  assert.equal(readFileSync(join(p.home, '.aws', 'config'), 'latin1'), FOREIGN);
  await assertNothingLives(p);
  free();
  const worked = await p.jit('request', ...ASK);
  assert.equal(worked.status, 0, worked.stderr);
  assert.equal((await p.jit('revoke', '--all')).status, 0);
  assert.equal(readFileSync(join(p.home, '.aws', 'config'), 'latin1'), FOREIGN);
});

test(
  "when the broker's disk is full nothing is granted, what is out can be ended, and room is all it takes",
  { skip },
  async (t) => {
    const p = places(t, { home: 1, state: 24 });
    const first = await p.jit('request', ...ASK);
    assert.equal(first.status, 0, first.stderr);
    const free = fill(p.state);
    const refused = await p.jit('request', ...ASK, '--json');
    assert.equal(refused.status, 1, refused.stderr);
    assert.deepEqual([JSON.parse(refused.stdout).code, JSON.parse(refused.stdout).exit], ['ERR_STORE', 1]);
    assert.equal(JSON.parse((await p.jit('list', '--json')).stdout).items.length, 1);
    const revoked = await p.jit('revoke', '--all');
    assert.equal(revoked.status, 0, revoked.stderr);
    await assertNothingLives(p);
    free();
    assert.equal((await p.jit('request', ...ASK)).status, 0);
    assert.equal((await p.jit('revoke', '--all')).status, 0);
  },
);
