/**
 * What runs on the sandbox's thread: the cloud in a box, and one message about where it listens.
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads';
import { asJitError } from '../core/errors.ts';
import { startSandbox } from '../sandbox/start.ts';
import type { IssuerKeys } from '../sandbox/sts/identity-token.ts';
import { steadyClock } from './clock.ts';

/** What the broker says at the start. */
export interface SandboxOrder {
  /** 0 takes any free port. */
  readonly port: number;
  /** Path of the sandbox's state file. */
  readonly state: string;
  readonly issuer: IssuerKeys;
}

/** What it hears back, once. */
export type SandboxReport =
  | { readonly kind: 'listening'; readonly port: number; readonly url: string }
  | { readonly kind: 'failed'; readonly message: string };

// Safe: only sandbox.ts starts this thread, and it gives exactly this.
const order = workerData as SandboxOrder;
const tell = (report: SandboxReport): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the parent is a thread, not a window
  parentPort?.postMessage(report);
};

try {
  const { port, url } = await startSandbox({
    port: order.port,
    state: order.state,
    issuers: [order.issuer],
    now: steadyClock(),
  });
  tell({ kind: 'listening', port, url });
} catch (thrown) {
  tell({ kind: 'failed', message: asJitError(thrown).message });
}
