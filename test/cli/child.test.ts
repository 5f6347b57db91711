/**
 * Running a command: status, signals and the end of the grant, with real processes.
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runChild } from '../../src/cli/exec/child.ts';
import { openSignals } from '../../src/cli/signals.ts';
import { eventually } from '../support/eventually.ts';
import { tempFolder, tempHome } from '../support/home.ts';
import { run } from '../support/run.ts';

const JIT = join(import.meta.dirname, '..', '..', 'bin', 'jit');
const NEVER = new Promise<void>(() => undefined);
const ENV = { PATH: process.env['PATH'] ?? '' };
const QUIET = { divert: () => () => undefined };

async function statusOf(script: string): Promise<number> {
  return (await runChild({ argv: ['sh', '-c', script], env: ENV, onTerminal: false, signals: QUIET, over: NEVER }))
    .status;
}

test('the status of a command is its own, or 128 and its signal', async () => {
  assert.deepEqual([await statusOf('exit 0'), await statusOf('exit 7'), await statusOf('exit 255')], [0, 7, 255]);
  assert.deepEqual(
    [await statusOf('kill -INT $$'), await statusOf('kill -KILL $$'), await statusOf('kill -HUP $$')],
    [130, 137, 129],
  );
});

test('what cannot be started is 126 or 127 and never an exception', async () => {
  const start = async (file: string): Promise<number> =>
    (await runChild({ argv: [file], env: ENV, onTerminal: false, signals: QUIET, over: NEVER })).status;
  assert.equal(await start('/nonexistent/command'), 127);
  assert.equal(await start('/etc/passwd'), 126);
  assert.equal(await start('nul\0byte'), 126);
  assert.equal(await start(''), 126);
});

test('at the end of the grant a command that heeds SIGTERM ends at once, a stopped one too', async () => {
  for (const script of ['exec sleep 60', 'kill -STOP $$; exec sleep 60']) {
    const over = new Promise<void>((resolve) => void setTimeout(resolve, 200));
    const ending = await runChild({ argv: ['sh', '-c', script], env: ENV, onTerminal: false, signals: QUIET, over });
    assert.deepEqual([ending.cutOff, ending.status], ['yes', 143]);
  }
});

test('a command that ignores SIGTERM is killed after its grace', async () => {
  const over = new Promise<void>((resolve) => void setTimeout(resolve, 200));
  const argv = ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'];
  const ending = await runChild({ argv, env: ENV, onTerminal: false, signals: QUIET, over });
  assert.deepEqual([ending.cutOff, ending.status], ['yes', 137]);
});

test('while nothing is diverted the first signal aborts and the second ends the process', () => {
  const exits: unknown[] = [];
  const handlers = new Map<string, (signal: NodeJS.Signals) => void>();
  const self = {
    on: (name: string, handler: (signal: NodeJS.Signals) => void) => void handlers.set(name, handler),
    off: (name: string) => void handlers.delete(name),
    exit: (status: unknown) => void exits.push(status),
  };
  // A stand-in with the three members that are used; their real types belong to an event emitter.
  const signals = openSignals(self as unknown as Parameters<typeof openSignals>[0]);
  const seen: string[] = [];
  const restore = signals.divert((signal) => void seen.push(signal));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const) handlers.get(name)?.(name);
  restore();
  assert.deepEqual(
    [seen, handlers.has('SIGHUP'), signals.signal.aborted],
    [['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'], false, false],
  );
  handlers.get('SIGTERM')?.('SIGTERM');
  assert.equal(signals.signal.aborted, true);
  handlers.get('SIGINT')?.('SIGINT');
  assert.deepEqual(exits, [130]);
});

const ASK = ['s3:ListBucket', 'arn:aws:s3:::sandbox-reports', '--reason', 'x', '--for'];

interface Started {
  readonly jit: ChildProcess;
  readonly mark: string;
  readonly env: Readonly<Record<string, string>>;
  /** Resolves with the exit status. */
  readonly ended: Promise<number | null>;
}

/** `jit exec` around a shell script, up to the moment when the script has said `ready`. */
async function started(t: TestContext, script: string): Promise<Started> {
  const { env } = tempHome(t);
  const mark = join(tempFolder(t), 'mark');
  const jit = spawn(process.execPath, [JIT, 'exec', ...ASK, '5m', '--', 'sh', '-c', script], {
    env: { ...env, MARK: mark },
    stdio: 'ignore',
  });
  // Listened for at once: it may end before anybody asks.
  const ended = new Promise<number | null>((resolve) => void jit.on('exit', resolve));
  await eventually(() => existsSync(mark), { deadlineMs: 30_000 });
  return { jit, mark, env, ended };
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const) {
  test(`without a terminal ${signal} to jit exec reaches the command, whose status and grant end as they should`, async (t) => {
    const script = `trap 'echo ${signal} > "$MARK"; exit 9' ${signal.slice(3)}; touch "$MARK"; while :; do sleep 0.05; done`;
    const { jit, mark, env, ended } = await started(t, script);
    jit.kill(signal);
    assert.equal(await ended, 9);
    assert.equal(readFileSync(mark, 'utf8'), `${signal}\n`);
    const { stdout } = await run(process.execPath, [JIT, 'list', '--all', '--json'], { env });
    assert.match(stdout, /"reason":"completed"/);
  });
}

test('a grant that is revoked elsewhere ends the command with status 107', async (t) => {
  const { env, ended } = await started(t, 'touch "$MARK"; exec sleep 60');
  const revoked = await run(process.execPath, [JIT, 'revoke', '--all'], { env });
  assert.equal(revoked.status, 0, revoked.stderr);
  assert.equal(await ended, 107);
});
