/**
 * What services of incidents have in common over real HTTP: a port that can fall silent and come back, faults on demand, and
 * calls of their own to whoever subscribed, tried again as long as they are not taken.
 * @module
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** What happens to the next question instead of its answer. `half`: the answer breaks off. */
export type Fault =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  | 'hang'
  | 'reset'
  | 'half';

export interface Asked {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
}

/** A call as it goes over the wire. */
export interface HookMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface FakeService {
  /** For the configuration. */
  readonly url: string;
  /** All questions, in order, answered or not. */
  readonly asked: Asked[];
  /** The next questions meet these, one each. */
  readonly faults: Fault[];
  /** Calls that were made, in order, those included that were not sent because hooks are suppressed. */
  readonly messages: HookMessage[];
  /** How long each answer takes, in ms. */
  delayMs: number;
  hooksTo(url: string): void;
  /** What happens from now on is told to nobody. */
  suppressHooks(): void;
  /** @returns when all that was to be told has been taken or given up, with the statuses of the last tries. */
  told(): Promise<readonly (number | 'unreached')[]>;
  /** Sends a call once, as it is. */
  post(message: HookMessage): Promise<number | 'unreached'>;
  /** Nobody listens at the port any more; open connections are cut. */
  down(): Promise<void>;
  /** At the same port again. */
  up(): Promise<void>;
  stop(): Promise<void>;
}

export type Answering = (asked: Asked) => Response;

export interface Served extends FakeService {
  tell(message: HookMessage): void;
}

const TRIES = 40;

/** @param answer makes the answer to a GET; everything else is refused. */
export async function startService(answer: Answering): Promise<Served> {
  const asked: Asked[] = [];
  const faults: Fault[] = [];
  const messages: HookMessage[] = [];
  const underway = new Set<Promise<number | 'unreached'>>();
  const finished: (number | 'unreached')[] = [];
  let target: string | null = null;
  let stopped = false;

  const server: Server = createServer((request, response) => {
    request.resume();
    void (async () => {
      const url = new URL(request.url ?? '/', 'http://service.invalid');
      const question = { path: url.pathname, query: url.searchParams, headers: request.headers };
      asked.push(question);
      if (service.delayMs > 0) await pause(service.delayMs);
      const fault = faults.shift();
      if (fault === 'hang') return;
      if (fault === 'reset') return void request.socket.destroy();
      if (fault === 'half') {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' }).write('{"incident":');
        return void setTimeout(() => request.socket.destroy(), 20);
      }
      if (fault !== undefined) {
        return void response
          .writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers })
          .end(fault.body);
      }
      const made = request.method === 'GET' ? answer(question) : new Response(null, { status: 405 });
      response.writeHead(made.status, Object.fromEntries(made.headers)).end(await made.text());
    })();
  });
  const listen = async (port: number): Promise<void> =>
    new Promise((resolve, reject) => void server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  await listen(0);
  // Safe: a listening TCP server has an address of this form.
  const { port } = server.address() as AddressInfo;

  async function post({ headers, body }: HookMessage, to = target): Promise<number | 'unreached'> {
    if (to === null) return 'unreached';
    try {
      const response = await fetch(to, {
        method: 'POST',
        headers,
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(5_000),
      });
      await response.arrayBuffer();
      return response.status;
    } catch {
      return 'unreached';
    }
  }

  async function deliver(message: HookMessage, to: string): Promise<number | 'unreached'> {
    for (let tries = 1; ; tries++) {
      const status = await post(message, to);
      const again = status === 'unreached' || status === 429 || status >= 500;
      if (!again || tries >= TRIES || stopped) return status;
      await pause(50);
    }
  }

  const service: Served = {
    url: `http://127.0.0.1:${port}`,
    asked,
    faults,
    messages,
    delayMs: 0,
    hooksTo: (url) => void (target = url),
    suppressHooks: () => void (target = null),
    told: async () => {
      while (underway.size > 0) await Promise.all(underway);
      return [...finished];
    },
    post,
    tell: (message) => {
      messages.push(message);
      if (target === null) return;
      const running = deliver(message, target);
      underway.add(running);
      void running.then((status) => {
        underway.delete(running);
        return finished.push(status);
      });
    },
    down: close,
    up: async () => {
      if (!server.listening) await listen(port);
    },
    stop: async () => {
      stopped = true;
      await close();
    },
  };
  return service;
}

export function json(body: object, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
}
