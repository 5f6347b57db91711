/**
 * Waits on the loopback interface for the browser to come back, RFC 8252 section 7.3.
 * Every page in the browser and every user of the machine can reach it: the state and the checks around it are the guard.
 * @module
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { type Outcome, pageFor } from './pages.ts';

export interface LoopbackOptions {
  /** The one that the authorization request carries. */
  readonly state: string;
  /** How long to wait for the browser. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** How the wait ended. */
export type Arrival =
  /** The whole address that the browser came to, with the code or the error; it waits for `answer`. */
  | { readonly kind: 'arrived'; readonly url: Secret<URL>; readonly answer: (outcome: Outcome) => Promise<void> }
  | { readonly kind: 'timed out' }
  | { readonly kind: 'disturbed' }
  | { readonly kind: 'aborted' };

export interface Loopback {
  /** `http://127.0.0.1:<port>/callback`. */
  readonly redirectUri: string;
  /** Never rejects. */
  readonly arrival: Promise<Arrival>;
  /** Resolves once nobody listens any more. */
  close(): Promise<void>;
}

const PATH = '/callback';
/** Wrong or missing states, each in a navigation of its own, after which something is at work that is no accident. */
const PATIENCE = 20;
const LIMITS = {
  // Cookies of every other server on 127.0.0.1 come along, since browsers do not keep them apart by port.
  maxHeaderSize: 32_768,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
};

/**
 * Listens on a port that the system chooses. Takes exactly one callback with the right state; whatever else comes is
 * refused and ends nothing, so that no page elsewhere can abort a sign-in. Only the twentieth wrong state does.
 * Throws `ERR_UNEXPECTED` where no port can be had.
 */
export async function listenForCallback({ state, timeoutMs, signal }: LoopbackOptions): Promise<Loopback> {
  const { promise: arrival, resolve } = Promise.withResolvers<Arrival>();
  const expected = digestOf(state);
  let taken: 'no' | 'yes' = 'no';
  let strays = 0;
  const server = createServer(LIMITS, (request, response) => {
    const verdict = judge(request, portOf(server), expected);
    if (verdict.kind === 'unfit') return refuse(response, verdict.status);
    if (verdict.kind === 'stray') {
      strays += 1;
      if (strays >= PATIENCE) resolve({ kind: 'disturbed' });
      return void show(response, 'stray');
    }
    if (taken === 'yes') return void show(response, 'used');
    taken = 'yes';
    resolve({ kind: 'arrived', url: verdict.url, answer: (outcome) => show(response, outcome) });
  });
  server.maxConnections = 64;
  await listening(server);
  const timer = setTimeout(() => resolve({ kind: 'timed out' }), timeoutMs);
  const abort = (): void => resolve({ kind: 'aborted' });
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return {
    redirectUri: `http://127.0.0.1:${portOf(server)}${PATH}`,
    arrival,
    close: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      return closed(server);
    },
  };
}

type Verdict =
  | { readonly kind: 'unfit'; readonly status: number }
  | { readonly kind: 'stray' }
  | { readonly kind: 'callback'; readonly url: Secret<URL> };

function judge(request: IncomingMessage, port: number, expected: Uint8Array): Verdict {
  const { method, url: target = '', headers } = request;
  // A name that was made to point here (DNS rebinding) shows in Host.
  const host = `127.0.0.1:${port}`;
  if (headers.host !== host) return { kind: 'unfit', status: 421 };
  if (method !== 'GET') return { kind: 'unfit', status: 405 };
  if (target.replace(/\?.*/s, '') !== PATH) return { kind: 'unfit', status: 404 };
  // The browser comes back by navigating: then there is no Origin, and no frame, picture or script that asks.
  const destination = headers['sec-fetch-dest'] ?? 'document';
  if (headers.origin !== undefined || destination !== 'document') return { kind: 'unfit', status: 403 };
  const url = new URL(target, `http://${host}`);
  const [state = '', ...more] = url.searchParams.getAll('state');
  // Digests are equally long, and comparing them takes the same time whatever came.
  if (more.length > 0 || !timingSafeEqual(digestOf(state), expected)) return { kind: 'stray' };
  return { kind: 'callback', url: new Secret(url) };
}

function digestOf(state: string): Uint8Array {
  return createHash('sha256').update(state, 'utf8').digest();
}

function refuse(response: ServerResponse, status: number): void {
  const allow = status === 405 ? { allow: 'GET' } : {};
  response.writeHead(status, { ...pageFor('stray').headers, ...allow }).end();
}

/** Resolves once the page is sent, or nobody is there to read it. */
function show(response: ServerResponse, outcome: Outcome): Promise<void> {
  const { status, headers, body } = pageFor(outcome);
  return new Promise((resolve) => {
    if (response.destroyed) return resolve();
    response.once('close', resolve);
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
  });
}

async function listening(server: Server): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(new JitError({ code: 'ERR_UNEXPECTED', message: 'no port of 127.0.0.1 can be listened on', cause }));
    server.on('error', fail).listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
}

async function closed(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
