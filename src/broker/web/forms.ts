/**
 * Forms as they arrive: from our own pages only, small, and with exactly the fields that they should have.
 * @module
 */
import type * as z from 'zod';
import { JitError } from '../../core/errors.ts';

/** A comment of 1,000 characters, percent-encoded, and an identity provider's answer fit in. */
const FORM_BYTES = 24_576;

/**
 * Throws `ERR_DENIED` unless the request comes from a page of this origin. Browsers say so themselves
 * (https://www.w3.org/TR/fetch-metadata/); with our `no-referrer` their `Origin` is `null` even for ourselves, so it only
 * counts alone, in those that are too old to say more.
 * @param origin of the broker's public address.
 */
export function demandSameOrigin(headers: Headers, origin: string): void {
  const site = headers.get('sec-fetch-site');
  const from = headers.get('origin');
  const own = site === null ? from === origin : site === 'same-origin' && [null, 'null', origin].includes(from);
  if (own) return;
  throw new JitError({
    code: 'ERR_DENIED',
    message: 'that form was not sent from a page of this broker, so nothing was done',
    hint: 'open the page here and press the button there',
  });
}

/**
 * Throws `ERR_TOO_LARGE`, and `ERR_BODY` for another type, another encoding, an unknown or repeated field, and for fields that
 * are not as the schema has them.
 */
export async function readForm<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const [type = ''] = (request.headers.get('content-type') ?? '').split(';');
  const encoded = request.headers.get('content-encoding') !== null;
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded' || encoded)
    throw bad('not a form of these pages');
  const fields = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(await readText(request))) {
    if (fields.has(name)) throw bad('a field is there twice');
    // A form sends the end of a line as CR LF, whatever was typed.
    fields.set(name, value.replaceAll('\r\n', '\n'));
  }
  const parsed = schema.safeParse(Object.fromEntries(fields));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw bad(issue === undefined || issue.path.length === 0 ? 'unknown fields' : issue.path.map(String).join('.'));
}

async function readText(request: Request): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Safe: a body is made of bytes.
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > FORM_BYTES) {
      throw new JitError({ code: 'ERR_TOO_LARGE', message: `the form is larger than ${FORM_BYTES} bytes` });
    }
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw bad('not UTF-8');
  }
}

function bad(what: string): JitError {
  return new JitError({ code: 'ERR_BODY', message: `the form cannot be understood: ${what}` });
}
