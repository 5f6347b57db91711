/**
 * Signatures of Standard Webhooks, given and checked (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 * @module
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { JitError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';

const FORM = /^whsec_([A-Za-z0-9+/]{32,88}={0,2})$/;
const SHORTEST = 24;
const LONGEST = 64;

/** `whsec_` and the Base64 of 24 to 64 bytes. Throws `ERR_CONFIG`, without the text. */
export function readWebhookSecret(text: Secret<string>, where: string): Secret<Uint8Array> {
  const [, encoded] = FORM.exec(text.expose()) ?? [];
  const bytes = encoded === undefined ? null : Buffer.from(encoded, 'base64');
  // Base64 that decodes to the same bytes and is written otherwise is a slip of whoever copied it.
  if (bytes !== null && bytes.length >= SHORTEST && bytes.length <= LONGEST && bytes.toString('base64') === encoded) {
    return new Secret(Uint8Array.from(bytes));
  }
  const hint = 'make one with: echo "whsec_$(openssl rand -base64 32)"';
  throw new JitError({
    code: 'ERR_CONFIG',
    message: `${where}: whsec_ and the Base64 of 24 to 64 bytes is needed`,
    hint,
  });
}

/** The three headers. One signature for each secret, so that the receiver can change over. @param now epoch ms of this attempt. */
export function signed(
  id: string,
  body: string,
  secrets: readonly Secret<Uint8Array>[],
  now: number,
): Readonly<Record<string, string>> {
  const timestamp = Math.floor(now / 1_000);
  const signatures = secrets.map((secret) => {
    const mac = createHmac('sha256', secret.expose()).update(`${id}.${timestamp}.${body}`, 'utf8');
    return `v1,${mac.digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signatures.join(' ') };
}

/** Seconds by which the clocks of both sides may differ, the way of the call included. */
const WINDOW = 300;
/** For how long an id is worth remembering: whatever was signed earlier is refused for its age. */
export const SIGNED_FOR_MS = 2 * WINDOW * 1_000;

/** What the specification allows for an id, and without the dot that would let one signature stand for two messages. */
const ID = /^[\x21-\x2d\x2f-\x7e]{1,256}$/;
const TIMESTAMP = /^\d{1,12}$/;
const SIGNATURE = /^v1,([A-Za-z0-9+/]{43}=)$/;
/** Far more than any change of secrets needs. */
const MOST_SIGNATURES = 16;
/** The names of the specification, and those of Svix from before it (https://docs.svix.com/receiving/verifying-payloads/how-manual). */
const FAMILIES = ['webhook', 'svix'] as const;

export interface SignedMessage {
  /** The same for each attempt to deliver the same message. */
  readonly id: string;
  /** When it was signed, epoch ms. */
  readonly at: number;
}

/**
 * The other side of `signed`. Whether the id was seen before is for the caller to remember: a message that could not be taken is
 * sent again under the same id, signed anew.
 * @param header by its lower-case name.
 * @param body as received.
 * @param secrets those in use; any of them will do.
 * @param now epoch ms; up to five minutes apart on either side. Throws `ERR_NOT_SIGNED_IN` for whatever is not surely signed.
 */
export function verifySigned(
  { header, body }: { readonly header: (name: string) => string | null; readonly body: Uint8Array },
  secrets: readonly Secret<Uint8Array>[],
  now: number,
): SignedMessage {
  // One family as a whole: parts of two would be parts of two messages.
  const family = FAMILIES.find((each) => header(`${each}-id`) !== null) ?? FAMILIES[0];
  const [id, timestamp, list] = ['id', 'timestamp', 'signature'].map((part) => header(`${family}-${part}`) ?? '');
  if (id === undefined || timestamp === undefined || list === undefined) throw unsigned();
  if (!ID.test(id) || !TIMESTAMP.test(timestamp)) throw unsigned();
  if (Math.abs(now / 1_000 - Number(timestamp)) > WINDOW) throw unsigned();
  const given = list.split(' ').flatMap((each) => SIGNATURE.exec(each)?.[1] ?? []);
  if (given.length > MOST_SIGNATURES) throw unsigned();
  const good = secrets.flatMap((secret) => {
    const mac = createHmac('sha256', secret.expose()).update(`${id}.${timestamp}.`, 'utf8').update(body).digest();
    return given.map((each) => {
      const bytes = Buffer.from(each, 'base64');
      return bytes.length === mac.length && timingSafeEqual(bytes, mac);
    });
  });
  if (!good.includes(true)) throw unsigned();
  return { id, at: Number(timestamp) * 1_000 };
}

function unsigned(): JitError {
  return new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'this call is not signed as it must be' });
}
