/**
 * The only way in which the identity provider is called. Its answers are not trusted: they are bounded in size and time,
 * and lead nowhere else.
 * @module
 */
import type { CustomFetch } from 'openid-client';
import { JitError } from '../../core/errors.ts';
import { display } from '../../core/display.ts';

/** Enough for any discovery document, key set or token reply, and too little to fill a memory. */
export const LARGEST_ANSWER = 256 * 1_024;
/** For one request, from the connection to the last byte. */
export const ANSWER_WITHIN_MS = 10_000;

/**
 * A `fetch` for openid-client that refuses addresses which `isFit` refuses, does not follow redirects, and gives up
 * after 10 s or 256 KiB. Rejects with `ERR_IDENTITY_PROVIDER` or as `fetch` does.
 * @param signal ends every request; null lets each run to its own end.
 */
export function providerFetch(issuer: URL, signal: AbortSignal | null): CustomFetch {
  return async (address, options) => {
    const url = requireFit(new URL(address), issuer);
    const ends = [AbortSignal.timeout(ANSWER_WITHIN_MS), signal, options.signal ?? null];
    const { body, headers, method } = options;
    const answer = await fetch(url, {
      method,
      headers,
      body: body ?? null,
      redirect: 'manual',
      signal: AbortSignal.any(ends.filter((each) => each !== null)),
    });
    const { status, statusText } = answer;
    return new Response(await readBounded(answer, url), { status, statusText, headers: answer.headers });
  };
}

async function readBounded(answer: Response, url: URL): Promise<Uint8Array<ArrayBuffer> | null> {
  if (answer.body === null) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Safe: a body is made of bytes.
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    // Leaving the loop cancels the body, which closes the connection.
    if (size > LARGEST_ANSWER) {
      throw new JitError({ code: 'ERR_IDENTITY_PROVIDER', message: `${url.host} answers with too much` });
    }
    chunks.push(chunk);
  }
  // A Response with status 204 or 304 must have no body at all.
  return size === 0 ? null : Buffer.concat(chunks);
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** Whether plain HTTP to this host stays on this machine. */
export function isLoopback(url: URL): boolean {
  return LOOPBACK.has(url.hostname);
}

/**
 * @returns the URL, if a token may be sent there: https, or http to this machine where the issuer is one of this machine too.
 * Throws `ERR_CONFIG`, since whoever set up the provider named the address.
 */
export function requireFit(url: URL, issuer: URL): URL {
  const local = url.protocol === 'http:' && isLoopback(url) && issuer.protocol === 'http:' && isLoopback(issuer);
  if ((url.protocol === 'https:' || local) && url.username === '' && url.password === '') return url;
  const message = `${display(url.href, 200)} is no address for a sign-in: it must begin with https://`;
  throw new JitError({ code: 'ERR_CONFIG', message });
}
