/**
 * The loopback address at which SDKs find credentials: AWS's in the form of the container credentials provider,
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html, and Google's libraries, by POST to the same
 * address and `/token`, as at an OAuth server that refreshes tokens.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { asJitError, JitError, worded } from '../core/errors.ts';
import { type GrantId, isGrantId } from '../core/ids.ts';
import { asLocalFault } from '../local/fault.ts';
import { demandLocal, demandToken, denied, digestOf, NO_DIGEST } from './admission.ts';
import type { Endpoint } from './protocol.ts';
import { readRefreshToken, refusalOf } from './token-request.ts';

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

/** Whom it is for: `container`, an AWS SDK; `token`, a library that refreshes a token. */
export type EndpointForm = 'container' | 'token';

export interface EndpointAsk {
  readonly grant: GrantId;
  /** One of the grant's targets, where it has several. */
  readonly target: string | undefined;
  readonly form: EndpointForm;
}

interface Door {
  readonly digest: Uint8Array;
  readonly endpoint: Endpoint;
}

const TOKEN_FILE = /^token-gr_[0-9a-z]{26}-[0-9a-f]{16}$/;
const PATH = /^\/v1\/credentials\/(gr_[0-9a-z]{26})(?:\/([a-z][a-z0-9-]{0,62}))?$/;
/** What is posted to; a target named `token` is another path, since that is not. */
const TOKEN_PATH = /^\/v1\/credentials\/(gr_[0-9a-z]{26})(?:\/([a-z][a-z0-9-]{0,62}))?\/token$/;
const LARGEST_HEADERS = 8_192;

/**
 * @param folder private; holds the token files.
 * @param answer the JSON document of a credential; called only for requests that may have it.
 */
export function openEndpoint(folder: string, answer: (ask: EndpointAsk) => Promise<string>): LoopbackEndpoint {
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
    const { method, url = '' } = request;
    const exchange = method === 'POST' ? TOKEN_PATH.exec(url) : null;
    try {
      demandLocal(request, portOf(server));
      if (exchange === null && method !== 'GET') throw new JitError({ code: 'ERR_METHOD', message: 'only GET' });
      const [, grant = '', target] = exchange ?? PATH.exec(url) ?? [];
      const token = exchange === null ? (request.headers.authorization ?? '') : await readRefreshToken(request);
      const form = exchange === null ? 'container' : 'token';
      reply(response, 200, await answer({ ...admit(grant, token), target, form }));
    } catch (thrown) {
      const error = asJitError(thrown);
      const { code, facts } = error;
      if (code === 'ERR_METHOD') response.setHeader('allow', 'GET');
      // What is left of the body is not read.
      if (code === 'ERR_TOO_LARGE') response.setHeader('connection', 'close');
      const plain = { status: facts.http, body: JSON.stringify({ code, message: worded(error) }) };
      const { status, body } = exchange === null ? plain : refusalOf(error);
      reply(response, status, body);
    }
  }

  /** The grant of that name, if this is its token. */
  function admit(grant: string, token: string): { readonly grant: GrantId } {
    const known = isGrantId(grant) ? grant : null;
    demandToken(token, known === null ? undefined : doors.get(known)?.digest);
    if (known === null) throw denied();
    return { grant: known };
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
