/**
 * Starts one of jit's own background processes: detached, with a short environment, and with its output in a log.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { display } from '../core/display.ts';
import { asJitError, type ErrorCode, JitError } from '../core/errors.ts';
import { asLocalFault } from '../local/fault.ts';
import { ensurePrivateDir } from '../local/private-dir.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface DaemonPlan {
  /** Absolute path of a script for this same Node. */
  readonly script: string;
  readonly args: readonly string[];
  readonly env: Env;
  /** Names of variables to pass on beside the usual ones. */
  readonly keep?: RegExp;
  /** `folder` is made private if it is missing. */
  readonly log: { readonly folder: string; readonly name: string };
}

/** A process that was started, as seen by whoever waits for it to be ready. */
export interface Daemon {
  /** Null while it runs. The status is 128 and more after a signal. */
  ended(): { readonly status: number } | null;
  /** The last lines that it has logged since it was started, escaped for display. */
  lastLines(): string;
  /** Lets this process end before the daemon does. */
  letGo(): void;
}

const LONGEST_LOG = 1_048_576;
const KEPT =
  /^(HOME|USER|LOGNAME|USERNAME|USERPROFILE|APPDATA|LOCALAPPDATA|SYSTEMROOT|SYSTEMDRIVE|PATH|TMPDIR|TEMP|TMP|LANG|LC_[A-Z]+|XDG_[A-Z_]+|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|(HTTPS?|NO|ALL)_PROXY|JIT_CONFIG)$/i;

/** What of an environment reaches a background process: never NODE_OPTIONS, LD_PRELOAD or anybody's secrets. */
export function scrubbed(env: Env, keep?: RegExp): Record<string, string> {
  const kept = Object.entries(env).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && (KEPT.test(pair[0]) || keep?.test(pair[0]) === true),
  );
  return Object.fromEntries(kept);
}

/** Throws `ERR_LOCAL_FILE` where the log cannot be written. */
export async function startDaemon(plan: DaemonPlan): Promise<Daemon> {
  await ensurePrivateDir(plan.log.folder);
  const path = join(plan.log.folder, plan.log.name);
  const log = openLog(path);
  const from = fstatSync(log).size;
  const child = run(plan, log);
  closeSync(log);
  let status: number | null = null;
  child.on('error', () => (status = 126));
  child.on('exit', (code, signal) => (status = signal === null ? (code ?? 1) : 128));
  return {
    ended: () => (status === null ? null : { status }),
    lastLines: () => tail(path, from),
    letGo: () => child.unref(),
  };
}

function run({ script, args, env, keep }: DaemonPlan, log: number): ChildProcess {
  // A debugger must not be able to attach: whoever does reads the memory that holds credentials.
  const node = [process.execPath, '--disable-sigusr1', script, ...args];
  // Node cannot switch off its own core dumps; a shell that becomes Node can. `/` keeps no mounted folder busy.
  const command = process.platform === 'win32' ? node : ['/bin/sh', '-c', 'ulimit -c 0; exec "$@"', 'jit', ...node];
  const [file = '', ...rest] = command;
  return spawn(file, rest, {
    cwd: process.platform === 'win32' ? undefined : '/',
    env: scrubbed(env, keep),
    detached: true,
    windowsHide: true,
    stdio: ['ignore', log, log],
  });
}

function openLog(path: string): number {
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0);
    const log = openSync(path, flags, 0o600);
    if (fstatSync(log).size > LONGEST_LOG) ftruncateSync(log);
    return log;
  } catch (thrown) {
    throw asLocalFault(thrown, path);
  }
}

function tail(path: string, from: number): string {
  try {
    const file = openSync(path, 'r');
    const start = Math.max(from, fstatSync(file).size - 2_000);
    const bytes = Buffer.alloc(2_000);
    const text = bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, start));
    closeSync(file);
    return text
      .trim()
      .split('\n')
      .slice(-3)
      .map((line) => display(line, 300))
      .join(' | ');
  } catch {
    return '';
  }
}

export interface Readiness {
  /** What messages call it. */
  readonly what: string;
  readonly code: ErrorCode;
  /** Whether it answers. */
  readonly probe: () => Promise<boolean>;
  readonly start: () => Promise<Daemon>;
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: (() => void) | undefined;
}

const START_MS = 20_000;
const RESTART_MS = 400;

/**
 * Returns once `probe` is true, having started the process if need be. One that ends with status 0 has found another in its
 * place; should that other not answer soon, it was on its way out, and one more is started.
 * Throws `code` when it ends with another status or is not ready within 20 s.
 */
export async function awaitReady(readiness: Readiness): Promise<void> {
  const { what, code, probe, start, signal, onWait } = readiness;
  if (await probe()) return;
  onWait?.();
  const giveUp = performance.now() + START_MS;
  let daemon = await start();
  let startedAt = performance.now();
  const fault = (message: string): JitError => {
    const lines = daemon.lastLines();
    return new JitError({
      code,
      message,
      hint: lines === '' ? 'try again; it left nothing in its log' : `its log ends: ${lines}`,
    });
  };
  try {
    for (let stepMs = 10; ; stepMs = Math.min(stepMs * 1.3, 100)) {
      await sleep(stepMs, undefined, signal === undefined ? {} : { signal });
      if (await probe()) return;
      const ended = daemon.ended();
      if (ended !== null && ended.status !== 0) throw fault(`${what} did not start (status ${ended.status})`);
      if (performance.now() > giveUp) throw fault(`${what} did not start within ${START_MS / 1_000}s`);
      if (ended !== null && performance.now() - startedAt > RESTART_MS) {
        daemon = await start();
        startedAt = performance.now();
      }
    }
  } catch (thrown) {
    if (signal?.aborted !== true) throw thrown;
    const reason = asJitError(signal.reason);
    throw reason.code === 'ERR_UNEXPECTED' ? new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted' }) : reason;
  } finally {
    daemon.letGo();
  }
}
