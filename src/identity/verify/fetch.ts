/**
 * A JSON document of an identity provider, fetched so that the provider, the network and the name service cannot lead
 * the broker elsewhere, keep it waiting or fill its memory.
 * @module
 */
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { type RequestOptions, request as requestSecure } from 'node:https';
import type { LookupFunction } from 'node:net';
import { display } from '../../core/display.ts';
import { jsonProblem } from '../../core/json.ts';
import { isLoopback, isReachable, type Reach, urlProblem } from '../../outbound/address.ts';
import { detailOf, unavailable } from './refusal.ts';

/** Bytes of a body. */
export const LARGEST = 65_536;
const LIMITS = { depth: 8, members: 5_000 };

/** All addresses of a name, as `dns.lookup` with `all` gives them. */
export type Resolve = (
  host: string,
  callback: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

/** Throws `ERR_IDENTITY_PROVIDER`, whatever went wrong; the detail is in `cause`. */
export type FetchJson = (url: string, reach: Reach, signal: AbortSignal) => Promise<unknown>;

/** @param ca PEM of the authorities to trust instead of the usual ones. */
export interface FetchParts {
  readonly resolve?: Resolve | undefined;
  readonly ca?: string | undefined;
}

/**
 * The head of an answer, whose body must be read or destroyed. Throws `ERR_IDENTITY_PROVIDER` for a URL that is out of reach, and
 * otherwise what `node:http` says.
 * @param form is posted; without one it is a GET.
 */
export type Open = (url: string, reach: Reach, signal: AbortSignal, form?: URLSearchParams) => Promise<IncomingMessage>;

/**
 * Straight to the host, never through a proxy. Every address that the name has at the moment of connecting must be within reach, so
 * a name that changes its mind after a check gains nothing. TLS is verified whatever the environment says.
 */
export function makeOpen({ resolve = resolveBySystem, ca }: FetchParts = {}): Open {
  return async (text, reach, signal, form) => {
    const url = fitUrl(text, reach);
    const plain = url.protocol === 'http:';
    const permits = (address: string): boolean => isReachable(address, reach) && (!plain || isLoopback(address));
    const body = form?.toString();
    const options: RequestOptions = {
      method: body === undefined ? 'GET' : 'POST',
      agent: false,
      rejectUnauthorized: true,
      lookup: guarded(resolve, permits),
      headers: {
        accept: 'application/json',
        'accept-encoding': 'identity',
        'user-agent': 'jit-broker',
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) }),
      },
      maxHeaderSize: 16_384,
      insecureHTTPParser: false,
      signal,
      ...(ca === undefined ? {} : { ca }),
    };
    return await headOf(url, options, body);
  };
}

/** One GET. Redirects, other statuses than 200, compressed or overlong bodies and JSON with doubtful parts are errors. */
export function makeFetchJson(parts: FetchParts = {}): FetchJson {
  const open = makeOpen(parts);
  return async (text, reach, signal) => {
    const url = fitUrl(text, reach);
    try {
      const response = await open(text, reach, signal);
      try {
        return parse(await read(response));
      } finally {
        response.destroy();
      }
    } catch (thrown) {
      const late = signal.aborted ? 'no complete answer in time' : detailOf(thrown);
      throw unavailable(`${url.origin}${url.pathname}: ${late}`, thrown);
    }
  };
}

function fitUrl(text: string, reach: Reach): URL {
  const problem = urlProblem(text, reach);
  if (problem !== null) throw unavailable(`${display(text, 200)} is not ${problem}`);
  return new URL(text);
}

const resolveBySystem: Resolve = (host, callback) => systemLookup(host, { all: true, verbatim: true }, callback);

/** A name with one address out of reach is refused whole: it is either misconfigured or an attack. */
function guarded(resolve: Resolve, permits: (address: string) => boolean): LookupFunction {
  return (host, { all }, callback) => {
    resolve(host, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null) callback(new Error(`${host} cannot be resolved`, { cause: error }), []);
      else if (first === undefined || !addresses.every(({ address }) => permits(address))) {
        callback(new Error(`${host} has an address that may not be reached`), []);
      } else if (all === true) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    });
  };
}

async function headOf(url: URL, options: RequestOptions, body: string | undefined): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const request = (url.protocol === 'http:' ? requestPlain : requestSecure)(url, options);
    request.on('response', resolve).on('error', reject);
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      reject(new Error('it changes the protocol'));
    });
    request.end(body);
  });
}

/** Throws `ERR_IDENTITY_PROVIDER` for another status than 200 and for what is too long, otherwise what `node:http` says. */
export async function read(response: IncomingMessage): Promise<Buffer> {
  const { statusCode, headers } = response;
  if (statusCode !== 200) throw unavailable(`status ${statusCode ?? 'unknown'}, and redirects are not followed`);
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw unavailable('compressed content');
  if (Number(headers['content-length'] ?? 0) > LARGEST) throw unavailable(`more than ${LARGEST} bytes announced`);
  const chunks: Buffer[] = [];
  let length = 0;
  // Safe: without an encoding a response consists of buffers. It throws where the body ends before its announced length.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LARGEST) throw unavailable(`more than ${LARGEST} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Throws `ERR_IDENTITY_PROVIDER` for what two readers could read differently, `TypeError` or `SyntaxError` for what is not
 * JSON in UTF-8.
 */
export function parse(body: Uint8Array): unknown {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  const problem = jsonProblem(text, LIMITS);
  if (problem !== null) throw unavailable(problem);
  return JSON.parse(text) as unknown;
}
