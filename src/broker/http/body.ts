/**
 * Reads a request's body within limits, before anything else looks at it.
 * @module
 */
import { createHash } from 'node:crypto';
import type * as z from 'zod';
import { JitError } from '../../core/errors.ts';
import { jsonProblem } from '../../core/json.ts';

export const BODY_BYTES = 65_536;
/** What a service sends of its own, such as a whole message with each click. */
export const RAW_BYTES = 262_144;
const LIMITS = { depth: 12, members: 2_000 };

export interface ReadBody<T> {
  readonly value: T;
  /** SHA-256 of the bytes as received, hexadecimal. */
  readonly hash: string;
}

/** Throws `ERR_TOO_LARGE` or `ERR_BODY`, the latter naming the first field that is wrong. */
export async function readBody<T>(request: Request, schema: z.ZodType<T>): Promise<ReadBody<T>> {
  if (request.headers.get('content-encoding') !== null) throw bad('a compressed body is not accepted');
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw bad('the body must be application/json');
  const bytes = await readBytes(request, BODY_BYTES);
  const parsed = schema.safeParse(parse(decode(bytes)));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? 'the body' : issue.path.map(String).join('.');
    throw bad(`${where}: ${issue?.message.toLowerCase() ?? 'not valid'}`);
  }
  return { value: parsed.data, hash: createHash('sha256').update(bytes).digest('hex') };
}

/** The bytes as received, of whatever type. Throws `ERR_TOO_LARGE`, and `ERR_BODY` for a compressed body. */
export async function readRawBody(request: Request): Promise<Uint8Array> {
  if (request.headers.get('content-encoding') !== null) throw bad('a compressed body is not accepted');
  return readBytes(request, RAW_BYTES);
}

async function readBytes(request: Request, most: number): Promise<Uint8Array> {
  const announced = request.headers.get('content-length');
  if (Number(announced ?? '0') > most) throw tooLarge(most);
  if (announced !== null && request.headers.get('transfer-encoding') === null) return readAnnounced(request, most);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    const chunk: unknown = part.value;
    if (!(chunk instanceof Uint8Array)) throw bad('the body is not bytes');
    size += chunk.byteLength;
    if (size > most) throw tooLarge(most);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A body of an announced length: the HTTP parser ends it there, so it cannot grow while it is read. */
async function readAnnounced(request: Request, most: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.byteLength > most) throw tooLarge(most);
  return bytes;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw bad('the body is not UTF-8');
  }
}

function parse(text: string): unknown {
  const problem = jsonProblem(text, LIMITS);
  if (problem !== null) throw bad(`the body is refused: ${problem}`);
  try {
    return JSON.parse(text);
  } catch {
    throw bad('the body is not JSON');
  }
}

function bad(message: string): JitError {
  return new JitError({ code: 'ERR_BODY', message });
}

function tooLarge(most: number): JitError {
  return new JitError({ code: 'ERR_TOO_LARGE', message: `the body is larger than ${most} bytes` });
}
