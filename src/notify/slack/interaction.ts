/**
 * What Slack says of a click (https://docs.slack.dev/reference/interaction-payloads/block_actions-payload).
 * @module
 */
import * as z from 'zod';
import { JitError } from '../../core/errors.ts';
import { jsonProblem } from '../../core/json.ts';
import { APPROVE, DENY } from './blocks.ts';

const LIMITS = { depth: 24, members: 4_000 };

const id = z.string().regex(/^[A-Z0-9]{2,32}$/);
const ts = z.string().regex(/^\d{1,12}\.\d{1,9}$/);

const payload = z.object({
  type: z.literal('block_actions'),
  /** Null for an app that a whole organisation has installed. */
  team: z.object({ id }).nullish(),
  user: z.object({ id, team_id: id }),
  container: z.object({ type: z.literal('message'), channel_id: id, message_ts: ts }),
  actions: z.array(z.object({ action_id: z.string().max(255), value: z.string().max(2_000).optional() })).min(1),
});

export interface Click {
  readonly choice: 'approve' | 'deny';
  /** The id of the notice, as the button carries it. */
  readonly notice: string;
  /** The workspace to which the user belongs. */
  readonly team: string;
  readonly user: string;
  readonly channel: string;
  readonly ts: string;
}

const CHOICES: Readonly<Record<string, Click['choice']>> = { [APPROVE]: 'approve', [DENY]: 'deny' };

/**
 * @param body `payload=` and JSON, as a form.
 * @returns null for what is not a click on a button that votes. Throws `ERR_BODY` for what Slack does not send.
 */
export function readClick(body: Uint8Array): Click | null {
  const form = [...new URLSearchParams(decoded(body))];
  const [first] = form;
  if (first === undefined || form.length !== 1 || first[0] !== 'payload') throw bad();
  const value = parsed(first[1]);
  const read = payload.safeParse(value);
  if (!read.success) {
    // Another kind of call, such as the opening of a shortcut, is nothing to this app, and no fault of Slack's.
    if (z.object({ type: z.string() }).safeParse(value).success) return null;
    throw bad();
  }
  const { team, user, container, actions } = read.data;
  const [action] = actions;
  const choice = actions.length === 1 && action !== undefined ? own(CHOICES, action.action_id) : undefined;
  if (choice === undefined || action?.value === undefined) return null;
  // Somebody of another workspace, in a channel that two of them share, is known by no id of this one.
  const foreign = team?.id !== undefined && team.id !== user.team_id;
  const { channel_id: channel, message_ts: at } = container;
  return { choice, notice: action.value, team: foreign ? '' : user.team_id, user: user.id, channel, ts: at };
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function decoded(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw bad();
  }
}

function parsed(text: string): unknown {
  if (jsonProblem(text, LIMITS) !== null) throw bad();
  try {
    return JSON.parse(text);
  } catch {
    throw bad();
  }
}

function bad(): JitError {
  return new JitError({ code: 'ERR_BODY', message: 'that is not an interaction of Slack' });
}
