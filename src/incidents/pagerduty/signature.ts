/**
 * Calls by PagerDuty: signed over the raw body (https://developer.pagerduty.com/docs/verifying-webhook-signatures).
 * @module
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { JitError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';

const SIGNATURE = /^v1=([0-9a-f]{64})$/;
/** Far more than any change of secrets needs. */
const MOST_SIGNATURES = 16;

/**
 * The signature says who wrote the body and not when: what is in it may be old.
 * @param header `x-pagerduty-signature`: several with commas between them, of which those of version 1 count.
 * @param secrets those in use; any of them will do. Throws `ERR_NOT_SIGNED_IN` for every call that is not surely PagerDuty's.
 */
export function verifyPagerDuty(header: string | null, body: Uint8Array, secrets: readonly Secret<string>[]): void {
  const list = header?.split(',') ?? [];
  const given = list.length > MOST_SIGNATURES ? [] : list.flatMap((each) => SIGNATURE.exec(each)?.[1] ?? []);
  const good = secrets.flatMap((secret) => {
    const mac = createHmac('sha256', secret.expose()).update(body).digest();
    return given.map((each) => {
      const bytes = Buffer.from(each, 'hex');
      return bytes.length === mac.length && timingSafeEqual(bytes, mac);
    });
  });
  if (!good.includes(true)) {
    throw new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'this call is not signed as it must be' });
  }
}
