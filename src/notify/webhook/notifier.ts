/**
 * Tells a program of the operator's choice, by a signed POST of JSON.
 * @module
 */
import type { Notice, Notifier } from '../../core/notice.ts';
import type { Clock } from '../../core/ports.ts';
import type { Secret } from '../../core/secret.ts';
import type { Reach } from '../../outbound/address.ts';
import type { Call } from '../../outbound/call.ts';
import { verdictOf } from '../verdict.ts';
import { current, type Rotating } from '../../outbound/rotating.ts';
import { signed } from '../../outbound/standard-webhooks.ts';

export interface WebhookSettings {
  readonly name: string;
  readonly url: Secret<string>;
  readonly reach: Reach;
  /** At least one. */
  readonly secrets: readonly Rotating<Uint8Array>[];
}

export function webhookNotifier(
  settings: WebhookSettings,
  parts: { readonly post: Call; readonly now: Clock },
): Notifier {
  const { name, url, reach, secrets } = settings;
  const { post, now } = parts;
  return {
    name,
    deliver: async (notice, _earlier, signal) => {
      const inUse = current(secrets, now());
      // A receiver that checks signatures would refuse it, and one that does not must not get used to that.
      if (inUse.length === 0) return { kind: 'refused', problem: 'every one of its secrets has run out' };
      const body = webhookBody(notice);
      const headers = signed(notice.id, body, inUse, now());
      return verdictOf(await post({ method: 'POST', url, reach, headers, body }, signal), now());
    },
  };
}

/** The form that the specification suggests. Texts are as they were typed: whoever shows them has to escape them. */
function webhookBody({ id, kind, at, request, grant, why, by, url }: Notice): string {
  const data = {
    id,
    request: { ...request, deadline: time(request.deadline) },
    grant: grant === null ? null : { ...grant, expiresAt: time(grant.expiresAt) },
    why,
    by,
    url,
  };
  return JSON.stringify({ type: `jit.${kind}`, timestamp: new Date(at).toISOString(), data });
}

function time(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
