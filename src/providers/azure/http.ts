/**
 * The HTTP client that the Azure SDK is given: each call has its own deadline, follows nothing, and says of a failure whether
 * the request had left.
 * @module
 */
import type { TokenCredentialOptions } from '@azure/identity';
import { Agent as HttpAgent } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request as send } from 'node:https';

export type HttpClient = NonNullable<TokenCredentialOptions['httpClient']>;
type HttpRequest = Parameters<HttpClient['sendRequest']>[0];
type HttpResponse = Awaited<ReturnType<HttpClient['sendRequest']>>;

/** No answer came. `sent`: whether the request may have reached the other side. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
  readonly code: string;
  readonly sent: 'no' | 'maybe';

  constructor(code: string, sent: 'no' | 'maybe') {
    super(`no answer (${code})`);
    this.code = code;
    this.sent = sent;
  }
}

export const DEADLINE_MS = 10_000;
/** A list of all role assignments of a subscription has at most 4,000 entries a page or fewer; this is far above it. */
const LARGEST = 32 * 1_024 * 1_024;

/** A client of its own connections. */
export function httpClient(): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  return {
    sendRequest: async (request) => {
      try {
        return await once(request, agent);
      } catch (thrown) {
        if (!(thrown instanceof Stale)) throw thrown;
        // The other side closed a kept connection at the moment of its next use, and maybe others with it. Every request names
        // what it makes, so that it can be sent again.
        return await once(request, new Agent({ keepAlive: false }));
      }
    },
  };
}

/** As `Unanswered`, on a connection that had been used before. */
class Stale extends Unanswered {}

async function once(request: HttpRequest, own: Agent): Promise<HttpResponse> {
  const { body, agent, abortSignal } = request;
  if (body !== undefined && body !== null && typeof body !== 'string') throw new Unanswered('BODY', 'no');
  if (abortSignal?.aborted === true) throw new Unanswered('ABORTED', 'no');
  const headers = request.headers.toJSON({ preserveCase: false });
  // Answers come plain: nothing here unpacks them.
  delete headers['accept-encoding'];
  if (typeof body === 'string') headers['content-length'] = String(Buffer.byteLength(body));
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
  // The proxy that the SDK has found for this address, if there is one.
  const via = agent instanceof HttpAgent ? agent : own;
  const outgoing = send(request.url, { method: request.method, headers, agent: via }, (incoming) => {
    void read(incoming).then(
      (text) => resolve({ request, status: incoming.statusCode ?? 0, headers: headersOf(incoming), bodyAsText: text }),
      (error: unknown) => fail(error),
    );
  });
  const state = { connected: false };
  outgoing.once('socket', (socket) => {
    if (outgoing.reusedSocket) state.connected = true;
    else socket.once('secureConnect', () => (state.connected = true));
  });
  const fail = (error: unknown): void => reject(judged(error, outgoing, state.connected));
  outgoing.once('error', fail);
  const stop = (code: string) => (): void =>
    void outgoing.destroy(new Unanswered(code, state.connected ? 'maybe' : 'no'));
  const late = AbortSignal.timeout(DEADLINE_MS);
  const [onLate, onAbort] = [stop('TIMEOUT'), stop('ABORTED')];
  late.addEventListener('abort', onLate, { once: true });
  abortSignal?.addEventListener('abort', onAbort);
  outgoing.end(body ?? undefined);
  try {
    return await promise;
  } finally {
    late.removeEventListener('abort', onLate);
    abortSignal?.removeEventListener('abort', onAbort);
  }
}

function judged(error: unknown, outgoing: ClientRequest, connected: boolean): Unanswered {
  if (error instanceof Unanswered) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN';
  if (outgoing.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE')) return new Stale(code, 'maybe');
  return new Unanswered(code, connected ? 'maybe' : 'no');
}

async function read(incoming: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of incoming) {
    const bytes = Buffer.from(part);
    size += bytes.length;
    if (size > LARGEST) throw new Unanswered('TOO_LARGE', 'maybe');
    parts.push(bytes);
  }
  if (!incoming.complete) throw new Unanswered('CUT_SHORT', 'maybe');
  return Buffer.concat(parts).toString('utf8');
}

function headersOf({ headers }: IncomingMessage): HttpResponse['headers'] {
  const map = new Map(Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]));
  return {
    get: (name) => map.get(name.toLowerCase()),
    has: (name) => map.has(name.toLowerCase()),
    set: (name, value) => void map.set(name.toLowerCase(), String(value)),
    delete: (name) => void map.delete(name.toLowerCase()),
    toJSON: () => Object.fromEntries(map),
    [Symbol.iterator]: () => map.entries(),
  };
}
