/**
 * Agents that speak HTTP/2, or nothing like it, as badly as a test asks.
 * @module
 */
import {
  createServer as createHttp2,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempFolder } from '../../support/home.ts';

export interface RawAgent {
  readonly path: string;
  /** Connections that nobody has closed. */
  readonly open: ReadonlySet<Socket>;
  /** How often it was connected to. */
  connections(): number;
}

export type Answerer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** Real HTTP/2, with what a test makes of each call. */
export async function http2Agent(t: TestContext, answer: Answerer): Promise<RawAgent> {
  return await listening(t, http2Server(answer));
}

/** The same over TCP. @returns its port, or null where this machine has no such address. */
export async function http2Port(t: TestContext, host: string, answer: Answerer): Promise<number | null> {
  const server = http2Server(answer);
  const ready = await new Promise<boolean>((resolve) => {
    server.on('error', () => resolve(false));
    server.listen(0, host, () => resolve(true));
  });
  t.after(() => server.close());
  const address = server.address();
  return ready && typeof address === 'object' && address !== null ? address.port : null;
}

function http2Server(answer: Answerer): Http2Server {
  const server = createHttp2();
  // A client that goes away is the purpose of many a test.
  server.on('session', (session) => session.on('error', () => undefined));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    answer(stream, headers);
  });
  return server;
}

/** Bytes, whatever they are, as soon as somebody connects. */
export async function bytesAgent(t: TestContext, serve: (socket: Socket) => void): Promise<RawAgent> {
  return await listening(
    t,
    createServer((socket) => {
      // Otherwise nobody would notice that the client has closed it.
      socket.resume();
      serve(socket);
    }),
  );
}

/** Frames that a test has made itself, its settings among them, once the whole of the first call is there. */
export async function framesAgent(t: TestContext, answer: (socket: Socket) => void): Promise<RawAgent> {
  return await bytesAgent(t, (socket) => {
    let rest = Buffer.alloc(0);
    let at = PREFACE.length;
    socket.on('data', (piece) => {
      rest = Buffer.concat([rest, Buffer.from(piece)]);
      while (rest.length >= at + 9 && rest.length >= at + 9 + rest.readUIntBE(at, 3)) {
        const [flags, stream] = [rest.readUInt8(at + 4), rest.readUInt32BE(at + 5)];
        at += 9 + rest.readUIntBE(at, 3);
        if (stream === 1 && (flags & END_STREAM) !== 0) answer(socket);
      }
    });
  });
}

async function listening(t: TestContext, server: Server | Http2Server): Promise<RawAgent> {
  const open = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
  });
  const path = join(tempFolder(t), 'agent.sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return { path, open, connections: () => connections };
}

export interface Parts {
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Uint8Array;
  /** None at all where it is null. */
  readonly trailers?: Readonly<Record<string, string | string[]>> | null;
}

/** Headers, one piece of data and trailers; what is left out is as it should be. */
export function respond(stream: ServerHttp2Stream, { headers, body, trailers }: Parts): void {
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', ...headers },
    { waitForTrailers: trailers !== null },
  );
  stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? { 'grpc-status': '0' }));
  stream.end(body);
}

/** A message with the five bytes before it. */
export function framed(message: Uint8Array, { flag = 0, length = message.length } = {}): Buffer {
  const prefix = Buffer.from([flag, 0, 0, 0, 0]);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** A frame of RFC 9113 section 4.1. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array,
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
export const END_STREAM = 1;
export const END_HEADERS = 4;
export const TYPE = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
/** The first frame of every server; nothing in it. */
export const SETTINGS = frame(TYPE.settings, 0, 0, Buffer.alloc(0));

/** HPACK, RFC 7541: literals that nobody indexes. */
export function fields(entries: Readonly<Record<string, string>>): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    return bytes.length < 127
      ? Buffer.from([bytes.length, ...bytes])
      : Buffer.from([127, ((bytes.length - 127) & 0x7f) | 0x80, (bytes.length - 127) >> 7, ...bytes]);
  };
  return Buffer.concat(Object.entries(entries).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** The headers of a good answer on the first stream. */
export const HEAD = frame(
  TYPE.headers,
  END_HEADERS,
  1,
  fields({ ':status': '200', 'content-type': 'application/grpc' }),
);
export const TAIL = frame(TYPE.headers, END_HEADERS | END_STREAM, 1, fields({ 'grpc-status': '0' }));
export const data = (bytes: Uint8Array): Buffer => frame(TYPE.data, 0, 1, bytes);

/** A frame that holds numbers of 32 bits. */
export function numbers(type: number, stream: number, ...values: readonly number[]): Buffer {
  const payload = Buffer.alloc(4 * values.length);
  values.forEach((value, at) => payload.writeUInt32BE(value, 4 * at));
  return frame(type, 0, stream, payload);
}
