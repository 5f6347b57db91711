/**
 * One question over HTTP to whoever vouches for a workload. Redirects are answers, answers are small, and plain http goes to
 * this machine or to the addresses that the clouds answer at, which no router forwards.
 * @module
 */
import type { Agent, IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { display } from '../../core/display.ts';
import { noAnswer, notSignedIn } from './fault.ts';

export interface Question {
  /** Who is asked, for messages. */
  readonly label: string;
  readonly method?: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: Agent | undefined;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Bytes of an answer. */
export const LONGEST_ANSWER = 65_536;

/** Throws `ERR_NOT_SIGNED_IN` for an address that `requireSafe` refuses, `ERR_IDENTITY_PROVIDER` without a usable answer. */
export async function ask(question: Question): Promise<Answer> {
  const { label, url, signal } = question;
  requireSafe(url, `the address of ${label}`);
  const http = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  return await new Promise((resolve, reject) => {
    const fail = (cause: Error): void => reject(noAnswer(label, faultOf(cause)));
    const request = http.request({
      host: bare(url.hostname),
      ...(url.port === '' ? {} : { port: Number(url.port) }),
      path: `${url.pathname}${url.search}`,
      method: question.method ?? 'GET',
      headers: { ...question.headers, 'accept-encoding': 'identity' },
      maxHeaderSize: 16_384,
      ...(question.agent === undefined ? {} : { agent: question.agent }),
      signal,
    });
    request.on('error', fail);
    request.on('response', (response) => {
      const chunks: Uint8Array[] = [];
      let size = 0;
      response.on('data', (chunk: Uint8Array) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size <= LONGEST_ANSWER) return;
        reject(noAnswer(label, `its answer is longer than ${LONGEST_ANSWER} bytes`));
        request.destroy();
      });
      response.on('error', fail);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    request.end(question.body);
  });
}

function faultOf(cause: Error): string {
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  return code === '' || code === 'ABORT_ERR' ? 'the connection broke' : `the connection failed (${display(code, 60)})`;
}

const LOCAL = new BlockList();
LOCAL.addSubnet('127.0.0.0', 8, 'ipv4');
LOCAL.addAddress('::1', 'ipv6');
// Link-local, RFC 3927 and RFC 4291: 169.254.169.254 of the clouds, and the addresses that Azure App Service gives out.
LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LOCAL.addSubnet('fe80::', 10, 'ipv6');
/** With and without the dot that keeps a search domain away. */
const LOCAL_NAMES: readonly string[] = ['localhost', 'metadata.google.internal', 'metadata.google.internal.'];

/** Whether an address or name, without brackets, is this machine, its link, or the metadata server that Google names. */
export function isLocal(host: string): boolean {
  const version = isIP(host);
  return version === 0 ? LOCAL_NAMES.includes(host) : LOCAL.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

/** Throws `ERR_NOT_SIGNED_IN` unless it is https, or http to where `isLocal` says. @param what names the address. */
export function requireSafe(url: URL, what: string): void {
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLocal(bare(url.hostname)))) return;
  throw notSignedIn(
    `${what} (${display(url.origin === 'null' ? url.protocol : url.origin, 200)}) is refused`,
    'only https is safe, and http within this machine or to the metadata address of a cloud',
  );
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
