/**
 * The sandbox behind a gate: it counts what is asked of it, and calls can be held up before they reach it.
 * @module
 */
import { once } from 'node:events';
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { startSandbox } from '../../src/sandbox/start.ts';

export interface Cloud {
  readonly url: string;
  /** Of the user who may assume both roles, as environment variables. */
  readonly keys: Readonly<Record<string, string>>;
  /** Successful calls so far, such as `AssumeRole`. */
  readonly done: readonly string[];
  /** Ids of the grants for which a session was asked for, each time, the refused ones included. */
  readonly sessions: readonly string[];
  /** Calls that stand before the gate. */
  waiting(): number;
  /** From now on nothing gets through. */
  close(): void;
  /** What waits goes on. */
  open(): void;
}

/** Starts one; it ends with the test. */
export async function startCloud(t: TestContext): Promise<Cloud> {
  const [done, sessions]: [string[], string[]] = [[], []];
  const sandbox = await startSandbox({
    port: 0,
    state: null,
    issuers: [],
    now: Date.now,
    log: (event) => {
      if (event.event === 'request' && event.status < 300) done.push(event.action);
    },
  });
  let gate: PromiseWithResolvers<void> | null = null;
  let waiting = 0;
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const form = new URLSearchParams(body.toString('latin1'));
    const session = form.get('RoleSessionName') ?? '';
    if (session.startsWith('gr_')) sessions.push(session);
    waiting += 1;
    await gate?.promise;
    waiting -= 1;
    // With every header as it came, since the signature covers them.
    const onward = send({
      host: '127.0.0.1',
      port: sandbox.port,
      method: request.method,
      path: request.url,
      headers: request.headers,
    });
    onward.on('response', (reply) => reply.pipe(response.writeHead(reply.statusCode ?? 502, reply.headers)));
    onward.on('error', () => response.destroy());
    onward.end(body);
  };
  const server = createServer((request, response) => void pass(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    gate?.resolve();
    server.close();
    server.closeAllConnections();
    await sandbox.close();
  });
  const address = server.address();
  const { accessKeyId, secretAccessKey } = sandbox.operator.expose();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    keys: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    done,
    sessions,
    waiting: () => waiting,
    close: () => void (gate ??= Promise.withResolvers<void>()),
    open: () => {
      gate?.resolve();
      gate = null;
    },
  };
}
