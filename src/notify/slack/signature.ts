/**
 * Calls by Slack: signed over the raw body (https://docs.slack.dev/authentication/verifying-requests-from-slack).
 * @module
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { JitError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';

/** Seconds by which the clocks of Slack and of the broker may differ, the way of the call included. */
const WINDOW = 300;
/** For how long a signature is remembered at least: whatever is older is refused for its age. */
export const REMEMBERED_MS = 2 * WINDOW * 1_000;

const SIGNATURE = /^v0=[0-9a-f]{64}$/;
const TIMESTAMP = /^\d{1,12}$/;

export interface SignedCall {
  readonly timestamp: string | null;
  readonly signature: string | null;
  /** As received. */
  readonly body: Uint8Array;
}

/**
 * @param secrets those in use; any of them will do.
 * @param now epoch ms.
 * @returns the signature. Throws `ERR_NOT_SIGNED_IN` for every call that is not surely Slack's, whatever is wrong with it.
 */
export function verifySlack(call: SignedCall, secrets: readonly Secret<string>[], now: number): string {
  const { timestamp, signature, body } = call;
  if (timestamp === null || signature === null || !TIMESTAMP.test(timestamp) || !SIGNATURE.test(signature)) {
    throw unsigned();
  }
  if (Math.abs(now / 1_000 - Number(timestamp)) > WINDOW) throw unsigned();
  const given = Buffer.from(signature.slice(3), 'hex');
  const good = secrets.map((secret) => {
    const mac = createHmac('sha256', secret.expose()).update(`v0:${timestamp}:`, 'utf8').update(body).digest();
    return timingSafeEqual(mac, given);
  });
  if (!good.includes(true)) throw unsigned();
  return signature;
}

export function unsigned(): JitError {
  return new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'this call is not signed as it must be' });
}
