/**
 * The three methods of Slack's Web API that are used (https://docs.slack.dev/reference/methods).
 * @module
 */
import * as z from 'zod';
import type { Delivery } from '../../core/notice.ts';
import type { Clock } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import type { Reach } from '../../outbound/address.ts';
import type { Call } from '../../outbound/call.ts';
import { retryAfterMs } from '../../outbound/retry-after.ts';
import { verdictOf } from '../verdict.ts';

export interface SlackPlace {
  /** `https://slack.com/api`, or that of another Slack. */
  readonly api: string;
  readonly reach: Reach;
  /** Of the app's bot, with the scope chat:write. */
  readonly token: Secret<string>;
}

export interface Sent {
  readonly kind: 'sent';
  readonly channel: string;
  readonly ts: string;
}
/** Slack knows of no such message, or lets it be changed no more: another one can be sent in its place. */
export interface Lost {
  readonly kind: 'lost';
}
export type Called = Sent | Lost | Exclude<Delivery, { kind: 'delivered' }>;

export type SlackApi = (
  method: 'chat.postMessage' | 'chat.update' | 'chat.postEphemeral',
  fields: object,
  signal: AbortSignal,
) => Promise<Called>;

const reply = z.object({
  ok: z.boolean(),
  error: z.string().optional(),
  channel: z.string().optional(),
  ts: z.string().optional(),
  message_ts: z.string().optional(),
});

/** Errors that pass by themselves. Every other one says that the app, its rights or the channel are not as configured. */
const PASSING: ReadonlySet<string> = new Set([
  'ratelimited',
  'rate_limited',
  'message_limit_exceeded',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
]);
const GONE: ReadonlySet<string> = new Set([
  'message_not_found',
  'cant_update_message',
  'edit_window_closed',
  'thread_not_found',
]);

export function makeSlackApi(place: SlackPlace, { post, now }: { readonly post: Call; readonly now: Clock }): SlackApi {
  const { api, reach, token } = place;
  const authorization = { prefix: 'Bearer ', secret: token } as const;
  return async (method, fields, signal) => {
    const url = new Secret(`${api}/${method}`);
    const answer = await post(
      { method: 'POST', url, reach, headers: {}, authorization, body: JSON.stringify(fields) },
      signal,
    );
    const verdict = verdictOf(answer, now());
    if (verdict.kind !== 'delivered') return verdict;
    const read = answer.kind === 'answered' ? reply.safeParse(parsed(answer.text)) : null;
    if (read?.success !== true) return { kind: 'later', afterMs: null, problem: 'Slack answered without sense' };
    const { ok, error = '', channel = '', ts, message_ts: messageTs } = read.data;
    if (ok) return { kind: 'sent', channel, ts: ts ?? messageTs ?? '' };
    if (GONE.has(error)) return { kind: 'lost' };
    const problem = /^[a-z_]{1,40}$/.test(error) ? `Slack says ${error}` : 'Slack refuses it';
    if (!PASSING.has(error)) return { kind: 'refused', problem };
    const header = answer.kind === 'answered' ? answer.retryAfter : null;
    return { kind: 'later', afterMs: retryAfterMs(header, now()), problem };
  };
}

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return null;
  }
}
