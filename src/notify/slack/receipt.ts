/**
 * What is remembered of a message in Slack: where it is, and what it showed.
 * @module
 */
import * as z from 'zod';
import type { Notice } from '../../core/notice.ts';

const shape = z.strictObject({
  channel: z.string(),
  ts: z.string(),
  /** The notice whose buttons the message carries, and what was shown beside them. */
  asks: z.strictObject({ notice: z.string(), hash: z.string(), policy: z.string() }).nullable(),
});

export type SlackReceipt = Readonly<z.infer<typeof shape>>;

/** @param asks the notice, where the message has buttons. */
export function writeReceipt(sent: { readonly channel: string; readonly ts: string }, asks: Notice | null): string {
  const { channel, ts } = sent;
  const shown = asks === null ? null : { notice: asks.id, hash: asks.request.hash, policy: asks.request.policy };
  return JSON.stringify({ channel, ts, asks: shown } satisfies SlackReceipt);
}

/** @returns null for what was not written by `writeReceipt`. */
export function readReceipt(text: string | null): SlackReceipt | null {
  if (text === null) return null;
  try {
    const read = shape.safeParse(JSON.parse(text));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}
