/**
 * Calls of keytar that end, whatever the keychain does.
 * @module
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { scrubbed } from '../../client/daemon.ts';
import { Secret } from '../../core/secret.ts';

/** What keytar shall do. Only these three: its search for several entries crashes the process on an entry of another program. */
export type KeytarOrder = {
  readonly service: string;
  readonly account: string;
  readonly longest: number | null;
} & ({ readonly op: 'get' | 'delete' } | { readonly op: 'set'; readonly secret: string });

/** What the process of keytar says: `ready` first, then one of the others. */
export type KeytarReport =
  | { readonly kind: 'ready' }
  /** `value`: what is stored after the call. */
  | { readonly kind: 'done'; readonly value: string | null }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'not installed' };

/** How a call of keytar ended. */
export type KeytarOutcome =
  | { readonly kind: 'done'; readonly value: Secret<string> | null }
  | Exclude<KeytarReport, { kind: 'ready' | 'done' }>
  | { readonly kind: 'silent' }
  /** The process died of it. */
  | { readonly kind: 'crashed' };

export type KeytarTask = { readonly op: 'get' | 'delete' } | { readonly op: 'set'; readonly secret: Secret<string> };

export interface KeytarCall {
  readonly task: KeytarTask;
  readonly service: string;
  readonly account: string;
  /** Bytes that one entry of this keychain takes, null where it takes all: what is longer is kept in parts. */
  readonly longest: number | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For the keychain, counted from when keytar is loaded. */
  readonly limitMs: number;
  /**
   * What becomes of a call that is late: `kill` it, or `leave` it for a minute, where the keychain may have put a dialog on
   * the screen that would vanish with the process that caused it.
   */
  readonly late: 'kill' | 'leave';
}

/** Node itself may start slowly on a loaded machine, and that is not the keychain's fault. */
const START_MS = 20_000;

/** Never rejects. The secret reaches the process through a pipe, not through arguments or environment. */
export function callKeytar(call: KeytarCall): Promise<KeytarOutcome> {
  // The compiler rewrites imports and not this name.
  const name = import.meta.url.endsWith('.ts') ? './keytar-process.ts' : './keytar-process.js';
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), [], {
    env: scrubbed(call.env, /^(DBUS_SESSION_BUS_ADDRESS|DISPLAY|WAYLAND_DISPLAY)$/),
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return new Promise((resolve) => {
    const finish = (outcome: KeytarOutcome): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    const late = (): void => {
      if (call.late === 'leave') letGo(child);
      else child.kill('SIGKILL');
      finish({ kind: 'silent' });
    };
    let timer = setTimeout(late, START_MS);
    child.on('error', () => finish({ kind: 'crashed' }));
    // Not `exit`, which may come before its last message has been read.
    child.on('close', () => finish({ kind: 'crashed' }));
    child.on('message', (message) => {
      // Safe: the only other end of this channel is keytar-process.ts.
      const report = message as KeytarReport;
      if (report.kind === 'ready') {
        clearTimeout(timer);
        timer = setTimeout(late, call.limitMs);
      } else if (report.kind === 'done') {
        finish({ kind: 'done', value: report.value === null ? null : new Secret(report.value) });
      } else {
        finish(report);
      }
    });
    child.send(orderOf(call), () => undefined);
  });
}

function orderOf({ task, service, account, longest }: KeytarCall): KeytarOrder {
  const entry = { service, account, longest };
  return task.op === 'set' ? { ...entry, op: 'set', secret: task.secret.expose() } : { ...entry, op: task.op };
}

function letGo(child: ChildProcess): void {
  child.disconnect();
  child.unref();
}
