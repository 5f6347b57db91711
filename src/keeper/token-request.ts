/**
 * The side of an OAuth server that Google's libraries see when they refresh a token: RFC 6749, sections 5.2 and 6. What they hold as
 * the refresh token is the token of the grant's path; whoever has it needs no other proof, so that a client's name and secret are not looked at.
 * @module
 */
import type { IncomingMessage } from 'node:http';
import { type ErrorCode, JitError, worded } from '../core/errors.ts';

/** Bytes. What the libraries send has about a hundred. */
const LARGEST_BODY = 4_096;
const FORM = /^application\/x-www-form-urlencoded(?:\s*;.*)?$/i;

/** The refresh token of a request. Throws `ERR_BODY` for anything but a request to refresh, `ERR_TOO_LARGE`. */
export async function readRefreshToken(request: IncomingMessage): Promise<string> {
  if (!FORM.test(request.headers['content-type'] ?? '')) throw bad('the body must be a form');
  const form = new URLSearchParams(await readBody(request));
  const [kind, ...kinds] = form.getAll('grant_type');
  const [token, ...tokens] = form.getAll('refresh_token');
  // Section 3.2: no parameter more than once.
  if (kind !== 'refresh_token' || token === undefined || kinds.length + tokens.length > 0) {
    throw bad('the body must be a request to refresh a token');
  }
  return token;
}

const NO_GRANT: ReadonlySet<ErrorCode> = new Set(['ERR_DENIED', 'ERR_NOT_FOUND', 'ERR_GRANT_ENDED']);
const NO_REQUEST: ReadonlySet<ErrorCode> = new Set(['ERR_BODY', 'ERR_TARGET', 'ERR_TOO_LARGE']);

/** What a library shows to its user, or does by itself: it tries again where the status says that this may help. */
export function refusalOf(error: JitError): { readonly status: number; readonly body: string } {
  const { http } = error.facts;
  if (NO_GRANT.has(error.code)) {
    return refusal(400, 'invalid_grant', 'the access has ended, or this is not its token; ask jit for another');
  }
  if (NO_REQUEST.has(error.code)) return refusal(http, 'invalid_request', worded(error));
  // Section 5.2 has no word for it; that of section 4.1.2.1 is the one that is known.
  if (http >= 500) return refusal(http, 'temporarily_unavailable', worded(error));
  return refusal(400, 'invalid_grant', worded(error));
}

function refusal(
  status: number,
  error: string,
  description: string,
): { readonly status: number; readonly body: string } {
  // Section 5.2 leaves out these characters.
  const error_description = description.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?');
  return { status, body: JSON.stringify({ error, error_description }) };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request) {
    if (!(part instanceof Uint8Array)) throw bad('the body cannot be read');
    size += part.byteLength;
    if (size > LARGEST_BODY) throw new JitError({ code: 'ERR_TOO_LARGE', message: 'the body is too large' });
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

const bad = (message: string): JitError => new JitError({ code: 'ERR_BODY', message });
