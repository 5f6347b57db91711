/**
 * The keeper as a process: environment, signals and log, joined to `runKeeper`. Started by the launcher in bin/.
 * @module
 */
import { writeSync } from 'node:fs';
import { asJitError, JitError, worded } from '../core/errors.ts';
import { readClocks } from '../local/clock.ts';
import { localPaths } from '../local/paths.ts';
import { runKeeper } from './run.ts';
import { openSessions } from './sessions.ts';

/**
 * @param launch.brokerLauncher absolute path of bin/jit-broker.
 * @returns the exit status: 0 also when another keeper is running, since then all is well.
 */
export async function keeperMain(launch: {
  readonly brokerLauncher: string;
  readonly version: string;
}): Promise<number> {
  process.umask(0o077);
  process.title = 'jit keeper';
  const stop = new AbortController();
  // Live grants' profiles stay on purpose: they start a new keeper when they are used, which refuses what has ended.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  // Without a handler Node would open a debugger's port, and with it this memory, to whoever sends the signal.
  process.on('SIGUSR1', () => undefined);
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  try {
    const { env, platform } = process;
    const paths = localPaths(env, platform, process.geteuid?.() ?? 0);
    const userAgent = `jit/${launch.version}`;
    await runKeeper({
      paths,
      brokerLauncher: launch.brokerLauncher,
      env,
      userAgent,
      authorizer: openSessions({
        env,
        platform,
        paths,
        userAgent,
        now: () => readClocks().wallMs,
        random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
        log,
      }),
      read: readClocks,
      random: Math.random,
      log,
      signal: stop.signal,
    });
    return 0;
  } catch (thrown) {
    const error = asJitError(thrown);
    log(describe(error));
    return error.facts.exit;
  }
}

// A foreign error's message may quote what it was working on, so only its kind and place are logged.
function describe(thrown: unknown): string {
  if (thrown instanceof JitError && thrown.code !== 'ERR_UNEXPECTED') return `${thrown.code}: ${worded(thrown)}`;
  const inner = thrown instanceof JitError ? thrown.cause : thrown;
  if (!(inner instanceof Error)) return 'unexpected: not an error';
  const place = (inner.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return `unexpected: ${inner.name} ${place
    .slice(0, 6)
    .map((line) => line.trim())
    .join(' ')}`;
}

function die(thrown: unknown): never {
  log(describe(thrown));
  process.exit(1);
}

function log(line: string): void {
  try {
    writeSync(2, `${new Date().toISOString()} ${line}\n`);
  } catch {
    // A full disk must not keep the keeper from wiping.
  }
}
