/**
 * Signatures of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 * @module
 */
import { createHmac } from 'node:crypto';
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
