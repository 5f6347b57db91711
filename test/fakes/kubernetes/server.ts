/**
 * A Kubernetes API server for tests, in this process: discovery, objects, tokens of service accounts and access control as a real
 * one has them, and ways to disturb it. No nodes and no controllers: a pod is an object that stays as it was made.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { createServer as createPlain } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { perform } from './perform.ts';
import type { Answer, Api } from './perform.ts';
import { authorizer } from './rbac.ts';
import type { User } from './rbac.ts';
import { readRequest } from './request.ts';
import type { RequestInfo } from './request.ts';
import { Refusal, forbidden } from './status.ts';
import { makeStore } from './store.ts';
import type { Store, Stored } from './store.ts';
import { makeTokens } from './tokens.ts';
import type { TokenQuirks, Tokens } from './tokens.ts';
import { discovery } from './types.ts';

/**
 * What becomes of a request. `drop-reply`: it is carried out, and the connection breaks before the answer. `black-hole`: no
 * answer, ever. `gone`: the connection breaks before anything happens. Otherwise a status that is answered instead.
 */
export type Fate = 'drop-reply' | 'black-hole' | 'gone' | 429 | 403 | 500 | 503;

export interface FakeCluster {
  /** Without a final slash. */
  readonly url: string;
  /** Of an administrator, who may do everything. */
  readonly admin: string;
  readonly store: Store;
  readonly tokens: Tokens;
  /** Every request so far, such as `create serviceaccounts jit-grants`. */
  readonly log: readonly string[];
  /** A token for a user of that name, who may do what roles give them. */
  addUser(name: string): string;
  /** Decides about each authorised request from now on; null for what would happen anyway. */
  disturb(fate: ((info: RequestInfo) => Fate | null) | null): void;
  /** What an admission rule makes of an object that is about to be stored; null for none. */
  admit(change: ((resource: string, object: Stored) => Stored) | null): void;
  quirks(quirks: TokenQuirks): void;
  /** As if the server behind an aggregated group were down; null for none. */
  unavailable(group: string | null): void;
  close(): Promise<void>;
}

export interface FakeOptions {
  readonly now: () => number;
  /** PEM of a certificate and its key, for https. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

const BODY_LIMIT = 3 * 1_024 * 1_024;

/** Starts one on a free port of loopback. */
export async function fakeCluster({ now, tls }: FakeOptions): Promise<FakeCluster> {
  const store = makeStore(now);
  let quirks: TokenQuirks = {};
  let down: string | null = null;
  let fateOf: ((info: RequestInfo) => Fate | null) | null = null;
  let change: ((resource: string, object: Stored) => Stored) | null = null;
  const tokens = makeTokens(store, now, () => quirks);
  const access = authorizer(store);
  const users = new Map<string, User>();
  const log: string[] = [];
  const addToken = (name: string, ...groups: readonly string[]): string => {
    const token = `${name}-${randomBytes(12).toString('hex')}`;
    users.set(token, { name, groups: [...groups, 'system:authenticated'] });
    return token;
  };
  const admin = addToken('admin', 'system:masters');
  const api: Api = { store, tokens, access, admit: (resource, object) => change?.(resource, object) ?? object };

  const answer = async (request: IncomingMessage, body: Buffer): Promise<Answer | 'silent' | 'broken'> => {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const user = users.get(token) ?? tokens.authenticate(token);
    if (user === null) throw new Refusal(401, 'Unauthorized', 'Unauthorized');
    const url = new URL(request.url ?? '/', 'http://cluster');
    const document = request.method === 'GET' ? discovery(url.pathname) : null;
    if (document !== null && down !== null && url.pathname.startsWith(`/apis/${down}/`)) {
      throw new Refusal(503, 'ServiceUnavailable', 'the server is currently unable to handle the request');
    }
    if (document !== null) return { status: 200, body: document };
    const info = readRequest(request.method ?? '', url);
    const { type, verb, namespace, name, subresource } = info;
    const what = subresource === '' ? type.resource : `${type.resource}/${subresource}`;
    log.push([verb, what, namespace, name].filter((part) => part !== '').join(' '));
    const fate = fateOf?.(info) ?? null;
    if (fate === 'black-hole') return 'silent';
    if (fate === 'gone') return 'broken';
    if (fate === 403) throw forbidden('disturbed');
    if (typeof fate === 'number')
      throw new Refusal(fate, fate === 429 ? 'TooManyRequests' : 'InternalError', 'disturbed');
    const asked = { verb, group: type.group, resource: type.resource, subresource, namespace, name };
    if (!access.allows(user, asked)) {
      const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
      const group = `in API group "${type.group}"`;
      const refused = `User "${user.name}" cannot ${verb} resource "${what}" ${group} ${where}`;
      throw forbidden(`${type.resource} "${name}" is forbidden: ${refused}`);
    }
    try {
      const done = perform(api, user, info, { method: request.method ?? '', text: body.toString('utf8') });
      return await Promise.resolve(fate === 'drop-reply' ? 'broken' : done);
    } catch (thrown) {
      if (fate === 'drop-reply') return 'broken';
      throw thrown;
    }
  };

  const listener: RequestListener = (request, response) => {
    const respond = async (): Promise<void> => {
      const body = await buffer(request);
      if (body.length > BODY_LIMIT) throw new Refusal(413, 'RequestEntityTooLarge', 'too large');
      const result = await answer(request, body);
      if (result === 'silent') return;
      if (result === 'broken') response.destroy();
      else send(response, result);
    };
    respond().catch((thrown: unknown) => {
      if (!(thrown instanceof Refusal)) return void response.destroy();
      const headers = thrown.code === 429 || thrown.code === 503 ? { 'retry-after': '1' } : {};
      send(response, { status: thrown.code, body: thrown.body(), headers });
    });
  };
  const server = tls === undefined ? createPlain(listener) : createSecure(tls, listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // `listen` on a TCP port gives an address object.
  const { port } = server.address() as AddressInfo;

  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    admin,
    store,
    tokens,
    log,
    addUser: (name) => addToken(name),
    disturb: (fate) => {
      fateOf = fate;
    },
    admit: (made) => {
      change = made;
    },
    quirks: (made) => {
      quirks = made;
    },
    unavailable: (group) => {
      down = group;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  const type = typeof body === 'string' ? 'text/plain' : 'application/json';
  response.writeHead(status, { 'content-type': type, ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
