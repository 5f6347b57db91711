/**
 * Notices of a store, told by loops that run for real; only the clock can be moved.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { type DeliveryParts, type NoticeDelivery, startDelivery } from '../../../src/broker/notices/delivery.ts';
import type { Change } from '../../../src/broker/store/store.ts';
import { openSqliteStore, type SqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import { type Delivery, type Notice, noticeId, type NoticeKind, type Notifier } from '../../../src/core/notice.ts';
import { sampleNotice } from '../../notify/samples.ts';
import { eventually } from '../../support/eventually.ts';
import { req, START, submission } from '../store/samples.ts';

export const SENT: Delivery = { kind: 'delivered', receipt: null };

export interface Line {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

export interface World {
  readonly store: SqliteStore;
  readonly lines: Line[];
  readonly clock: { ahead: number };
  readonly now: () => number;
  start(notifiers: readonly Notifier[], over?: Partial<DeliveryParts>): NoticeDelivery;
}

/** The store is in memory, or in `file`. */
export async function withWorld(body: (world: World) => Promise<void>, file = ':memory:'): Promise<void> {
  const began = Date.now();
  const clock = { ahead: 0 };
  const now = (): number => START + Date.now() - began + clock.ahead;
  const store = await openSqliteStore({ file, now });
  const lines: Line[] = [];
  const running: NoticeDelivery[] = [];
  const log = {
    info: (message: string, fields = {}) => void lines.push({ level: 'info', message, fields }),
    warn: (message: string, fields = {}) => void lines.push({ level: 'warn', message, fields }),
    error: (message: string, fields = {}) => void lines.push({ level: 'error', message, fields }),
  };
  const start: World['start'] = (notifiers, over = {}) => {
    const delivery = startDelivery({ store, notifiers, now, random: (bytes) => randomBytes(bytes), log, ...over });
    running.push(delivery);
    return delivery;
  };
  try {
    await body({ store, lines, clock, now, start });
  } finally {
    await Promise.all(running.map(async ({ stop }) => stop()));
    await store.close();
  }
}

export function noticeFor(number: number, kind: NoticeKind = 'approval-needed', serial = 1): Notice {
  return { ...sampleNotice(kind, { id: req(number) }), id: noticeId(req(number), kind, serial), at: START };
}

export function submit(number: number, ...notifiers: string[]): Change {
  return { ...submission({ number }), notices: [{ notice: noticeFor(number), notifiers }] };
}

/** Waits until `check` no longer throws. */
export async function settled(check: () => void | Promise<void>, deadlineMs = 20_000): Promise<void> {
  await eventually(
    async () => {
      await check();
      return true;
    },
    { deadlineMs },
  );
}
