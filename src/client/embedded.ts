/**
 * The embedded broker, started on demand.
 * @module
 */
import type { LocalPaths } from '../local/paths.ts';
import { awaitReady, startDaemon } from './daemon.ts';
import type { Wire } from './exchange.ts';
import type { BrokerRef } from './ref.ts';

export interface EmbeddedOptions {
  readonly paths: Pick<LocalPaths, 'run' | 'state' | 'brokerSocket'>;
  /** Absolute path of bin/jit-broker. */
  readonly launcher: string;
  /** The caller's environment; only a short list of it reaches the broker. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** Called once, when the broker was not running and has been started: time for "starting the embedded broker …". */
  readonly onWait?: (() => void) | undefined;
}

/**
 * Makes sure that the embedded broker answers on its socket, starting it if need be, and returns how to reach it.
 * Two callers at once end with one broker: the broker takes its own lock, and the one too many ends with status 0.
 * Throws `ERR_BROKER_UNREACHABLE` with the end of the broker's log as hint when it does not come up within 20 s.
 */
export async function ensureEmbedded(options: EmbeddedOptions): Promise<Extract<BrokerRef, { kind: 'embedded' }>> {
  const { paths, launcher, env, signal, onWait } = options;
  const ref = { kind: 'embedded', socket: paths.brokerSocket } as const;
  await awaitReady({
    what: 'the embedded broker',
    code: 'ERR_BROKER_UNREACHABLE',
    probe: () => answers(paths.brokerSocket),
    start: () =>
      startDaemon({
        script: launcher,
        args: ['serve', '--embedded'],
        env,
        // The embedded broker signs in to clouds with whatever its user has at hand.
        keep: /^AWS_/,
        log: { folder: paths.state, name: 'broker.log' },
      }),
    signal,
    onWait,
  });
  return ref;
}

/** Whether a broker that means to stay answers there. Never rejects. */
async function answers(socket: string): Promise<boolean> {
  const { exchange } = await import('./exchange.ts');
  const wire: Wire = { ref: { kind: 'embedded', socket }, agent: undefined };
  const signal = AbortSignal.timeout(5_000);
  const result = await exchange(wire, { method: 'GET', path: 'healthz', userAgent: 'jit', limit: 65_536, signal });
  wire.agent?.destroy();
  return result.kind === 'reply' && result.status === 200 && /"status":"ok"/.test(Buffer.from(result.body).toString());
}
