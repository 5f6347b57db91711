/**
 * Starts a sandbox: an AWS-compatible cloud in a box, on loopback, that really enforces.
 * @module
 */
import type { Secret } from '../core/secret.ts';
import { createCloud } from './cloud.ts';
import { handle } from './handler.ts';
import { createKeyring } from './keys.ts';
import type { AccessKey } from './keys.ts';
import { listenOnLoopback } from './server.ts';
import type { ServerEvent } from './server.ts';
import { fileState, memoryState } from './state.ts';
import { tokenVerifier } from './sts/identity-token.ts';
import type { IssuerKeys } from './sts/identity-token.ts';
import { createWorld, inlinePolicies } from './world.ts';

/** What a sandbox is started with. */
export interface SandboxOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** The path of a file (mode 0600) that keeps keys and inline policies over restarts, or null for memory only. */
  readonly state: string | null;
  /** Who may be trusted for AssumeRoleWithWebIdentity. */
  readonly issuers: readonly IssuerKeys[];
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Told about every request; never about a secret. */
  readonly log?: (event: ServerEvent) => void;
}

/** A running sandbox. It holds no process open but its own server; `close` ends every connection. */
export interface Sandbox {
  /** `http://127.0.0.1:PORT`, the endpoint of every service. */
  readonly url: string;
  readonly port: number;
  /** The long-term access key of the user who may assume both roles. */
  readonly operator: Secret<AccessKey>;
  close(): Promise<void>;
}

/**
 * Starts listening on 127.0.0.1. Throws `ERR_LOCAL_FILE` for a state file that cannot be used or kept to oneself,
 * and `ERR_CONFIG` for a port that is taken.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { port, issuers, now, log = () => undefined } = options;
  const state = options.state === null ? memoryState() : fileState(options.state);
  const keys = createKeyring(state.key);
  const { revision, inline } = state;
  const world = createWorld({ issuers, revision, inline, now: now() });
  const persist = () => {
    state.save(world.revision, inlinePolicies(world));
  };
  const cloud = createCloud({ world, keys, now, verifyIdentityToken: tokenVerifier(issuers), persist });
  const server = await listenOnLoopback(port, (request) => handle(cloud, request), log);
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    operator: keys.operator(),
    close: () => server.close(),
  };
}
