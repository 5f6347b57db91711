/**
 * Signals to this process as an abort, or passed on while a command of the user is running.
 * @module
 */
import { JitError } from '../core/errors.ts';
import type { Signals } from './context.ts';

export interface OpenSignals extends Signals {
  /** Aborts at the first SIGINT or SIGTERM with `ERR_INTERRUPTED` or `ERR_TERMINATED`. */
  readonly signal: AbortSignal;
  close(): void;
}

/** What a user may send to `jit exec` and mean the command. Stopping and continuing are left to the terminal. */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

type Emitter = Pick<NodeJS.Process, 'on' | 'off' | 'exit'>;

/**
 * The second SIGINT or SIGTERM ends the process on the spot: whoever asks twice does not want to wait for anything.
 * @param self the process, or its stand-in in a test.
 */
export function openSignals(self: Emitter): OpenSignals {
  const controller = new AbortController();
  const receivers: ((signal: NodeJS.Signals) => void)[] = [];
  const stop = (signal: 'SIGINT' | 'SIGTERM'): void => {
    const receive = receivers.at(-1);
    if (receive !== undefined) return receive(signal);
    const error =
      signal === 'SIGINT'
        ? new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted; nothing was asked for' })
        : new JitError({ code: 'ERR_TERMINATED', message: 'terminated; nothing was asked for' });
    if (controller.signal.aborted) self.exit(error.facts.exit);
    controller.abort(error);
  };
  const pass = (signal: NodeJS.Signals): void => receivers.at(-1)?.(signal);
  self.on('SIGINT', stop);
  self.on('SIGTERM', stop);
  return {
    signal: controller.signal,
    divert: (receive) => {
      receivers.push(receive);
      const others = PASSED_ON.filter((signal) => signal !== 'SIGINT' && signal !== 'SIGTERM');
      if (receivers.length === 1) for (const signal of others) self.on(signal, pass);
      return () => {
        receivers.splice(receivers.indexOf(receive), 1);
        if (receivers.length === 0) for (const signal of others) self.off(signal, pass);
      };
    },
    close: () => {
      self.off('SIGINT', stop);
      self.off('SIGTERM', stop);
    },
  };
}
