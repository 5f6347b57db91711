/**
 * An HTTP server between a provider and its cloud that counts calls and breaks them as an outage would, for rigs of the contract.
 * @module
 */
import { once } from 'node:events';
import { createServer, request as send } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { OutageKind } from './rig.ts';

/** An answer in the cloud's own form. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpGate {
  readonly url: string;
  /** Calls that have arrived so far, whatever became of them. */
  calls(): number;
  /** As the rig's. */
  outage(kind: OutageKind, when: { readonly after: number }): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

interface Present {
  readonly kind: OutageKind;
  /** Calls that still go well. */
  left: number;
}

/** Starts one on a free port of loopback. @param upstream `http://127.0.0.1:PORT`, without a path. */
export async function openGate(
  upstream: string,
  answers: Readonly<Record<'throttled' | 'denied', Answer>>,
): Promise<HttpGate> {
  let present: Present | null = null;
  let calls = 0;
  const silent = new Set<ServerResponse>();

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    calls += 1;
    const outage = present !== null && present.left <= 0 ? present.kind : 'none';
    if (present !== null) present.left -= 1;
    const body = await buffer(request);
    switch (outage) {
      case 'none':
        return await forward(upstream, request, body, (reply, text) => {
          response.writeHead(reply.statusCode ?? 502, reply.headers).end(text);
        });
      case 'reply-lost':
        return await forward(upstream, request, body, () => void response.destroy());
      case 'down':
        return void response.destroy();
      case 'black-hole':
        return void silent.add(response);
      case 'throttled':
      case 'denied': {
        const { status, type, body: text, headers } = answers[outage];
        return void response.writeHead(status, { 'content-type': type, ...headers }).end(text);
      }
    }
  };
  const server = createServer((request, response) => {
    respond(request, response).catch(() => response.destroy());
  });
  const port = await listen(server, 0);

  return {
    url: `http://127.0.0.1:${port}`,
    calls: () => calls,
    outage: async (kind, { after }) => {
      const closed = kind === 'down' && after === 0;
      if (closed) await close(server);
      else present = { kind, left: after };
      return async () => {
        present = null;
        if (closed) await listen(server, port);
        for (const response of silent) response.destroy();
        silent.clear();
      };
    },
    close: async () => {
      await close(server);
    },
  };
}

/** With every header as it came, since signatures cover them. */
async function forward(
  upstream: string,
  request: IncomingMessage,
  body: Buffer,
  reply: (answer: IncomingMessage, text: Buffer) => void,
): Promise<void> {
  const { hostname, port } = new URL(upstream);
  const onward = send({ host: hostname, port, method: request.method, path: request.url, headers: request.headers });
  onward.end(body);
  // `once` rejects where the request fails.
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  reply(answer, await buffer(answer));
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  // `listen` on a TCP port gives an address object.
  return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
