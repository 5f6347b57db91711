/**
 * Puts the application on a socket, with the limits that a listener needs.
 * @module
 */
import { chmod, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { JitError } from '../../core/errors.ts';

export type Address =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export interface Listener {
  /** The port that was taken, or 0 for a socket. */
  readonly port: number;
  /** Takes no more connections and resolves when those that are left have gone, at most after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** A stale socket file is removed first: the caller holds the lock that proves it stale. */
export async function listen(app: Hono, address: Address): Promise<Listener> {
  const answer = getRequestListener(app.fetch);
  const server = createServer((request, response) => void answer(request, response));
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
        const timer = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

const nameOf = (address: Address): string =>
  address.kind === 'socket' ? address.path : `${address.host}:${address.port}`;
