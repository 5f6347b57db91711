/**
 * A home with a broker, a keeper and a client, any one of which is killed at a chosen system call; and what must hold
 * afterwards, whatever that call was.
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { localPaths, type LocalPaths } from '../../src/local/paths.ts';
import { eventually } from '../support/eventually.ts';
import type { Home } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';

export type Role = 'broker' | 'keeper' | 'client';

/** The `nth` call of `syscall` in any one thread. */
export interface KillPoint {
  readonly syscall: string;
  readonly nth: number;
}

/** Calls by which a process changes something that others can see. */
export const SYSCALLS = [
  ['connect', 'connect'],
  ['accept4', 'accept4'],
  ['write', 'write'],
  ['writev', 'writev'],
  ['pwrite64', 'pwrite64'],
  ['fsync', 'fsync'],
  ['fdatasync', 'fdatasync'],
  ['ftruncate', 'ftruncate'],
  ['rename', 'rename'],
  ['unlink', 'unlink'],
  ['mkdir', 'mkdir'],
  ['chmod', 'fchmod'],
  ['execve', 'execve'],
] as const;

const BIN = join(import.meta.dirname, '..', '..', 'bin');
const REQUEST = [
  'request',
  's3:GetObject',
  'arn:aws:s3:::sandbox-reports/*',
  '--for',
  '5m',
  '--reason',
  'fault',
  '--json',
];
const FOREIGN =
  '# mine\n[default]\nregion = eu-west-1\r\n[profile __proto__]\ns3 =\n  addressing_style = path\n[profile last]\noutput = json';

export interface Scene {
  readonly home: Home;
  readonly paths: LocalPaths;
  readonly config: string;
}

export function setScene(home: Home): Scene {
  mkdirSync(join(home.path, '.aws'), { mode: 0o700 });
  const config = join(home.path, '.aws', 'config');
  writeFileSync(config, FOREIGN, { mode: 0o600 });
  return { home, config, paths: localPaths(home.env, process.platform, process.getuid?.() ?? 0) };
}

function strace(point: KillPoint): readonly string[] {
  return [
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    `trace=${point.syscall}`,
    '-e',
    `inject=${point.syscall}:signal=SIGKILL:when=${point.nth}`,
  ];
}

/** One request with one process killed at `point`. @returns how the client ended. */
export async function playWithKill(scene: Scene, role: Role, point: KillPoint): Promise<Ended> {
  const started: ChildProcess[] = [];
  try {
    started.push(start(scene, ['jit-broker', 'serve', '--embedded'], role === 'broker' ? strace(point) : null));
    await present(scene.paths.brokerSocket, started[0]);
    // Started beforehand for the client too: strace would follow it into the daemons that it starts, and wait for them.
    if (role !== 'broker') {
      started.push(start(scene, ['jit', 'keeper'], role === 'keeper' ? strace(point) : null));
      await present(scene.paths.keeperSocket, started[1]);
    }
    const ended = role === 'client' ? await traced(scene, strace(point)) : await jit(scene, REQUEST);
    const id = /gr_[0-9a-z]{26}/.exec(ended.stdout)?.[0];
    if (id !== undefined && role !== 'client') await jit(scene, ['credential', id, '--format', 'aws']);
    if (role !== 'client') await jit(scene, ['revoke', '--all']);
    return ended;
  } finally {
    for (const child of started) await end(child);
  }
}

/** The system calls of one undisturbed run: for each, the most that any one thread makes. */
export async function countCalls(scene: Scene, role: Role): Promise<ReadonlyMap<string, number>> {
  const file = `${scene.home.path}.calls`;
  const record = [
    '-f',
    '--seccomp-bpf',
    '-qq',
    '-o',
    file,
    '-e',
    `trace=${SYSCALLS.map(([, name]) => name).join(',')}`,
  ];
  const started: ChildProcess[] = [];
  try {
    started.push(start(scene, ['jit-broker', 'serve', '--embedded'], role === 'broker' ? record : null));
    await present(scene.paths.brokerSocket, started[0]);
    if (role !== 'broker') {
      started.push(start(scene, ['jit', 'keeper'], role === 'keeper' ? record : null));
      await present(scene.paths.keeperSocket, started[1]);
    }
    const ended = role === 'client' ? await traced(scene, record) : await jit(scene, REQUEST);
    assert.equal(ended.status, 0, ended.stderr);
    await jit(scene, ['credential', /gr_[0-9a-z]{26}/.exec(ended.stdout)?.[0] ?? '', '--format', 'aws']);
    await jit(scene, ['revoke', '--all']);
  } finally {
    for (const child of started) await end(child);
  }
  const trace = readFileSync(file, 'latin1');
  rmSync(file);
  const counts = new Map<string, Map<string, number>>();
  for (const line of trace.split('\n')) {
    const [, thread, name] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (thread === undefined || name === undefined) continue;
    const threads = counts.get(name) ?? new Map<string, number>();
    counts.set(name, threads.set(thread, (threads.get(thread) ?? 0) + 1));
  }
  return new Map([...counts].map(([name, threads]) => [name, Math.max(...threads.values())]));
}

