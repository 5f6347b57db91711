/**
 * The loopback address at which SDKs find credentials, in the form of the container credentials provider:
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 * Every user of the machine, and every page in a browser, can reach it: the token and the checks around it are the guard.
 * @module
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { asJitError, JitError, worded } from '../core/errors.ts';
import { type GrantId, isGrantId } from '../core/ids.ts';
import { asLocalFault } from '../local/fault.ts';
import type { Endpoint } from './protocol.ts';

export interface LoopbackEndpoint {
  /**
   * Opens the grant's path with a new token. Asking again gives the same address and the same token.
   * Throws `ERR_LOCAL_FILE` when the token's file cannot be written.
   */
  open(grant: GrantId): Promise<Endpoint>;
  /** Takes path and token away. Throws `ERR_LOCAL_FILE` when the file stays. */
  close(grant: GrantId): Promise<void>;
  /** Stops listening and removes every token. */
  stop(): Promise<void>;
}

interface Door {
  readonly digest: Uint8Array;
  readonly endpoint: Endpoint;
}

const TOKEN_FILE = /^token-gr_[0-9a-z]{26}-[0-9a-f]{16}$/;
const PATH = /^\/v1\/credentials\/(gr_[0-9a-z]{26})(?:\/([a-z][a-z0-9-]{0,62}))?$/;
const LARGEST_HEADERS = 8_192;

/**
 * @param folder private; holds the token files.
 * @param answer the JSON document for a grant, at one of its targets if it has several; called only for requests that may have it.
 */
export function openEndpoint(
  folder: string,
  answer: (grant: GrantId, target: string | undefined) => Promise<string>,
): LoopbackEndpoint {
  const doors = new Map<GrantId, Door>();
  let listening: Promise<Server> | null = null;

  function listen(): Promise<Server> {
    listening ??= new Promise((resolve, reject) => {
      const options = {
        maxHeaderSize: LARGEST_HEADERS,
        headersTimeout: 5_000,
        requestTimeout: 10_000,
        keepAliveTimeout: 5_000,
      };
      const server = createServer(options, (request, response) => void serve(request, response, server));
      server.maxConnections = 256;
      server.once('error', reject).listen({ host: '127.0.0.1', port: 0 }, () => resolve(server));
    });
    return listening;
  }

  async function serve(request: IncomingMessage, response: ServerResponse, server: Server): Promise<void> {
    try {
      const { grant, target } = admit(request, portOf(server), doors);
      reply(response, 200, await answer(grant, target));
    } catch (thrown) {
      const error = asJitError(thrown);
      const { code, facts } = error;
      if (code === 'ERR_METHOD') response.setHeader('allow', 'GET');
      reply(response, facts.http, JSON.stringify({ code, message: worded(error) }));
    }
  }

  return {
    open: async (grant) => {
      const known = doors.get(grant);
      if (known !== undefined) return known.endpoint;
      const server = await listen();
      const token = randomBytes(32).toString('base64url');
      const tokenFile = join(folder, `token-${grant}-${randomBytes(8).toString('hex')}`);
      await writeToken(tokenFile, token);
      const endpoint = { url: `http://127.0.0.1:${portOf(server)}/v1/credentials/${grant}`, tokenFile };
      // Two callers at once: the first to get here wins, the other's file goes.
      const other = doors.get(grant);
      if (other !== undefined) {
        await rm(tokenFile, { force: true });
        return other.endpoint;
      }
      doors.set(grant, { digest: digestOf(token), endpoint });
      return endpoint;
    },
    close: async (grant) => {
      const door = doors.get(grant);
      if (door === undefined) return;
      // Shut before anything can fail; the entry stays until its file is gone, so that a retry finds it.
      doors.set(grant, { ...door, digest: NO_DIGEST });
      await remove(door.endpoint.tokenFile);
      doors.delete(grant);
    },
    stop: async () => {
      await Promise.allSettled([...doors.values()].map(({ endpoint }) => remove(endpoint.tokenFile)));
      doors.clear();
      const server = await listening;
      server?.close();
      server?.closeAllConnections();
    },
  };
}

/** Removes the token files of a keeper that was killed: their address may be somebody else's by now. */
export async function sweepTokens(folder: string): Promise<void> {
  const names = await readdir(folder);
  await Promise.all(names.filter((name) => TOKEN_FILE.test(name)).map((name) => remove(join(folder, name))));
}

/** The grant that this request may have. One answer for an unknown path and a wrong token: names of grants are not told. */
function admit(
  request: IncomingMessage,
  port: number,
  doors: ReadonlyMap<GrantId, Door>,
): { readonly grant: GrantId; readonly target: string | undefined } {
  const { method, url = '', headers } = request;
  // A page in a browser that made its own name point here (DNS rebinding) has another Host; one that did not, an Origin.
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (!hosts.includes(headers.host ?? '') || headers.origin !== undefined) throw denied();
  if (method !== 'GET') throw new JitError({ code: 'ERR_METHOD', message: 'only GET' });
  const [, grant = '', target] = PATH.exec(url) ?? [];
  const door = isGrantId(grant) ? doors.get(grant) : undefined;
  // Digests are equally long, and comparing them takes the same time whatever the token was.
  const matches = timingSafeEqual(digestOf(headers.authorization ?? ''), door?.digest ?? NO_DIGEST);
  if (!matches || !isGrantId(grant)) throw denied();
  return { grant, target };
}

const NO_DIGEST = randomBytes(32);

function denied(): JitError {
  return new JitError({ code: 'ERR_DENIED', message: 'not for you' });
}

function digestOf(token: string): Uint8Array {
  return createHash('sha256').update(token, 'utf8').digest();
}

function reply(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function writeToken(path: string, token: string): Promise<void> {
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
    const file = await open(path, flags, 0o600);
    // Without a newline: SDKs send the file's content as it is.
    try {
      await file.writeFile(token);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    throw asLocalFault(thrown, path);
  }
}

async function remove(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (thrown) {
    throw asLocalFault(thrown, path);
  }
}
