/**
 * One request to STS: to an address that the configuration fixes, with limits on what comes back.
 * @module
 */
import { request as requestHttp } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { urlToHttpOptions } from 'node:url';
import type { Place } from './place.ts';
import { CALL } from './proof.ts';
import type { ProofHeaders } from './proof.ts';
import { unanswered } from './unanswered.ts';

export interface Question {
  readonly place: Place;
  /** An origin to connect to instead of AWS's own, null for that. The host name that was signed is sent all the same. */
  readonly endpoint: string | null;
  readonly headers: ProofHeaders;
}

export interface Reply {
  readonly status: number;
  /** The media type as it was sent. */
  readonly type: string;
  readonly body: Buffer;
}

export interface AskLimits {
  /** For everything: connecting, TLS, and the last byte of the answer. */
  readonly patienceMs: number;
  /** How many may be asked at the same time: anybody who can reach the broker can make it ask. */
  readonly most: number;
}

export const ASK_LIMITS: AskLimits = { patienceMs: 5_000, most: 64 };
const LARGEST = 65_536;

export type Ask = (question: Question) => Promise<Reply>;

/**
 * Follows no redirect, uses no proxy, and verifies TLS whatever the environment says.
 * @throws {JitError} `ERR_IDENTITY_PROVIDER` for no answer in time, too long a one, and too many questions at once.
 */
export function makeAsk({ patienceMs, most }: AskLimits): Ask {
  let asking = 0;
  return async (question) => {
    const { region } = question.place;
    if (asking >= most) throw unanswered(region, `more than ${most} proofs at once`);
    asking += 1;
    try {
      return await ask(question, AbortSignal.timeout(patienceMs));
    } catch (thrown) {
      throw unanswered(region, thrown instanceof Error ? thrown.message : 'no answer');
    } finally {
      asking -= 1;
    }
  };
}

async function ask({ place, endpoint, headers }: Question, signal: AbortSignal): Promise<Reply> {
  const url = new URL(endpoint ?? `https://${place.host}`);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    const outgoing = send({
      ...urlToHttpOptions(url),
      method: CALL.method,
      path: CALL.path,
      // Named one by one: what a caller added could not get in.
      headers: {
        host: place.host,
        'content-type': CALL.contentType,
        'content-length': CALL.body.length,
        authorization: headers.authorization,
        'x-amz-date': headers['x-amz-date'],
        'x-jit-challenge': headers['x-jit-challenge'],
        ...(headers['x-amz-security-token'] === undefined
          ? {}
          : { 'x-amz-security-token': headers['x-amz-security-token'] }),
      },
      // A connection of its own: no other request shares it, so no answer can be taken for another's.
      agent: false,
      rejectUnauthorized: true,
      // Otherwise Node would compare the certificate with the Host header instead of the address.
      servername: isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0 ? url.hostname : '',
      signal,
    });
    outgoing.once('response', resolve).on('error', reject).end(CALL.body);
  });
  const body = await readBody(response);
  return { status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body };
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response) {
    // A stream without an encoding gives buffers.
    const bytes = part as Buffer;
    size += bytes.length;
    if (size > LARGEST) throw new RangeError(`more than ${LARGEST} bytes`);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}
