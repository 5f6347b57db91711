/**
 * Everything that a command may use of the world. Commands touch no globals, so tests give them another world.
 * @module
 */
import type { BrokerClient } from '../client/client.ts';
import type { BrokerRef } from '../client/ref.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { Keeper } from '../keeper/connect.ts';
import type { LocalPaths } from '../local/paths.ts';
import type { Identity } from './identity.ts';
import type { Installation } from './install-root.ts';
import type { Output, Sink } from './output.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** A broker that can be called. */
export interface Broker {
  readonly ref: BrokerRef;
  readonly client: BrokerClient;
}

/** Signals to this process: at first they abort `Context.signal`. */
export interface Signals {
  /** Until the returned function is called, every signal that a command can pass on goes to `receive` instead. */
  divert(receive: (signal: NodeJS.Signals) => void): () => void;
}

export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Whether somebody types there, and sees what is asked. */
  readonly interactive: boolean;
}

export interface Context {
  readonly env: Env;
  readonly platform: NodeJS.Platform;
  readonly now: Clock;
  readonly random: Random;
  /** The streams that a question is asked on. */
  readonly terminal: Terminal;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly out: Output;
  /** Aborts with a `JitError` when the user wants to stop. */
  readonly signal: AbortSignal;
  readonly signals: Signals;
  readonly installation: Installation;
  /** Throws `ERR_LOCAL_FILE` without a usable HOME. */
  paths(): LocalPaths;
  /** Who one is at shared brokers; the same each time. */
  identity(): Promise<Identity>;
  /**
   * The configured broker, the embedded one started if need be; the same one each time.
   * @param signal ends its calls, instead of `Context.signal`.
   */
  broker(signal?: AbortSignal): Promise<Broker>;
  /** The keeper, started if need be. */
  keeper(): Promise<Keeper>;
  /** The keeper if it runs. */
  peekKeeper(): Promise<Keeper | null>;
  /** Which broker is configured; contacts and starts nothing. */
  brokerRef(): Promise<BrokerRef>;
}
