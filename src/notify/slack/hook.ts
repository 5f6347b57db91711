/**
 * Votes from Slack: whose click it is, on which message, and what became of it. Whether it counts is judged by the broker.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Hook } from '../../core/hook.ts';
import type { RequestId } from '../../core/ids.ts';
import { type CastVote, requestOfNotice, type VoteResult } from '../../core/notice.ts';
import type { Clock } from '../../core/ports.ts';
import type { PrincipalKey } from '../../core/principal.ts';
import { makeReplays } from '../../identity/dpop/replays.ts';
import { foreign } from '../foreign.ts';
import { current, type Rotating } from '../../outbound/rotating.ts';
import type { SlackApi } from './api.ts';
import { plain } from './blocks.ts';
import { type Click, readClick } from './interaction.ts';
import type { SlackPeople } from './people.ts';
import { readReceipt, type SlackReceipt } from './receipt.ts';
import { REMEMBERED_MS, unsigned, verifySlack } from './signature.ts';

export interface SlackHookParts {
  readonly secrets: readonly Rotating<string>[];
  readonly people: SlackPeople;
  /** What the notifier of the same name remembers of its message about that request. */
  readonly receiptOf: (request: RequestId) => Promise<string | null>;
  readonly castVote: CastVote;
  readonly call: SlackApi;
  readonly now: Clock;
}

/** Slack shows a fault to whoever clicked after 3 s; what takes longer goes on behind the reply. */
const PATIENCE_MS = 2_000;
const REPLY_MS = 10_000;

/** Throws `ERR_NOT_SIGNED_IN` and `ERR_BODY`. Everything else is said to the person who clicked, and to nobody else. */
export function slackHook(parts: SlackHookParts): Hook {
  const { secrets, now } = parts;
  const replays = makeReplays(now, REMEMBERED_MS, 50_000);
  return async ({ header, body }) => {
    const [timestamp, signature] = [header('x-slack-request-timestamp'), header('x-slack-signature')];
    const signed = verifySlack({ timestamp, signature, body }, current(secrets, now()), now());
    if (replays.seen(signed)) throw unsigned();
    const click = readClick(body);
    if (click === null) return;
    const work = answer(parts, click);
    await Promise.race([work, pause(PATIENCE_MS)]);
  };
}

/** Never rejects. */
async function answer(parts: SlackHookParts, click: Click): Promise<void> {
  const { channel, user } = click;
  const text = await outcomeOf(parts, click);
  const blocks = [{ type: 'section', text: plain(text) }];
  // To the channel of the message and through the API: the response_url that Slack sends along is not called.
  const fields = { channel, user, text: 'jit', blocks };
  // The vote stands whatever becomes of the reply, and the page and the next notice tell of it.
  await parts.call('chat.postEphemeral', fields, AbortSignal.timeout(REPLY_MS)).catch(() => undefined);
}

async function outcomeOf(parts: SlackHookParts, click: Click): Promise<string> {
  const voter = parts.people.personOf(click.team, click.user);
  if (voter === null) {
    return 'This broker does not know who you are in Slack, so your click does not count. Use the page instead.';
  }
  try {
    const request = requestOfNotice(click.notice);
    const receipt = request === null ? null : readReceipt(await parts.receiptOf(request));
    if (request === null || receipt === null || receipt.asks?.notice !== click.notice || !isAt(receipt, click)) {
      return 'This message is out of date, so your click does not count. Use the page, or the latest message.';
    }
    return wordsOf(await cast(parts, voter, click, { request, ...receipt.asks }));
  } catch (thrown) {
    if (!(thrown instanceof JitError))
      return 'Something went wrong at the broker, and your click may not count. Look at the page.';
    return `Your click does not count: ${foreign(thrown.message)}${thrown.hint === undefined ? '' : ` (${foreign(thrown.hint)})`}`;
  }
}

async function cast(
  { castVote }: SlackHookParts,
  voter: PrincipalKey,
  { choice }: Click,
  seen: { readonly request: RequestId; readonly hash: string; readonly policy: string },
): Promise<VoteResult> {
  const { request, hash, policy } = seen;
  return castVote(voter, { request, hash, policy, choice, comment: choice === 'deny' ? 'denied in Slack' : null });
}

/** A copy of the message elsewhere votes for nothing. */
function isAt({ channel, ts }: SlackReceipt, click: Click): boolean {
  return channel === click.channel && ts === click.ts;
}

function wordsOf({ state, why, missing }: VoteResult): string {
  if (state === 'pending')
    return `The request is pending: ${missing} more ${missing === 1 ? 'approval is' : 'approvals are'} needed.`;
  return `The request is ${state}${why === '' ? '' : `: ${foreign(why)}`}.`;
}

async function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms).unref());
}
