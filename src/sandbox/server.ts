/**
 * The loopback HTTP server: a thin skin around the handler that bounds what comes in.
 * @module
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { JitError } from '../core/errors.ts';
import { fault } from './fault.ts';
import type { Fault } from './fault.ts';
import { SANDBOX_HEADERS, refused } from './handler.ts';
import type { Handled, SandboxEvent } from './handler.ts';
import type { WireRequest, WireResponse } from './request.ts';
import { MAX_OBJECT_BYTES } from './s3/write.ts';

/** Answers one request; it may reject for a fault of our own, never for one of the client's. */
export type Handler = (request: WireRequest) => Promise<Handled>;

/** What is told to the log: answered requests, and faults of the sandbox itself (without their content). */
export type ServerEvent = SandboxEvent | { readonly event: 'fault'; readonly name: string };

/** A listening server. */
export interface LoopbackServer {
  readonly port: number;
  close(): Promise<void>;
}

const MAX_FORM_BYTES = 64 * 1024;
// Chunk framing and signatures come on top of an object's own bytes.
const MAX_UPLOAD_BYTES = MAX_OBJECT_BYTES + 512 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 30_000;
const LOOPBACK_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;

/** A page of the web that resolves its own name to 127.0.0.1 (DNS rebinding) still sends that name as Host. */
function hostFault(message: IncomingMessage): Fault | null {
  if (LOOPBACK_HOST.test(message.headers.host ?? '')) return null;
  return fault('InvalidRequest', 421, 'The Host header must be a loopback name; S3 addresses must be path style.');
}

function wireHeaders(message: IncomingMessage): WireRequest['headers'] {
  const lines: (readonly [string, string])[] = [];
  const raw = message.rawHeaders;
  for (let at = 0; at + 1 < raw.length; at += 2) lines.push([(raw[at] ?? '').toLowerCase(), raw[at + 1] ?? '']);
  return lines;
}

/** Reads the body, or null as soon as it is too long. */
async function readBody(message: IncomingMessage): Promise<Buffer | null> {
  const isForm = (message.url ?? '/').split('?', 1)[0] === '/';
  const limit = isForm ? MAX_FORM_BYTES : MAX_UPLOAD_BYTES;
  if (Number(message.headers['content-length'] ?? 0) > limit) return null;
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of message) {
    // A stream without an encoding set yields buffers only.
    const bytes = piece as Buffer;
    size += bytes.length;
    if (size > limit) return null;
    pieces.push(bytes);
  }
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}

function send(reply: ServerResponse, response: WireResponse, method: string): void {
  const length = Buffer.byteLength(response.body);
  // HEAD states the length of what GET would have sent.
  const bodiless = method === 'HEAD' || response.status === 204 || response.status === 304;
  const counted = bodiless ? {} : { 'content-length': String(length) };
  reply.writeHead(response.status, { ...counted, ...response.headers });
  reply.end(bodiless ? undefined : response.body);
}

async function answer(handler: Handler, message: IncomingMessage): Promise<Handled> {
  const request = {
    method: message.method ?? 'GET',
    target: message.url ?? '/',
    headers: wireHeaders(message),
    body: Buffer.alloc(0),
  };
  const misaddressed = hostFault(message);
  if (misaddressed !== null) return refused(request, misaddressed);
  const body = await readBody(message);
  if (body === null) {
    return refused(request, fault('EntityTooLarge', 400, 'Your proposed upload exceeds the maximum allowed size.'));
  }
  return handler({ ...request, body });
}

/** Starts listening on 127.0.0.1. Throws `ERR_CONFIG` where the port is taken. `port` 0 takes any free one. */
export async function listenOnLoopback(
  port: number,
  handler: Handler,
  log: (event: ServerEvent) => void,
): Promise<LoopbackServer> {
  const respond = async (message: IncomingMessage, reply: ServerResponse): Promise<void> => {
    try {
      const { response, event } = await answer(handler, message);
      // What is left of a body that was not read would be taken for the next request.
      if (!message.complete) reply.shouldKeepAlive = false;
      log(event);
      send(reply, response, message.method ?? 'GET');
    } catch (error) {
      log({ event: 'fault', name: error instanceof Error ? error.name : 'unknown' });
      if (reply.headersSent || message.destroyed) {
        reply.destroy();
        return;
      }
      reply.writeHead(500, { ...SANDBOX_HEADERS, connection: 'close' }).end();
    }
  };
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    (message, reply) => void respond(message, reply),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new JitError({ code: 'ERR_CONFIG', message: `the sandbox cannot listen on port ${port}`, cause }));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  // `address()` is an object for every server that listens on a port.
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
