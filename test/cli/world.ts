/**
 * A context for tests: a real client on a real socket, streams that remember, a clock that moves only when told to.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { openClient } from '../../src/client/client.ts';
import type { BrokerRef } from '../../src/client/ref.ts';
import type { Context } from '../../src/cli/context.ts';
import { openOutput, type Sink } from '../../src/cli/output.ts';
import { JitError } from '../../src/core/errors.ts';
import { localPaths } from '../../src/local/paths.ts';

export interface TestWorld {
  readonly context: Context;
  /** What was written, per stream. */
  readonly said: { stdout: string; stderr: string };
  /** As Ctrl-C would. */
  interrupt(): void;
}

export interface TestWorldOptions {
  readonly ref?: BrokerRef;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether both streams are terminals of this many columns. */
  readonly terminal?: number;
  readonly now?: () => number;
}

const NOWHERE: BrokerRef = { kind: 'embedded', socket: '/nonexistent/broker.sock' };

export function testWorld(options: TestWorldOptions = {}): TestWorld {
  const { ref = NOWHERE, env = { HOME: '/nonexistent' }, terminal, now = Date.now } = options;
  const said = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr'): Sink => ({
    isTTY: terminal !== undefined,
    columns: terminal ?? Number.POSITIVE_INFINITY,
    write: (text) => {
      said[name] += text;
    },
  });
  const [stdout, stderr] = [sink('stdout'), sink('stderr')];
  const stop = new AbortController();
  const none = (): never => {
    throw new JitError({ code: 'ERR_KEEPER', message: 'no keeper in this test' });
  };
  const context: Context = {
    env,
    platform: 'linux',
    now,
    random: (bytes) => randomBytes(bytes),
    terminal: { input: new PassThrough(), output: new PassThrough(), interactive: terminal !== undefined },
    stdout,
    stderr,
    out: openOutput(stdout, stderr, (env['NO_COLOR'] ?? '') === '' ? 'rich' : 'plain'),
    signal: stop.signal,
    signals: { divert: () => () => undefined },
    installation: {
      runtime: '/nonexistent/node',
      version: '0.0.0',
      jit: '/nonexistent/jit',
      broker: '/nonexistent/jit-broker',
    },
    paths: () => localPaths(env, 'linux', 0),
    identity: () => Promise.reject(new JitError({ code: 'ERR_UNEXPECTED', message: 'nobody signs in in this test' })),
    brokerRef: () => Promise.resolve(ref),
    broker: (signal) =>
      Promise.resolve({ ref, client: openClient(ref, { userAgent: 'test', signal: signal ?? stop.signal }) }),
    keeper: none,
    peekKeeper: () => Promise.resolve(null),
  };
  return {
    context,
    said,
    interrupt: () => stop.abort(new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted' })),
  };
}

/** Anything that moves a cursor, hides text or changes its direction, line ends apart. */
export const RAW = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
