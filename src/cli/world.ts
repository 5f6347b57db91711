/**
 * The real world as a `Context`: the process, its streams and signals, and the local services. Only `main` uses it.
 * @module
 */
import { statSync } from 'node:fs';
import { isatty } from 'node:tty';
import { localPaths, type LocalPaths, refuseForeignHome } from '../local/paths.ts';
import type { KeeperOptions } from '../keeper/connect.ts';
import type { Broker, Context, Env } from './context.ts';
import type { Identity } from './identity.ts';
import { findInstallation } from './install-root.ts';
import { openOutput } from './output.ts';
import { openSignals } from './signals.ts';
import { openSink } from './sink.ts';

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
  const stdout = openSink(1);
  const stderr = openSink(2);
  const signals = openSignals(process);
  const installation = once(findInstallation);
  const opened: Broker[] = [];
  const paths = once((): LocalPaths => {
    const uid = process.geteuid?.() ?? 0;
    refuseForeignHome(env, uid, (path) => statSync(path, { throwIfNoEntry: false })?.uid ?? null);
    return localPaths(env, platform, uid);
  });
  const brokerRef = once(async () => (await import('./settings.ts')).chosenBroker(env, paths()));
  const userAgent = (): string => `jit/${installation().version}`;
  const connect = async (signal: AbortSignal): Promise<Broker> => {
    const ref = await readyBroker();
    const { openClient } = await import('../client/client.ts');
    const authorizer = ref.kind === 'embedded' ? undefined : (await identity()).account(ref).session;
    const broker = { ref, client: openClient(ref, { userAgent: userAgent(), signal, authorizer }) };
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
        launcher: installation().broker,
        env,
        signal: signals.signal,
        onWait: () => out.progress('jit: starting the embedded broker'),
      });
    } finally {
      out.progress(null);
    }
  });
  const shared = once(() => connect(signals.signal));
  const secretsChoice = once(async () => (await (await import('./settings.ts')).readSettings(paths())).secrets);
  const keeperOptions = async (): Promise<KeeperOptions> => {
    const choice = env['JIT_SECRET_STORE'] ?? (await secretsChoice());
    // The keeper reads no settings: what is needed of them comes with its environment.
    const chosen = choice === null ? {} : { JIT_SECRET_STORE: choice };
    return { paths: paths(), launcher: installation().jit, env: { ...env, ...chosen }, signal: signals.signal };
  };
  let opening: Promise<Identity> | null = null;
  const identity = (): Promise<Identity> =>
    (opening ??= import('./identity.ts').then(({ openIdentity }) =>
      openIdentity(context, userAgent(), secretsChoice, keeperOptions),
    ));
  const out = openOutput(stdout, stderr, plainness(env));
  const context: Context = {
    env,
    platform,
    now: Date.now,
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    terminal: {
      // Looked up when somebody is asked: they take long to load.
      get input() {
        return process.stdin;
      },
      get output() {
        return process.stderr;
      },
      interactive: isatty(0) && stderr.isTTY,
    },
    stdout,
    stderr,
    out,
    signal: signals.signal,
    signals,
    get installation() {
      return installation();
    },
    paths,
    identity,
    brokerRef,
    broker: (signal) => (signal === undefined ? shared() : connect(signal)),
    keeper: once(async () => {
      const { openKeeper } = await import('../keeper/connect.ts');
      return await openKeeper(await keeperOptions());
    }),
    peekKeeper: async () => {
      const { peekKeeper } = await import('../keeper/connect.ts');
      return await peekKeeper(paths());
    },
  };
  return {
    context,
    stdoutBroken: () => stdout.broken(),
    close: () => {
      signals.close();
      for (const { client } of opened) client.close();
      void opening?.then(({ close }) => close());
    },
  };
}

function plainness(env: Env): 'plain' | 'rich' {
  return (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb' ? 'plain' : 'rich';
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}
