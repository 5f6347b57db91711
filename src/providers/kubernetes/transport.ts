/**
 * How the generated client reaches an API server: Node's own HTTP, with the target's authority and no other, connections that
 * are kept, answers that are bounded, and redirects that are not followed.
 * @module
 */
import type { PromiseHttpLibrary, RequestContext, ResponseContext } from '@kubernetes/client-node';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { JitError } from '../../core/errors.ts';

/** Sends requests with the life of `signal`. */
export type Transport = (signal: AbortSignal, authority: string | null) => PromiseHttpLibrary;

const ANSWER_LIMIT = 32 * 1_024 * 1_024;
const AGENT = { keepAlive: true, maxSockets: 64 };

/** Answers in the form of the client are made by `respond`, since the client itself is loaded lazily. */
export type Respond = (answer: { status: number; headers: Record<string, string>; body: Buffer }) => ResponseContext;

export function transport(respond: Respond): Transport {
  const plain = new HttpAgent(AGENT);
  const secure = new Map<string, HttpsAgent>();
  const agentFor = (authority: string | null): HttpsAgent => {
    const key = authority ?? '';
    // `rejectUnauthorized` is said, since a variable of the environment could switch it off otherwise.
    const agent =
      secure.get(key) ??
      new HttpsAgent({ ...AGENT, rejectUnauthorized: true, ...(authority === null ? {} : { ca: authority }) });
    secure.set(key, agent);
    return agent;
  };
  return (signal, authority) => ({
    send: async (context) => {
      const begin = (): ClientRequest => {
        const url = new URL(context.getUrl());
        const options = { method: context.getHttpMethod(), headers: headersOf(context), signal };
        return url.protocol === 'https:'
          ? httpsRequest(url, { ...options, agent: agentFor(authority) })
          : httpRequest(url, { ...options, agent: plain });
      };
      return respond(await exchange(begin, bodyOf(context)));
    },
  });
}

type Answer = Parameters<Respond>[0];

async function exchange(begin: () => ClientRequest, body: string | null): Promise<Answer> {
  const request = begin();
  try {
    return await once(request, body);
  } catch (thrown) {
    // A kept connection that the other side has just given up: nothing is lost by asking once more, since names are deterministic.
    const reset = thrown instanceof Error && 'code' in thrown && thrown.code === 'ECONNRESET';
    if (!reset || !request.reusedSocket) throw thrown;
    return await once(begin(), body);
  }
}

async function once(request: ClientRequest, body: string | null): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response) => {
      collect(response).then(resolve, reject);
    });
    if (body === null) request.end();
    else request.end(body);
  });
}

async function collect(response: IncomingMessage): Promise<Answer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response) {
    const bytes = Buffer.from(part);
    size += bytes.length;
    if (size > ANSWER_LIMIT) throw broken('the answer is too long');
    parts.push(bytes);
  }
  if (!response.complete) throw broken('the answer was cut');
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) headers[name] = String(value);
  return { status: response.statusCode ?? 0, headers, body: Buffer.concat(parts) };
}

function broken(message: string): JitError {
  return new JitError({ code: 'ERR_CLOUD_UNKNOWN', message });
}

function headersOf(context: RequestContext): Record<string, string> {
  const body = bodyOf(context);
  return {
    ...context.getHeaders(),
    'User-Agent': 'jit',
    ...(body === null ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
  };
}

/** The generated calls that are used here send JSON, which is a text. */
function bodyOf(context: RequestContext): string | null {
  const body: unknown = context.getBody();
  return typeof body === 'string' ? body : null;
}
