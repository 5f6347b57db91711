/**
 * A single request and its answer on Node's own HTTP client, every outcome a value.
 * @module
 */
import type { Agent, ClientRequest, IncomingHttpHeaders, RequestOptions } from 'node:http';
import type { BrokerRef } from './ref.ts';

/** Where to, and the connections kept open to it. */
export interface Wire {
  readonly ref: BrokerRef;
  agent: Agent | undefined;
}

export interface Outgoing {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly key?: string;
  /** Lower-case names; those that say who calls. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly userAgent: string;
  /** Bytes of the answer's body. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

export type Exchange =
  | {
      readonly kind: 'reply';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: Uint8Array;
    }
  /** Something answered, but not a broker. */
  | { readonly kind: 'unusable'; readonly what: string }
  /** `connect`: surely nothing was sent. `final`: another attempt would end the same way. */
  | {
      readonly kind: 'failed';
      readonly phase: 'connect' | 'midway';
      readonly final: boolean;
      readonly what: string;
      readonly cause: Error;
    };

/** Never rejects for what the network does. */
export async function exchange(wire: Wire, outgoing: Outgoing): Promise<Exchange> {
  const secure = wire.ref.kind === 'url' && wire.ref.url.protocol === 'https:';
  const http = secure ? await import('node:https') : await import('node:http');
  wire.agent ??= new http.Agent({ keepAlive: true, maxSockets: 8 });
  const payload = outgoing.body === undefined ? undefined : Buffer.from(JSON.stringify(outgoing.body));
  const request = http.request({
    ...place(wire.ref, outgoing.path),
    method: outgoing.method,
    // A kept connection may have been closed by the other side just now; a POST that must not be repeated takes a new one.
    agent: outgoing.method === 'GET' || outgoing.key !== undefined ? wire.agent : false,
    signal: outgoing.signal,
    maxHeaderSize: 16_384,
    headers: {
      ...outgoing.headers,
      ...(wire.ref.kind === 'embedded' ? { host: 'localhost' } : {}),
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': outgoing.userAgent,
      ...(outgoing.key === undefined ? {} : { 'idempotency-key': outgoing.key }),
      ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': payload.length }),
    },
  });
  return settle(request, payload, outgoing.limit);
}

function place(ref: BrokerRef, path: string): RequestOptions {
  if (ref.kind === 'embedded') return { socketPath: ref.socket, path: `/${path}` };
  const { hostname, port, pathname } = ref.url;
  // Brackets belong to the URL, not to the address that is connected to.
  const host = hostname.replace(/^\[|\]$/g, '');
  return { host, ...(port === '' ? {} : { port: Number(port) }), path: `${pathname}${path}` };
}

function settle(request: ClientRequest, payload: Uint8Array | undefined, limit: number): Promise<Exchange> {
  return new Promise((resolve) => {
    let phase: 'connect' | 'midway' = 'connect';
    const fail = (cause: Error): void => resolve(failure(cause, phase));
    // A reused connection counts as midway: whether the request reached the other side cannot be known.
    request.on('socket', (socket) => {
      if (!socket.connecting) phase = 'midway';
      else socket.once('secureConnect', () => (phase = 'midway')).once('connect', () => (phase = 'midway'));
    });
    request.on('error', fail);
    request.on('response', (response) => {
      const chunks: Uint8Array[] = [];
      let size = 0;
      response.on('data', (chunk: Uint8Array) => {
        size += chunk.length;
        if (size <= limit) {
          chunks.push(chunk);
          return;
        }
        resolve({ kind: 'unusable', what: `more than ${limit} bytes` });
        request.destroy();
      });
      response.on('error', fail);
      response.on('end', () => {
        resolve({
          kind: 'reply',
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        });
      });
      response.on('close', () => fail(new Error('the connection closed in the middle of the answer')));
    });
    request.end(payload);
  });
}

function failure(cause: Error, phase: 'connect' | 'midway'): Exchange {
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  if (code.startsWith('HPE_')) return { kind: 'unusable', what: 'it does not speak HTTP' };
  if (isCertificateFault(code)) {
    return { kind: 'failed', phase: 'connect', final: true, what: `tls: ${words(code)}`, cause };
  }
  const known = Object.hasOwn(FAULTS, code) ? FAULTS[code] : undefined;
  const what = known ?? (code === '' ? 'the connection broke' : `the connection failed (${code})`);
  return { kind: 'failed', phase, final: code === 'ENOTFOUND' || code === 'EACCES', what, cause };
}

const FAULTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'it refuses connections',
  ECONNRESET: 'the connection broke',
  ENOENT: 'it is not running',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'there is no way to its host',
  ENETUNREACH: 'there is no network',
  ETIMEDOUT: 'the connection timed out',
  EACCES: 'its socket belongs to another user',
};

function isCertificateFault(code: string): boolean {
  return /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_|ERR_SSL_|EPROTO$|HOSTNAME_MISMATCH$)/.test(code);
}

function words(code: string): string {
  return code
    .replace(/^ERR_(TLS|SSL)_/, '')
    .replaceAll('_', ' ')
    .toLowerCase();
}
