/**
 * Hands a secret address to the person's own browser: the browser is sent to a page on loopback that is there once, and
 * that page sends it on. So the secret stands in no command line, where every user of the machine could read it.
 * Source for the redirect: IAM user guide, "Enable custom identity broker access to the AWS console".
 * @module
 */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { JitError } from '../../core/errors.ts';
import type { Random } from '../../core/ports.ts';
import type { Secret } from '../../core/secret.ts';

export interface PassOptions {
  readonly secret: Secret<string>;
  /** Opens the browser at an address that is no secret for long. */
  readonly open: (url: URL) => Promise<'opened' | 'none'>;
  readonly random: Random;
  readonly platform: NodeJS.Platform;
  /** Of this process; null where there are none. */
  readonly uid: number | null;
  /** How long to wait for the browser. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** `fetched`: the browser has it. `none`: there is no browser. `nobody`: one was started, and nothing has come. */
export type Passed = 'fetched' | 'none' | 'nobody';

const LIMITS = { maxHeaderSize: 32_768, headersTimeout: 5_000, requestTimeout: 10_000 };
const HEADERS = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', connection: 'close' };

/** Resolves when nobody listens any more. Throws what `signal` says, and `ERR_UNEXPECTED` where no port can be had. */
export async function passToBrowser(options: PassOptions): Promise<Passed> {
  const { random, signal, timeoutMs } = options;
  const path = `/${Buffer.from(random(16)).toString('base64url')}`;
  const { promise: fetched, resolve } = Promise.withResolvers<Passed>();
  let taken: 'no' | 'yes' = 'no';
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const verdict = await judge(request, { port: portOf(server), path, ...options });
    if (verdict !== 'fit' || taken === 'yes') {
      response.writeHead(verdict === 'fit' ? 410 : verdict, HEADERS).end();
      return;
    }
    taken = 'yes';
    response.once('close', () => resolve('fetched'));
    response.writeHead(302, { ...HEADERS, location: options.secret.expose() }).end();
  };
  const server = createServer(LIMITS, (request, response) => void respond(request, response));
  await listening(server);
  const timer = setTimeout(() => resolve('nobody'), timeoutMs);
  const abort = (): void => resolve('nobody');
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    if ((await options.open(new URL(`http://127.0.0.1:${portOf(server)}${path}`))) === 'none') return 'none';
    const outcome = await fetched;
    signal.throwIfAborted();
    return outcome;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    await closed(server);
  }
}

interface Expected extends Pick<PassOptions, 'platform' | 'uid'> {
  readonly port: number;
  readonly path: string;
}

/** A status that refuses, or `fit`: a browser of this user that comes by navigating to exactly this address. */
async function judge(
  { method, url, headers, socket }: IncomingMessage,
  { port, path, platform, uid }: Expected,
): Promise<'fit' | 403 | 404 | 405 | 421> {
  // A name that was made to point here (DNS rebinding) shows in Host.
  if (headers.host !== `127.0.0.1:${port}`) return 421;
  if (method !== 'GET') return 405;
  if (url !== path) return 404;
  if (headers.origin !== undefined || (headers['sec-fetch-dest'] ?? 'document') !== 'document') return 403;
  if (platform !== 'linux' || uid === null) return 'fit';
  // This address was in a command line, so another user may have been quicker than the browser. Root needs no such trick.
  const owner = await ownerOf(socket.remotePort ?? 0, port);
  return owner === uid || owner === 0 ? 'fit' : 403;
}

/** proc(5), /proc/net/tcp: the user at the other end of a connection on loopback, or null. */
async function ownerOf(from: number, to: number): Promise<number | null> {
  const end = (port: number): string => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const table = await readFile('/proc/net/tcp', 'utf8').catch(() => '');
  for (const row of table.split('\n')) {
    const [, local, remote, , , , , uid] = row.trim().split(/\s+/);
    if (local === end(from) && remote === end(to) && uid !== undefined) return Number(uid);
  }
  return null;
}

async function listening(server: Server): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(new JitError({ code: 'ERR_UNEXPECTED', message: 'no port of 127.0.0.1 can be listened on', cause }));
    server.on('error', fail).listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
