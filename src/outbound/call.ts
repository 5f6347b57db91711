/**
 * One call to a configured address, so that the other side, the network and the name service cannot lead the broker elsewhere,
 * keep it waiting or fill its memory.
 * @module
 */
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { type RequestOptions, request as requestSecure } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Secret } from '../core/secret.ts';
import { isLoopback, isReachable, type Reach, urlProblem } from './address.ts';

const LARGEST = 65_536;

interface Outline {
  /** Often a secret by itself: whoever knows the address of a webhook can post there. */
  readonly url: Secret<string>;
  readonly reach: Reach;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The header `authorization`: the prefix, such as `Bearer ` with its space, and the secret right after it. */
  readonly authorization?: { readonly prefix: string; readonly secret: Secret<string> };
  /** The media type that is wanted (RFC 9110, section 12.5.1). Any where it is left out. */
  readonly accept?: string;
  /** Bytes of the answer's body that are read at most. Left out, it is 64 KiB. */
  readonly largest?: number;
}

export type Outgoing =
  | (Outline & { readonly method: 'GET' })
  /** `body`: JSON. */
  | (Outline & { readonly method: 'POST'; readonly body: string });

export type Answer =
  /**
   * `retryAfter`, `rateLimitReset`: headers as they came. `type`: the media type in lower case, without parameters. `text`: the
   * whole body, null where it is longer than it may be or not UTF-8.
   */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfter: string | null;
      readonly rateLimitReset: string | null;
      readonly type: string | null;
      readonly text: string | null;
    }
  /** `problem`: a few words without anything secret. */
  | { readonly kind: 'failed'; readonly problem: string };

/** All addresses of a name, as `dns.lookup` with `all` gives them. */
export type Resolve = (
  host: string,
  callback: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

export type Call = (outgoing: Outgoing, signal: AbortSignal) => Promise<Answer>;

/**
 * Never through a proxy, never after a redirect. Every address that the name has at the moment of connecting must be within
 * reach. TLS is verified whatever the environment says. Never rejects.
 */
export function makeCall(parts: { readonly resolve?: Resolve; readonly ca?: string } = {}): Call {
  const { resolve = resolveBySystem, ca } = parts;
  return async (outgoing, signal) => {
    const { url: secretUrl, reach, largest = LARGEST } = outgoing;
    const text = secretUrl.expose();
    if (urlProblem(text, reach) !== null) return { kind: 'failed', problem: 'its address may not be reached' };
    const url = new URL(text);
    const plain = url.protocol === 'http:';
    const permits = (address: string): boolean => isReachable(address, reach) && (!plain || isLoopback(address));
    const content = outgoing.method === 'GET' ? null : Buffer.from(outgoing.body, 'utf8');
    const options: RequestOptions = {
      method: outgoing.method,
      agent: false,
      rejectUnauthorized: true,
      lookup: guarded(resolve, permits),
      headers: headersOf(outgoing, content),
      maxHeaderSize: 16_384,
      insecureHTTPParser: false,
      signal,
      ...(ca === undefined ? {} : { ca }),
    };
    try {
      const response = await send(url, options, content);
      try {
        return await read(response, largest);
      } finally {
        response.destroy();
      }
    } catch (thrown) {
      return { kind: 'failed', problem: signal.aborted ? 'no complete answer in time' : faultOf(thrown) };
    }
  };
}

function headersOf({ headers, authorization, accept }: Outgoing, content: Buffer | null): Record<string, string> {
  return {
    ...(content === null
      ? {}
      : { 'content-type': 'application/json; charset=utf-8', 'content-length': String(content.length) }),
    'accept-encoding': 'identity',
    'user-agent': 'jit-broker',
    ...(accept === undefined ? {} : { accept }),
    ...headers,
    ...(authorization === undefined
      ? {}
      : { authorization: `${authorization.prefix}${authorization.secret.expose()}` }),
  };
}

const resolveBySystem: Resolve = (host, callback) => systemLookup(host, { all: true, verbatim: true }, callback);

/** A name with one address out of reach is refused whole: it is either misconfigured or an attack. */
function guarded(resolve: Resolve, permits: (address: string) => boolean): LookupFunction {
  return (host, { all }, callback) => {
    resolve(host, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null) callback(Object.assign(new Error('not resolved'), { code: 'ENOTFOUND' }), []);
      else if (first === undefined || !addresses.every(({ address }) => permits(address))) {
        callback(Object.assign(new Error('out of reach'), { code: 'out of reach' }), []);
      } else if (all === true) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    });
  };
}

async function send(url: URL, options: RequestOptions, content: Buffer | null): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const request = (url.protocol === 'http:' ? requestPlain : requestSecure)(url, options);
    request.on('response', resolve).on('error', reject);
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      reject(new TypeError('it changes the protocol'));
    });
    request.end(content ?? undefined);
  });
}

async function read(response: IncomingMessage, largest: number): Promise<Answer> {
  const { statusCode = 0, headers } = response;
  const answer = {
    kind: 'answered',
    status: statusCode,
    retryAfter: headers['retry-after'] ?? null,
    rateLimitReset: headerOf(headers['ratelimit-reset']),
    type: mediaType(headers['content-type']),
  } as const;
  const chunks: Buffer[] = [];
  let length = 0;
  // Safe: without an encoding a response consists of buffers. It throws where the body ends before its announced length.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > largest) return { ...answer, text: null };
    chunks.push(chunk);
  }
  return { ...answer, text: decoded(Buffer.concat(chunks)) };
}

/** Null where it is missing or came more than once. */
function headerOf(value: string | readonly string[] | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function mediaType(header: string | undefined): string | null {
  return header === undefined ? null : (header.split(';', 1)[0] ?? '').trim().toLowerCase();
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The name that Node gives to the fault; messages of others may quote what they were told. */
function faultOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null;
  return typeof code === 'string' && /^[\w ]{1,60}$/.test(code) ? `not reached (${code})` : 'not reached';
}
