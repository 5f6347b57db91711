/**
 * Counts credentials handed out, and reports them to the broker in batches: use is part of a grant's audit trail.
 * @module
 */
import type { UseBody } from '../wire/bodies.ts';

export type Channel = UseBody['uses'][number]['channel'];

export interface UseCounter {
  /** All since the start, reported or not. */
  readonly total: () => number;
  /** @param remainingMs of the grant: the report goes out before its end. */
  count(channel: Channel, remainingMs: number): void;
  /** Reports what has not been reported. A failed report is kept for the next; never rejects. */
  flush(): Promise<void>;
  /** No further timers. */
  stop(): void;
}

interface Tally {
  count: number;
  readonly first: number;
  last: number;
}

const BATCH_MS = 10_000;
/** Before the end of the grant by so much, since the broker may take no reports afterwards. */
const LEAD_MS = 1_500;

/** @param now epoch ms. */
export function countUses(report: (body: UseBody) => Promise<void>, now: () => number): UseCounter {
  let tallies = new Map<Channel, Tally>();
  let total = 0;
  let timer: NodeJS.Timeout | null = null;
  let sending: Promise<void> | null = null;
  let stopped = false;

  function add(channel: Channel, count: number, first: number, last: number): void {
    const known = tallies.get(channel);
    tallies.set(channel, {
      count: count + (known?.count ?? 0),
      first: Math.min(first, known?.first ?? first),
      last: Math.max(last, known?.last ?? last),
    });
  }

  function arm(delayMs: number): void {
    if (stopped || timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      void flush();
    }, delayMs);
  }

  async function send(): Promise<void> {
    const batch = tallies;
    tallies = new Map();
    try {
      await report({ uses: [...batch].map(([channel, tally]) => written(channel, tally)) });
    } catch {
      for (const [channel, { count, first, last }] of batch) add(channel, count, first, last);
      arm(BATCH_MS);
    }
  }

  async function flush(): Promise<void> {
    await sending;
    if (tallies.size === 0) return;
    sending = send().finally(() => (sending = null));
    await sending;
  }

  return {
    total: () => total,
    count: (channel, remainingMs) => {
      total += 1;
      const at = now();
      add(channel, 1, at, at);
      arm(Math.max(0, Math.min(BATCH_MS, remainingMs - LEAD_MS)));
    },
    flush,
    stop: () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

function written(channel: Channel, tally: Tally): UseBody['uses'][number] {
  const time = (epochMs: number): string => new Date(epochMs).toISOString();
  return { channel, count: Math.min(tally.count, 1_000_000), first: time(tally.first), last: time(tally.last) };
}
