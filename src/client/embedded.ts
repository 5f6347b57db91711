/**
 * The embedded broker, started on demand.
 * @module
 */
import { isAbsolute, join } from 'node:path';
import { readOwnFile } from '../local/atomic.ts';
import { type LocalPaths, SOCKET_FILE } from '../local/paths.ts';
import { awaitReady, startDaemon } from './daemon.ts';
import type { Wire } from './exchange.ts';
import type { BrokerRef } from './ref.ts';

const LONGEST_PATH = 4_096;

export interface EmbeddedOptions {
  readonly paths: Pick<LocalPaths, 'run' | 'state' | 'brokerState' | 'brokerSocket'>;
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
  let socket = paths.brokerSocket;
  await awaitReady({
    what: 'the embedded broker',
    code: 'ERR_BROKER_UNREACHABLE',
    probe: async () => {
      if (await answers(paths.brokerSocket)) return true;
      // One broker serves all sessions of its user, and another session may have another XDG_RUNTIME_DIR.
      const elsewhere = await advertised(paths.brokerState);
      if (elsewhere === null || elsewhere === paths.brokerSocket || !(await answers(elsewhere))) return false;
      socket = elsewhere;
      return true;
    },
    start: () =>
      startDaemon({
        script: launcher,
        args: ['serve', '--embedded'],
        env,
        // The embedded broker signs in to clouds with whatever its user has at hand.
        keep: /^(?:AWS_|AZURE_|GOOGLE_APPLICATION_CREDENTIALS$|CLOUDSDK_CONFIG$)/,
        log: { folder: paths.state, name: 'broker.log' },
      }),
    signal,
    onWait,
  });
  return { kind: 'embedded', socket };
}

/** Where the broker that last started listens; null where none did, or where the file is not one that it wrote. */
async function advertised(brokerState: string): Promise<string | null> {
  const bytes = await readOwnFile(join(brokerState, SOCKET_FILE), LONGEST_PATH).catch(() => null);
  const path = bytes?.toString('utf8') ?? '';
  return isAbsolute(path) && !/[\0\r\n]/.test(path) ? path : null;
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
