/**
 * The real world as a `Context`: the process, its streams and signals, and the local services. Only `main` uses it.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { JitError } from '../core/errors.ts';
import { localPaths, type LocalPaths, refuseForeignHome } from '../local/paths.ts';
import { ownerOf } from '../local/private-dir.ts';
import type { Broker, Context, Env } from './context.ts';
import { findInstallation } from './install-root.ts';
import { openOutput, type Sink } from './output.ts';
import { openSignals } from './signals.ts';

/** A context with what only `main` may do to it. */
export interface World {
  readonly context: Context;
  /** Whether somebody stopped reading stdout, as `head` does. */
  stdoutBroken(): boolean;
  /** Takes the handlers away and closes connections, so that the process can end. */
  close(): void;
}

export function openWorld(): World {
  const { env, platform } = process;
  const stdout = sinkOf(process.stdout);
  const stderr = sinkOf(process.stderr);
  const signals = openSignals(process);
  const installation = findInstallation();
  const opened: Broker[] = [];
  const paths = once((): LocalPaths => {
    const uid = process.geteuid?.() ?? 0;
    refuseForeignHome(env, uid, ownerOf);
    return localPaths(env, platform, uid);
  });
  const brokerRef = once(async () => (await import('./settings.ts')).chosenBroker(env, paths()));
  const userAgent = `jit/${installation.version}`;
  const connect = async (signal: AbortSignal): Promise<Broker> => {
    const ref = await readyBroker();
    const { openClient } = await import('../client/client.ts');
    const broker = { ref, client: openClient(ref, { userAgent, signal }) };
    opened.push(broker);
    return broker;
  };
  const readyBroker = once(async () => {
    const ref = await brokerRef();
    if (ref.kind !== 'embedded') return ref;
    const { ensureEmbedded } = await import('../client/embedded.ts');
    try {
      return await ensureEmbedded({
        paths: paths(),
        launcher: installation.broker,
        env,
        signal: signals.signal,
        onWait: () => out.progress('jit: starting the embedded broker'),
      });
    } finally {
      out.progress(null);
    }
  });
  const shared = once(() => connect(signals.signal));
  const out = openOutput(stdout.sink, stderr.sink, plainness(env));
  const context: Context = {
    env,
    platform,
    now: Date.now,
    random: (bytes) => randomBytes(bytes),
    terminal: {
      input: process.stdin,
      output: process.stderr,
      interactive: process.stdin.isTTY && process.stderr.isTTY,
    },
    stdout: stdout.sink,
    stderr: stderr.sink,
    out,
    signal: signals.signal,
    signals,
    installation,
    paths,
    brokerRef,
    broker: (signal) => (signal === undefined ? shared() : connect(signal)),
    keeper: once(async () => {
      const { openKeeper } = await import('../keeper/connect.ts');
      return await openKeeper({ paths: paths(), launcher: installation.jit, env, signal: signals.signal });
    }),
    peekKeeper: async () => {
      const { peekKeeper } = await import('../keeper/connect.ts');
      return await peekKeeper(paths());
    },
  };
  return {
    context,
    stdoutBroken: stdout.broken,
    close: () => {
      signals.close();
      for (const { client } of opened) client.close();
    },
  };
}

function plainness(env: Env): 'plain' | 'rich' {
  return (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb' ? 'plain' : 'rich';
}

function sinkOf(stream: NodeJS.WriteStream): { readonly sink: Sink; readonly broken: () => boolean } {
  let broken = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Nobody reads any more. What the command has begun still has to be finished, so this is no reason to end.
    if (error.code !== 'EPIPE')
      throw new JitError({ code: 'ERR_LOCAL_FILE', message: 'cannot write the output', cause: error });
    broken = true;
  });
  return {
    sink: {
      isTTY: stream.isTTY,
      columns: stream.isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY,
      write: (text) => {
        if (!broken) stream.write(text);
      },
    },
    broken: () => broken,
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}
