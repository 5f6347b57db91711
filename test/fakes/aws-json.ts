/**
 * Services of AWS that speak JSON (protocol awsJson1_1) behind one address, beside those that speak the query protocol.
 * @module
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

export interface JsonAnswer {
  readonly status: number;
  readonly body: object;
}

/** A service: an answer to an action that it has, else null. @param target the header `x-amz-target`, such as `AmazonSSM.DescribeSessions`. */
export interface JsonService {
  answer(target: string, body: unknown): JsonAnswer | null;
}

/** Answers a call in JSON, and says whether it was one. */
export async function answerJson(
  services: readonly JsonService[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const target = request.headers['x-amz-target'];
  if (typeof target !== 'string') return false;
  const body: unknown = await json(request);
  const [answer] = services.flatMap((service) => service.answer(target, body) ?? []);
  const { status, body: text } = answer ?? { status: 400, body: { __type: 'UnknownOperationException' } };
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify(text));
  return true;
}

/** Serves them on a free port of loopback. */
export async function serveJson(
  services: readonly JsonService[],
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!(await answerJson(services, request, response))) response.writeHead(404).end();
  };
  const server = createServer((request, response) => {
    respond(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // `listen` on a TCP port gives an address object.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
