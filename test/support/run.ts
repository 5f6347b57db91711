/**
 * Running other programs in tests.
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  /** The whole environment; by default nothing but PATH. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it reads on stdin; by default stdin is /dev/null. */
  readonly input?: string;
  /** After this long the program and its children are killed, and the promise rejects; 60 s by default. */
  readonly deadlineMs?: number;
}

/** Runs a program without a terminal to its end. Rejects where it cannot be started or does not end in time. */
export async function run(program: string, args: readonly string[], around: Surroundings = {}): Promise<Ended> {
  const { env = { PATH: process.env['PATH'] ?? '' }, cwd, input, deadlineMs = 60_000 } = around;
  const child = spawn(program, args, {
    env,
    cwd,
    // Its own process group, so that the deadline reaches its children too.
    detached: true,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (part: string) => (stdout += part));
  child.stderr?.setEncoding('utf8').on('data', (part: string) => (stderr += part));
  // A program that ends without reading its input is judged by its status, not by EPIPE.
  child.stdin?.on('error', () => undefined).end(input);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The group has ended, and a daemon that left it holds the streams open.
    }
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, deadlineMs);
  try {
    await once(child, 'close');
  } finally {
    clearTimeout(timer);
  }
  if (late) throw new Error(`${program} ${args.join(' ')} did not end within ${deadlineMs} ms\n${stdout}\n${stderr}`);
  return { status: child.exitCode, signal: child.signalCode, stdout, stderr };
}
