/**
 * One call of gRPC with one message each way, on a connection of its own that is plain and goes straight to where it is told:
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 * @module
 */
import { type ClientHttp2Session, connect as connectHttp2, constants, type IncomingHttpHeaders } from 'node:http2';
import { connect, isIPv6, type Socket } from 'node:net';
import { judgeHeaders, judgeReply, judgeReset, type Outcome, PREFIX, refusal, type Reply } from './unary-reply.ts';

/** A socket by its path, or an IP address and a port. */
export type Address = { readonly path: string } | { readonly host: string; readonly port: number };

export interface UnaryCall {
  readonly address: Address;
  /** Service and method, such as `/Service/Method`. */
  readonly method: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly message: Uint8Array;
  /** Bytes of the message that may come back. */
  readonly longest: number;
  /** What the server is told of the time that there is, in ms. */
  readonly limitMs: number;
  /** Ends the call wherever it is, connecting included. */
  readonly signal: AbortSignal;
}

/** Never rejects for what the server does; the connection is closed when it returns. */
export async function unaryCall(call: UnaryCall): Promise<Outcome> {
  if (call.signal.aborted) return GIVEN_UP;
  const socket = connect(call.address);
  // Every setting but this one, among them how large headers may be, is safe by default.
  const settings = { enablePush: false };
  const session = connectHttp2('http://localhost', { createConnection: () => socket, settings });
  let giveUp = (): void => undefined;
  try {
    return await new Promise<Outcome>((resolve) => {
      giveUp = () => resolve(GIVEN_UP);
      call.signal.addEventListener('abort', giveUp);
      converse(call, { socket, session, resolve });
    });
  } finally {
    call.signal.removeEventListener('abort', giveUp);
    session.destroy();
    socket.destroy();
  }
}

const GIVEN_UP = refusal('cancelled', 'there was no more time for it');
// Of a connection that ends, Node says by itself that the call was cancelled.
const LOST = refusal('unavailable', 'the connection broke');
/** The largest that has the eight digits of a timeout, a day and more. */
const LONGEST_TIMEOUT_MS = 99_999_999;

interface Line {
  readonly socket: Socket;
  readonly session: ClientHttp2Session;
  /** What it is first called with counts. */
  readonly resolve: (outcome: Outcome) => void;
}

function converse(call: UnaryCall, { socket, session, resolve }: Line): void {
  let fault: Error | null = null;
  const failed = (error: Error & { readonly code?: unknown }): void => {
    // Says no more than the code of the stream does.
    if (error.code !== 'ERR_HTTP2_STREAM_ERROR') fault ??= error;
  };
  socket.on('error', failed);
  session.on('error', failed);

  const stream = session.request({
    ':method': 'POST',
    ':authority': authorityOf(call.address),
    ':path': call.method,
    'grpc-timeout': `${Math.min(Math.max(Math.ceil(call.limitMs), 1), LONGEST_TIMEOUT_MS)}m`,
    te: 'trailers',
    'content-type': 'application/grpc',
    'grpc-accept-encoding': 'identity',
    ...call.metadata,
  });
  stream.on('error', failed);
  let headers: Reply['headers'] | null = null;
  let trailers: Reply['trailers'] = null;
  // Of its full size from the start: many small pieces would each hold on to the whole of what was read with them.
  const body = Buffer.alloc(PREFIX + call.longest);
  let size = 0;
  stream.on('response', (received, flags) => {
    headers = received;
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) trailers = received;
  });
  stream.on('trailers', (received: IncomingHttpHeaders) => {
    trailers = received;
  });
  stream.on('data', (piece: Buffer) => {
    if (size + piece.length <= body.length) {
      size += piece.copy(body, size);
      return;
    }
    const tooLong = refusal('resourceExhausted', `its answer is longer than ${call.longest} bytes`);
    resolve((headers && judgeHeaders(headers)) ?? tooLong);
    stream.destroy();
  });
  const ended = (): void => {
    const reset = judgeReset(stream.rstCode ?? 0);
    if (fault !== null) resolve(refusal('unavailable', `the connection failed: ${fault.message}`));
    else if (reset !== null) resolve(socket.destroyed ? LOST : reset);
    else if (headers === null) resolve(refusal('internal', 'it ended the call without an answer'));
    else resolve(judgeReply({ headers, trailers, body: body.subarray(0, size) }));
  };
  stream.on('close', ended);
  stream.end(framed(call.message));
}

function framed(message: Uint8Array): Uint8Array {
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** As gRPC has it for a socket too, since servers take no path for the name of a host. */
function authorityOf(address: Address): string {
  if ('path' in address) return 'localhost';
  return isIPv6(address.host) ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
