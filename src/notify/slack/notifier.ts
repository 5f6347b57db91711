/**
 * Tells a channel of Slack, or the requester in person.
 * @module
 */
import type { Delivery, Notice, NoticeKind, Notifier } from '../../core/notice.ts';
import { samePrincipal } from '../../core/principal.ts';
import type { Called, SlackApi } from './api.ts';
import { mayVoteHere, slackMessage, supersededMessage } from './blocks.ts';
import type { SlackPeople } from './people.ts';
import { readReceipt, type SlackReceipt, writeReceipt } from './receipt.ts';

export interface SlackSettings {
  readonly name: string;
  /** The id of a channel; null: the requester in person, where they are one of `people`. */
  readonly channel: string | null;
  /** Where votes are cast: at the broker's pages only, or by buttons as well. */
  readonly approve: 'page' | 'buttons';
  readonly people: SlackPeople;
}

/**
 * One message for each request in a channel: later notices change it, so that it always tells how things stand. A new one is
 * sent where somebody has to look: when approval is needed, when a revocation is stuck, and in emergencies.
 */
export function slackNotifier(settings: SlackSettings, call: SlackApi): Notifier {
  const { name, channel, approve, people } = settings;

  async function post(notice: Notice, to: string, signal: AbortSignal): Promise<Delivery> {
    const asks = approve === 'buttons' && channel !== null && mayVoteHere(notice);
    const message = slackMessage(notice, asks ? 'with buttons' : 'link only');
    const sent = await call('chat.postMessage', { channel: to, ...message }, signal);
    if (sent.kind !== 'sent') return failure(sent);
    // A message to a person is not changed later, nor is one that calls for help.
    if (channel === null || ALONE.has(notice.kind)) return { kind: 'delivered', receipt: null };
    return { kind: 'delivered', receipt: writeReceipt(sent, asks ? notice : null) };
  }

  async function ask(notice: Notice, to: string, old: SlackReceipt | null, signal: AbortSignal): Promise<Delivery> {
    const delivered = await post(notice, to, signal);
    // For order only: the buttons of the old message do nothing any more.
    if (delivered.kind === 'delivered' && old !== null) await change(old, supersededMessage(notice), signal);
    return delivered;
  }

  const change = async ({ channel: at, ts }: SlackReceipt, message: object, signal: AbortSignal): Promise<Called> =>
    call('chat.update', { channel: at, ts, ...message }, signal);

  return {
    name,
    deliver: async (notice, earlier, signal) => {
      const to = channel ?? people.userOf(requesterOf(notice));
      // Nobody to tell: Slack does not know this person here.
      if (to === null) return { kind: 'delivered', receipt: null };
      const old = readReceipt(earlier);
      if (notice.kind === 'approval-needed') return ask(notice, to, old, signal);
      if (old === null || notice.kind === 'break-glass' || ALONE.has(notice.kind)) return post(notice, to, signal);
      const changed = await change(old, slackMessage(notice, 'link only'), signal);
      if (changed.kind === 'lost') return post(notice, to, signal);
      if (changed.kind !== 'sent') return changed;
      return { kind: 'delivered', receipt: writeReceipt(old, null) };
    },
  };
}

/** Each of these is a message of its own, that nothing changes later. */
const ALONE: ReadonlySet<NoticeKind> = new Set(['stuck', 'incident-closing', 'review-open']);

function failure(called: Exclude<Called, { kind: 'sent' }>): Delivery {
  return called.kind === 'lost' ? { kind: 'refused', problem: 'Slack refuses it' } : called;
}

/** The person behind it: an agent reads no messages. */
function requesterOf({ request }: Notice): Parameters<SlackPeople['userOf']>[0] {
  return (person) => samePrincipal(person, request.requester.actsFor ?? withoutPerson(request.requester));
}

function withoutPerson({ issuer, subject }: Notice['request']['requester']): { issuer: string; subject: string } {
  return { issuer, subject };
}
