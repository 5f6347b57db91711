/**
 * The statements about notices, which `queries.ts` takes in.
 * @module
 */

export const NOTICE_QUERIES = {
  noticeInsert: `
    INSERT INTO notices (id, notifier, request_n, notice, attempts, due_at, claimed_until)
    VALUES (:id, :notifier, :request, :notice, 0, :dueAt, NULL) ON CONFLICT (id, notifier) DO NOTHING`,
  // While one of a request is out the others wait, and of several that are due the first goes first.
  noticesDue: `
    SELECT n FROM notices
    WHERE notifier = :notifier AND ready_at <= :now AND NOT EXISTS (
      SELECT 1 FROM notices AS other
      WHERE other.request_n = notices.request_n AND other.notifier = notices.notifier
        AND (other.claimed_until > :now OR (other.n < notices.n AND other.ready_at <= :now))
    )
    ORDER BY ready_at, n LIMIT :limit`,
  noticeClaim: 'UPDATE notices SET claimed_until = :until WHERE n = :n',
  notice: `
    SELECT notices.n, notices.notice, notices.attempts, requests.state, notice_receipts.receipt
    FROM notices LEFT JOIN requests ON requests.n = notices.request_n
    LEFT JOIN notice_receipts
      ON notice_receipts.request_n = notices.request_n AND notice_receipts.notifier = notices.notifier
    WHERE notices.n = :n`,
  noticeNext: 'SELECT min(ready_at) AS next FROM notices WHERE notifier = :notifier',
  noticePostpone: 'UPDATE notices SET attempts = attempts + 1, due_at = :dueAt, claimed_until = NULL WHERE n = :n',
  noticeDone: 'DELETE FROM notices WHERE n = :n',
  receiptPut: `
    INSERT INTO notice_receipts (request_n, notifier, receipt, at)
    SELECT request_n, notifier, :receipt, :at FROM notices WHERE n = :n
    ON CONFLICT (request_n, notifier) DO UPDATE SET receipt = excluded.receipt, at = excluded.at`,
  receipt: `
    SELECT receipt FROM notice_receipts
    WHERE request_n = (SELECT n FROM requests WHERE id = :request) AND notifier = :notifier`,
  noticesAfter: 'SELECT min(notifier) AS notifier FROM notices WHERE notifier > :after',
  noticesForget: 'DELETE FROM notices WHERE n IN (SELECT n FROM notices WHERE notifier = :notifier LIMIT :limit)',
  receiptsForget: `
    DELETE FROM notice_receipts WHERE (request_n, notifier) IN (
      SELECT request_n, notifier FROM notice_receipts WHERE at < :before ORDER BY at LIMIT :limit)`,
} as const;
