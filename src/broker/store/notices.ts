/**
 * Notices that wait to be told, one row for each notifier, stored in the transaction of what they are about.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import type { RequestId } from '../../core/ids.ts';
import type { Notice } from '../../core/notice.ts';
import type { RequestState } from '../../core/request.ts';

/** A notice and the names of those who tell it. */
export interface AddressedNotice {
  readonly notice: Notice;
  readonly notifiers: readonly string[];
}

export interface ClaimedNotice {
  /** Names the row. */
  readonly row: number;
  readonly notice: Notice;
  /** Attempts before this one. */
  readonly attempts: number;
  /** As the request is now, which may be another than the notice speaks of. */
  readonly state: RequestState;
  /** The receipt of the last notice about the same request by the same notifier, or null. */
  readonly receipt: string | null;
}

/** Every method may fail with `ERR_STORE` (retryable), in which case nothing was changed. */
export interface NoticeStore {
  /**
   * Takes due notices of one notifier, the oldest first, and keeps them for the caller until `until`, epoch ms. Of one
   * request only one is out at a time, so that what was told first is told first.
   */
  claimNotices(options: {
    readonly notifier: string;
    readonly now: number;
    readonly until: number;
    readonly limit: number;
  }): Promise<readonly ClaimedNotice[]>;
  /** Epoch ms at which a notice of that notifier can next be claimed, or null. */
  nextNotice(notifier: string): Promise<number | null>;
  /** Told, dropped or given up: the row goes. `receipt`: replaces the one before; null keeps it. A row that is gone is no fault. */
  finishNotice(done: {
    readonly row: number;
    readonly receipt: string | null;
    readonly at: number;
    readonly entries: readonly AuditEvent[];
  }): Promise<void>;
  /** To be tried again at `dueAt`, epoch ms. */
  postponeNotice(row: number, dueAt: number): Promise<void>;
  /** What the notifier remembers of its message about that request, or null. */
  noticeReceipt(notifier: string, request: RequestId): Promise<string | null>;
  /**
   * Removes notices for notifiers that are not among `notifiers`, and receipts from before `before`, epoch ms; at most 1,000
   * rows a call. @returns how many: fewer than 1,000 when nothing is left.
   */
  forgetNotices(options: { readonly notifiers: readonly string[]; readonly before: number }): Promise<number>;
}
