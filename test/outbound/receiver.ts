/**
 * A program that takes POSTs, over real HTTP or HTTPS, and answers as it is told.
 * @module
 */
import { createServer as createPlain, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Reaction {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

export interface Receiver {
  readonly url: string;
  readonly port: number;
  readonly received: Received[];
  /** The next answers; when there are none left, 204. `hang`: none at all. `reset`: the connection is broken. */
  readonly next: (Reaction | 'hang' | 'reset')[];
  end(): Promise<void>;
}

export async function startReceiver(port = 0, tls: { cert: string; key: string } | null = null): Promise<Receiver> {
  const received: Received[] = [];
  const next: Receiver['next'] = [];
  const listener: RequestListener = (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.on('end', () => {
      received.push({ path: request.url ?? '', headers: request.headers, body });
      const order = next.shift() ?? { status: 204 };
      if (order === 'hang') return;
      if (order === 'reset') request.socket.destroy();
      else response.writeHead(order.status, order.headers).end(order.body);
    });
  };
  const server = tls === null ? createPlain(listener) : createSecure(tls, listener);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  // Safe: a listening TCP server has an address of this form.
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `${tls === null ? 'http' : 'https'}://127.0.0.1:${taken}/in`,
    port: taken,
    received,
    next,
    end: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function withReceiver(body: (receiver: Receiver) => Promise<void>): Promise<void> {
  const receiver = await startReceiver();
  try {
    await body(receiver);
  } finally {
    await receiver.end();
  }
}
