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
import { endProcesses, type Home } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';

/** Who is killed. A `starting client` finds neither broker nor keeper and has to start both. */
export type Role = 'broker' | 'keeper' | 'client' | 'starting client';

/** The `nth` call of `syscall` in any one thread. */
export interface KillPoint {
  readonly syscall: string;
  readonly nth: number;
}

/**
 * Calls by which a process changes something that outlives it, or that others see. A kill at any call between two of these
 * leaves what a kill at the second leaves: reads leave nothing, and locks and descriptors end with the process anyway.
 */
const SYSCALLS = [
  'accept4',
  'bind',
  'chmod',
  'clone',
  'clone3',
  'connect',
  'dup2',
  'execve',
  'fallocate',
  'fchmod',
  'fchown',
  'fdatasync',
  'fsync',
  'ftruncate',
  'kill',
  'linkat',
  'listen',
  'mkdir',
  'mkdirat',
  'openat',
  'pwrite64',
  'pwritev',
  'rename',
  'renameat2',
  'rmdir',
  'sendmsg',
  'sendto',
  'setsid',
  'shutdown',
  'symlink',
  'tgkill',
  'truncate',
  'unlink',
  'unlinkat',
  'utimensat',
  'write',
  'writev',
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

// Without the processes that it starts: strace would wait for the daemons among them.
const FOLLOW = ['-f', '--detach-on=execve', '-qq', '--seccomp-bpf'];
// What Node itself reads and writes would be counted among the calls, and differ from one run to the next.
const TRACED_ENV = { NODE_DISABLE_COMPILE_CACHE: '1' };

function strace(point: KillPoint): readonly string[] {
  return [
    ...FOLLOW,
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
  return play(scene, role, strace(point));
}

/** The points at which one undisturbed run can be killed: of each call, those that the busiest thread makes. */
export async function killPoints(scene: Scene, role: Role): Promise<readonly KillPoint[]> {
  const file = `${scene.home.path}.calls`;
  const record = [...FOLLOW, '-o', file, '-e', `trace=${SYSCALLS.join(',')}`];
  const ended = await play(scene, role, record);
  assert.equal(ended.status, 0, ended.stderr);
  const trace = readFileSync(file, 'latin1');
  rmSync(file);
  const calls = new Map<string, Map<string, number>>();
  const points = new Map<string, KillPoint>();
  for (const line of trace.split('\n')) {
    const [, thread, syscall] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (thread === undefined || syscall === undefined) continue;
    const threads = calls.get(syscall) ?? new Map<string, number>();
    const nth = (threads.get(thread) ?? 0) + 1;
    calls.set(syscall, threads.set(thread, nth));
    if (syscall !== 'openat' || /O_CREAT|O_TRUNC/.test(line)) points.set(`${syscall} ${nth}`, { syscall, nth });
  }
  return [...points.values()];
}

async function play(scene: Scene, role: Role, trace: readonly string[]): Promise<Ended> {
  const started: ChildProcess[] = [];
  const isClient = role === 'client' || role === 'starting client';
  try {
    if (role === 'starting client') await endProcesses(scene.home.path);
    else started.push(start(scene, ['jit-broker', 'serve', '--embedded'], role === 'broker' ? trace : null));
    await present(scene.paths.brokerSocket, started[0]);
    if (role === 'keeper' || role === 'client') {
      started.push(start(scene, ['jit', 'keeper'], role === 'keeper' ? trace : null));
      await present(scene.paths.keeperSocket, started[1]);
    }
    const ended = isClient ? await traced(scene, trace) : await jit(scene, REQUEST);
    const id = /gr_[0-9a-z]{26}/.exec(ended.stdout)?.[0];
    if (id !== undefined) await jit(scene, ['credential', id, '--format', 'aws']);
    if (!isClient) await jit(scene, ['revoke', '--all']);
    return ended;
  } finally {
    for (const child of started) await end(child);
  }
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
  return run('strace', [...how, process.execPath, join(BIN, 'jit'), ...REQUEST], {
    env: { ...scene.home.env, ...TRACED_ENV },
  });
}

function start(
  scene: Scene,
  [program = '', ...args]: readonly string[],
  trace: readonly string[] | null,
): ChildProcess {
  const command = [process.execPath, join(BIN, program), ...args];
  const [file = '', ...rest] = trace === null ? command : ['strace', ...trace, ...command];
  const env = { ...scene.home.env, ...(trace === null ? {} : TRACED_ENV) };
  return spawn(file, rest, { env, stdio: 'ignore', detached: true });
}

async function present(path: string, child: ChildProcess | undefined): Promise<void> {
  if (child === undefined) return;
  await eventually(() => existsSync(path) || child.exitCode !== null || child.signalCode !== null, {
    deadlineMs: 30_000,
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  // The whole group, for strace itself takes no signal while it traces.
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  await once(child, 'exit');
}
