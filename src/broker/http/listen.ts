/**
 * Puts the application on a socket, with the limits that a listener needs.
 * @module
 */
import { chmod, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Log } from '../service/log.ts';
import { followTlsPair, readTlsPair, type TlsFiles, tlsOptions } from './tls.ts';

export type Address =
  | { readonly kind: 'socket'; readonly path: string }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      /** Null where a proxy in front speaks TLS. */
      readonly tls: TlsFiles | null;
    };

export interface Listener {
  /** The port that was taken, or 0 for a socket. */
  readonly port: number;
  /** Takes no more connections and resolves when those that are left have gone, at most after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

const HANDSHAKE_MS = 10_000;

/**
 * A stale socket file is removed first: the caller holds the lock that proves it stale. A renewed certificate is taken up
 * without a restart. Throws `ERR_CONFIG` for an address that is taken, and for TLS files as `readTlsPair` does.
 */
export async function listen(
  app: Hono,
  address: Address,
  world: { readonly now: Clock; readonly log: Log },
): Promise<Listener> {
  const answer = getRequestListener(app.fetch);
  const { server, forget } = await makeServer(
    (request, response) => void answer(request, response),
    address.kind === 'tcp' ? address.tls : null,
    world,
  );
  server.headersTimeout = 10_000;
  server.requestTimeout = 20_000;
  server.keepAliveTimeout = 65_000;
  server.maxConnections = 4_096;
  server.maxRequestsPerSocket = 0;
  if (address.kind === 'socket') await rm(address.path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new JitError({ code: 'ERR_CONFIG', message: `cannot listen on ${nameOf(address)}`, cause }));
    });
    if (address.kind === 'socket') server.listen(address.path, resolve);
    else server.listen(address.port, address.host, resolve);
  });
  if (address.kind === 'socket') await chmod(address.path, 0o600);
  const bound = server.address();
  return {
    port: bound !== null && typeof bound === 'object' ? bound.port : 0,
    close: async (graceMs) =>
      new Promise((resolve) => {
        forget();
        const timer = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

async function makeServer(
  answer: RequestListener,
  files: TlsFiles | null,
  world: { readonly now: Clock; readonly log: Log },
) {
  if (files === null) return { server: createServer(answer), forget: () => undefined };
  const pair = await readTlsPair(files);
  const server = createTlsServer({ ...tlsOptions(pair), handshakeTimeout: HANDSHAKE_MS }, answer);
  const forget = followTlsPair(pair, files, {
    ...world,
    use: (renewed) => server.setSecureContext(tlsOptions(renewed)),
  });
  return { server, forget };
}

const nameOf = (address: Address): string =>
  address.kind === 'socket' ? address.path : `${address.host}:${address.port}`;
