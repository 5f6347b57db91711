/**
 * A notice as a message of Slack (https://docs.slack.dev/reference/block-kit).
 * @module
 */
import type { Notice } from '../../core/notice.ts';
import { type Fact, wordsOf } from '../words.ts';

export const APPROVE = 'jit_approve';
export const DENY = 'jit_deny';
const OPEN = 'jit_open';

export interface SlackMessage {
  /** Shown where blocks are not: our own words and an id, since Slack reads markup here. */
  readonly text: string;
  readonly blocks: readonly object[];
  readonly unfurl_links: false;
  readonly unfurl_media: false;
}

/**
 * Text of others stands in `plain_text` objects only, in which Slack looks for no markup, links or mentions, with the three
 * characters of its markup escaped all the same.
 * @param buttons whether the message carries those that vote; they hold the id of the notice and nothing else.
 */
export function slackMessage(notice: Notice, buttons: 'with buttons' | 'link only'): SlackMessage {
  const { headline, facts } = wordsOf(notice);
  const link = notice.url === null ? [] : [linkTo(notice.url)];
  const actions = [...(buttons === 'with buttons' ? [approveButton(notice.id), denyButton(notice.id)] : []), ...link];
  return {
    text: `${headline} (${notice.request.id})`,
    blocks: [
      { type: 'header', text: plain(headline) },
      ...facts.map(row),
      ...(actions.length === 0 ? [] : [{ type: 'actions', elements: actions }]),
    ],
    unfurl_links: false,
    unfurl_media: false,
  };
}

/** What is left of a message whose question is asked again further down. */
export function supersededMessage(notice: Notice): SlackMessage {
  const message = slackMessage(notice, 'link only');
  const note = { type: 'context', elements: [plain('this has been asked anew, in a later message')] };
  return { ...message, blocks: [note, ...message.blocks] };
}

/**
 * Whether a click may decide: not where what is asked is grave, since a click proves no more than that Slack knows the
 * person, and not where the message leaves something out.
 */
export function mayVoteHere(notice: Notice): boolean {
  const { kind, request } = notice;
  if (kind !== 'approval-needed' || request.tier !== 'manual') return false;
  if (request.risk === null || request.risk === 'high') return false;
  if (request.access === null || request.access === 'permissions') return false;
  return wordsOf(notice).complete;
}

/** https://docs.slack.dev/messaging/formatting-message-text, "Escaping text". */
export function plain(text: string): object {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return { type: 'plain_text', text: escaped, emoji: false };
}

/** Two columns: whatever the value says, it cannot look like a row of its own. */
function row({ label, value }: Fact): object {
  return {
    type: 'section',
    fields: [{ type: 'mrkdwn', text: `*${label}*`, verbatim: true }, plain(value === '' ? '-' : value)],
  };
}

function approveButton(value: string): object {
  const confirm = asking('Approve this request?', 'You agree to exactly what this message shows.', 'Approve');
  return { type: 'button', action_id: APPROVE, value, style: 'primary', text: plain('Approve'), confirm };
}

function denyButton(value: string): object {
  const confirm = asking('Deny this request?', 'Nobody else can approve it after that.', 'Deny');
  return { type: 'button', action_id: DENY, value, style: 'danger', text: plain('Deny'), confirm };
}

function asking(title: string, text: string, confirm: string): object {
  return { title: plain(title), text: plain(text), confirm: plain(confirm), deny: plain('Back') };
}

function linkTo(url: string): object {
  return { type: 'button', action_id: OPEN, text: plain('Open at the broker'), url };
}