/** Starts everything again as a user would, ends what is left, and looks at what must hold. */
export async function assertRecovers(scene: Scene): Promise<void> {
  const listed = await jit(scene, ['list', '--json']);
  assert.equal(listed.status, 0, listed.stderr);
  await jit(scene, ['revoke', '--all']);
  await eventually(() => statesOf(scene).every((state) => state === 'closed'), { deadlineMs: 20_000 });
  assertStory(scene);
  for (const id of grantsOf(scene)) {
    const late = await jit(scene, ['credential', id, '--format', 'aws']);
    assert.notEqual(late.status, 0, 'a closed grant gave a credential');
    assert.equal(late.stdout, '');
  }
  await jit(scene, ['wipe']);
  assert.equal(readFileSync(scene.config, 'latin1'), FOREIGN, 'foreign bytes of ~/.aws/config changed');
  assertNoSecrets(scene.home.path);
  forget(scene);
}

// Each round looks at its own grants only.
const seen = new Set<string>();

function forget(scene: Scene): void {
  for (const id of grantsOf(scene)) seen.add(id);
}

function query(scene: Scene, sql: string): readonly Record<string, unknown>[] {
  const database = new DatabaseSync(join(scene.paths.brokerState, 'broker.db'), { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

function grantsOf(scene: Scene): readonly string[] {
  return query(scene, 'SELECT id FROM grants')
    .map(({ id }) => String(id))
    .filter((id) => !seen.has(id));
}

function statesOf(scene: Scene): readonly string[] {
  return query(scene, 'SELECT state FROM grants').map(({ state }) => String(state));
}

/** The log has no gaps, and nothing was issued or handed out before its intent was written. */
function assertStory(scene: Scene): void {
  const lines = query(scene, 'SELECT seq, line FROM entries ORDER BY seq').map(({ line }) => String(line));
  const soFar = new Map<string, Set<string>>();
  for (const [index, line] of lines.entries()) {
    const { seq, type, grant }: { seq: number; type: string; grant: string | null } = JSON.parse(line);
    assert.equal(seq, index);
    if (grant === null) continue;
    const types = soFar.get(grant) ?? new Set();
    if (type === 'grant.issued') assert.ok(types.has('grant.intended'), `${grant} was issued without an intent`);
    if (type === 'credential.delivered') assert.ok(types.has('grant.issued'), `${grant} was handed out unrecorded`);
    soFar.set(grant, types.add(type));
  }
  const denied = readFileSync(join(scene.paths.brokerState, 'sandbox.json'), 'latin1');
  for (const id of grantsOf(scene)) {
    assert.ok(soFar.has(id), `${id} is in the store and not in the log`);
    // Five minutes have not passed, so whatever the cloud issued for it can only be dead because it is denied there.
    assert.ok(denied.includes(id), `${id} is closed and the cloud does not deny it`);
  }
}

function assertNoSecrets(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || entry.name === 'sandbox.json') continue;
    const text = readFileSync(path, 'latin1');
    assert.doesNotMatch(text, /ASIA[A-Z0-9]{12}|aws_secret_access_key/i, `a secret in ${path}`);
    if (path.includes('jit')) assert.equal(statSync(path).mode & 0o077, 0, `${path} is open to others`);
  }
}

export async function jit(scene: Scene, args: readonly string[]): Promise<Ended> {
  return run(process.execPath, [join(BIN, 'jit'), ...args], { env: scene.home.env });
}

async function traced(scene: Scene, how: readonly string[]): Promise<Ended> {
  return run('strace', [...how, process.execPath, join(BIN, 'jit'), ...REQUEST], { env: scene.home.env });
}

function start(
  scene: Scene,
  [program = '', ...args]: readonly string[],
  trace: readonly string[] | null,
): ChildProcess {
  const command = [process.execPath, join(BIN, program), ...args];
  const [file = '', ...rest] = trace === null ? command : ['strace', ...trace, ...command];
  return spawn(file, rest, { env: scene.home.env, stdio: 'ignore', detached: true });
}

async function present(path: string, child: ChildProcess | undefined): Promise<void> {
  await eventually(() => existsSync(path) || child?.exitCode !== null || child.signalCode !== null, {
    deadlineMs: 30_000,
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  // The whole group, for strace itself takes no signal while it traces.
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  await once(child, 'exit');
}
