/**
 * What the webhook integration of Jira Service Management or Opsgenie tells (https://docs.opsgenie.com/docs/webhook-integration,
 * https://support.atlassian.com/jira-service-management-cloud/docs/alert-action-data-for-jira-edge-connector). No signature is
 * published for it: a header that is set up there carries a secret, and that says who calls and nothing about what they say.
 * @module
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { JitError } from '../../core/errors.ts';
import type { Hook } from '../../core/hook.ts';
import type { Heard } from '../../core/incident.ts';
import { jsonProblem } from '../../core/json.ts';
import type { Clock } from '../../core/ports.ts';
import type { Secret } from '../../core/secret.ts';
import { current, type Rotating } from '../../outbound/rotating.ts';
import { makeOnce } from '../once.ts';
import { ALERT_ID } from './form.ts';

export interface JsmHookParts {
  readonly name: string;
  /** In lower case. */
  readonly header: string;
  readonly secrets: readonly Rotating<string>[];
  readonly now: Clock;
}

const REMEMBERED_MS = 600_000;
const LIMITS = { depth: 12, members: 5_000 };

const callForm = z.object({
  action: z.string().max(100),
  alert: z.object({ alertId: z.string().regex(ALERT_ID) }),
});

/** Whatever is told is a reason to look: without a signature not even a close is one to act on. */
export function jsmHook({ name, header, secrets, now }: JsmHookParts): (heard: Heard) => Hook {
  return (heard) => {
    const once = makeOnce(now, REMEMBERED_MS);
    return async (call) => {
      const given = call.header(header);
      if (given === null || !isOneOf(given, current(secrets, now()))) {
        throw new JitError({
          code: 'ERR_NOT_SIGNED_IN',
          message: 'this call does not have the secret that it must have',
        });
      }
      const { action, alert } = readCall(call.body);
      // An event has no name of its own; its time is in the body.
      const event = sha256(call.body).toString('hex');
      const says = action === 'Create' ? 'opened' : 'changed';
      await once(event, async () => heard(name, [{ event, id: alert.alertId, says }]));
    };
  };
}

/** All are compared, and hashes of them, so that the time says neither which one nor how much of it was right. */
function isOneOf(given: string, secrets: readonly Secret<string>[]): boolean {
  const hash = sha256(given);
  return secrets.map((secret) => timingSafeEqual(hash, sha256(secret.expose()))).includes(true);
}

function sha256(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

function readCall(body: Uint8Array): z.infer<typeof callForm> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    if (jsonProblem(text, LIMITS) === null) return callForm.parse(JSON.parse(text));
  } catch {
    // Said below, without their words.
  }
  throw new JitError({ code: 'ERR_BODY', message: 'this is no activity of an alert' });
}
