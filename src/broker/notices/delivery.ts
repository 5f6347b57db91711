/**
 * Tells what waits to be told. Each notifier has a loop of its own, so that one that hangs or fails holds up no other, and
 * none of them holds up the broker.
 * @module
 */
import { asJitError } from '../../core/errors.ts';
import type { Delivery, Notice, Notifier } from '../../core/notice.ts';
import type { Clock, Random } from '../../core/ports.ts';
import type { AuditEvent } from '../../audit/entry.ts';
import type { Log } from '../service/log.ts';
import type { ClaimedNotice, NoticeStore } from '../store/notices.ts';
import { delayMs, GIVE_UP_MS } from './backoff.ts';
import { startForgettingNotices } from './forget.ts';

/** For one attempt. */
const ATTEMPT_MS = 10_000;
/** Of the time for an attempt: leaves enough to store what became of it. */
const CLAIM = 3;
const AT_ONCE = 4;
/** Between two looks when nobody has called: another broker may have stored something. */
const IDLE_MS = 5_000;
const SHORTEST_MS = 50;
const STORE_DOWN_MS = 1_000;

export interface DeliveryParts {
  readonly store: NoticeStore;
  readonly notifiers: readonly Notifier[];
  readonly now: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Milliseconds for one attempt; 10,000 if left out. */
  readonly attemptMs?: number;
}

export interface NoticeDelivery {
  /** Something has been stored. Call it after every commit with notices; without it they are found after some seconds. */
  wake(): void;
  /** Takes no more; breaks off what is under way, which is told again after the next start. */
  stop(): Promise<void>;
}

/** Starts with what an earlier process left behind, once its claims have run out. */
export function startDelivery(parts: DeliveryParts): NoticeDelivery {
  const { store, now, log } = parts;
  const stopForgetting = startForgettingNotices({
    store,
    notifiers: parts.notifiers.map(({ name }) => name),
    now,
    log,
  });
  const loops = parts.notifiers.map((notifier) => startLoop(notifier, parts));
  return {
    wake: () => {
      for (const { wake } of loops) wake();
    },
    stop: async () => {
      stopForgetting();
      await Promise.all(loops.map(async ({ stop }) => stop()));
    },
  };
}

function startLoop(notifier: Notifier, parts: DeliveryParts): NoticeDelivery {
  const { store, now, log, attemptMs = ATTEMPT_MS } = parts;
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  let pausedUntil = 0;
  let wakeUp: () => void = () => undefined;
  let woken = false;

  const wake = (): void => {
    woken = true;
    wakeUp();
  };

  async function sleep(ms: number): Promise<void> {
    if (woken || stopping.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function tellOne(claimed: ClaimedNotice): Promise<void> {
    const pauseMs = await tell(notifier, claimed, parts, stopping.signal);
    pausedUntil = Math.max(pausedUntil, now() + pauseMs);
  }

  function start(claimed: ClaimedNotice): void {
    const work = tellOne(claimed)
      .catch((thrown: unknown) => {
        // The row is still there and its claim runs out: it will be taken again.
        log.error('a notice could not be recorded as told', { notifier: notifier.name, code: asJitError(thrown).code });
      })
      .finally(() => {
        running.delete(work);
        wake();
      });
    running.add(work);
  }

  /** @returns ms until the next look. */
  async function look(): Promise<number> {
    const at = now();
    if (running.size >= AT_ONCE) return IDLE_MS;
    if (pausedUntil > at) return Math.min(IDLE_MS, pausedUntil - at);
    const { name } = notifier;
    const limit = AT_ONCE - running.size;
    const claimed = await store.claimNotices({ notifier: name, now: at, until: at + CLAIM * attemptMs, limit });
    for (const each of claimed) start(each);
    const next = await store.nextNotice(name);
    return Math.max(SHORTEST_MS, Math.min(IDLE_MS, (next ?? Infinity) - now()));
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      woken = false;
      try {
        await sleep(await look());
      } catch (thrown) {
        log.error('the store does not answer', { notifier: notifier.name, code: asJitError(thrown).code });
        woken = false;
        await sleep(STORE_DOWN_MS);
      }
    }
  }

  const looping = loop();
  return {
    wake,
    stop: async () => {
      stopping.abort();
      wake();
      await looping;
      await Promise.all(running);
    },
  };
}

/** @returns ms for which this notifier wants to be left alone. */
async function tell(
  notifier: Notifier,
  claimed: ClaimedNotice,
  parts: DeliveryParts,
  stop: AbortSignal,
): Promise<number> {
  const { store, now, random, log } = parts;
  const { row, notice, receipt: earlier } = claimed;
  if (isPast(claimed)) {
    await store.finishNotice({ row, receipt: null, at: now(), entries: [] });
    return 0;
  }
  const delivery = await attempt(
    notifier,
    notice,
    earlier,
    AbortSignal.any([stop, AbortSignal.timeout(parts.attemptMs ?? ATTEMPT_MS)]),
  );
  // What was broken off may have arrived; its claim runs out, and it is told again.
  if (delivery.kind !== 'delivered' && stop.aborted) return 0;
  if (delivery.kind === 'delivered') {
    await store.finishNotice({ row, receipt: delivery.receipt, at: now(), entries: [] });
    return 0;
  }
  const attempts = claimed.attempts + 1;
  const { problem } = delivery;
  const fields = { notifier: notifier.name, notice: notice.kind, request: notice.request.id, attempts, problem };
  const wait = delivery.kind === 'later' ? delayMs(attempts, delivery.afterMs, chance(random)) : 0;
  if (delivery.kind === 'refused' || now() + wait > notice.at + GIVE_UP_MS) {
    log.error('nobody could be told, and it is given up', fields);
    const entries = [untoldEntry(notifier.name, notice, problem, now())];
    await store.finishNotice({ row, receipt: null, at: now(), entries });
    return 0;
  }
  log.warn('telling failed, it is tried again', fields);
  await store.postponeNotice(row, now() + wait);
  return delivery.afterMs === null ? 0 : wait;
}

const ENDS: ReadonlySet<ClaimedNotice['state']> = new Set(['denied', 'cancelled', 'timed-out']);

/** Nobody is asked for what has been decided meanwhile, nor told last of an approval that came to nothing. */
function isPast({ notice, state }: ClaimedNotice): boolean {
  const asks = notice.kind === 'approval-needed' || (notice.kind === 'break-glass' && notice.grant === null);
  if (asks) return state !== 'pending';
  return notice.kind === 'approved' && ENDS.has(state);
}

/** Never rejects, and ends when the signal fires, whatever the notifier does. */
async function attempt(
  notifier: Notifier,
  notice: Notice,
  earlier: string | null,
  signal: AbortSignal,
): Promise<Delivery> {
  const late = new Promise<Delivery>((resolve) => {
    const end = (): void => resolve({ kind: 'later', afterMs: null, problem: 'no answer in time' });
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
  const work = async (): Promise<Delivery> => notifier.deliver(notice, earlier, signal);
  const told = work().catch((thrown: unknown): Delivery => {
    const { code } = asJitError(thrown);
    return { kind: 'later', afterMs: null, problem: code };
  });
  return Promise.race([told, late]);
}

function chance(random: Random): number {
  const [high = 0, low = 0] = random(2);
  return (high * 256 + low) / 65_536;
}

function untoldEntry(notifier: string, notice: Notice, problem: string, at: number): AuditEvent {
  const data = { notifier, notice: notice.kind, problem: problem.toWellFormed() };
  return { type: 'request.untold', at, actor: 'broker', request: notice.request.id, grant: null, data };
}
