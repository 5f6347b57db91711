/**
 * Runs a command as a shell would: its own argv, the same terminal, every signal passed on, its status handed back.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { display } from '../../core/display.ts';
import { errnoOf } from '../../local/fault.ts';
import { JitError } from '../../core/errors.ts';
import type { Signals } from '../context.ts';

export interface ChildPlan {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Whether the terminal delivers Ctrl-C to the child by itself. */
  readonly onTerminal: boolean;
  readonly signals: Signals;
  /** Resolves when the grant is over: the child is then asked to end, and 5 s later made to. */
  readonly over: Promise<void>;
}

/** How a command ended. */
export interface Ending {
  /** As a shell reports it: 128 and more after a signal, 126 and 127 when it could not be started. */
  readonly status: number;
  /** Whether it was ended because the grant was over. */
  readonly cutOff: 'yes' | 'no';
  /** Why it could not be started. */
  readonly problem: JitError | null;
}

const GRACE_MS = 5_000;

/** Never rejects. */
export async function runChild(plan: ChildPlan): Promise<Ending> {
  const [file = '', ...args] = plan.argv;
  let child: ChildProcess;
  try {
    child = spawn(file, args, { stdio: 'inherit', env: plan.env, shell: false });
  } catch (thrown) {
    return notStarted(file, thrown);
  }
  const restore = plan.signals.divert((signal) => {
    if (!(plan.onTerminal && FROM_TERMINAL.has(signal))) child.kill(signal);
  });
  const { promise: exited, resolve } = Promise.withResolvers<Ending>();
  let cutOff: Ending['cutOff'] = 'no';
  let killer: NodeJS.Timeout | undefined;
  child.on('error', (error) => resolve(notStarted(file, error)));
  child.on('exit', (code, signal) => resolve({ status: statusOf(code, signal), cutOff, problem: null }));
  const cut = async (): Promise<void> => {
    await plan.over;
    if (child.exitCode !== null || child.signalCode !== null) return;
    cutOff = 'yes';
    child.kill('SIGTERM');
    // A stopped process cannot act on SIGTERM.
    child.kill('SIGCONT');
    killer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  };
  void cut();
  try {
    return await exited;
  } finally {
    clearTimeout(killer);
    restore();
  }
}

// The terminal sends these to every process of the foreground group: passing them on would deliver them twice, and
// many a program takes the second Ctrl-C for "at once, without tidying up".
const FROM_TERMINAL: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT']);

function statusOf(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}

function notStarted(file: string, thrown: unknown): Ending {
  const code = errnoOf(thrown);
  const missing = code === 'ENOENT';
  const what = missing
    ? 'no such command'
    : code === 'EACCES'
      ? 'not executable'
      : `cannot be started (${code ?? 'bad argument'})`;
  return {
    status: missing ? 127 : 126,
    cutOff: 'no',
    problem: new JitError({ code: 'ERR_USAGE', message: `${display(file, 200)}: ${what}`, cause: thrown }),
  };
}
