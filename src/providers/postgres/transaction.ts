/**
 * A transaction of the broker: tried again where others were in the way, and honest about a COMMIT that nobody has confirmed.
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import { cloudFault, isPlainNo, judge, unknownOutcome } from './failure.ts';
import type { Attempt } from './failure.ts';
import type { Link } from './link.ts';

const TRIES = 6;
const PAUSE_MS = 15;

/**
 * Runs `work` between BEGIN and COMMIT, and anew where the server says that a concurrent transaction was in the way. Throws
 * what the port of providers promises: `ERR_CLOUD` and `ERR_CLOUD_BUSY` where surely nothing was committed, and
 * `ERR_CLOUD_UNKNOWN` where the connection broke after COMMIT was sent.
 */
export async function transact<T>(link: Link, attempt: Attempt, work: () => Promise<T>): Promise<T> {
  return await repeat(attempt, async () => {
    try {
      await link.run('BEGIN');
      const result = await work();
      await commit(link, attempt);
      return result;
    } catch (thrown) {
      // Where even this fails the connection is dead, and the server has rolled back by itself.
      await link.run('ROLLBACK').catch(() => undefined);
      throw thrown;
    }
  });
}

/**
 * The same for statements that are sent as one message, which the server runs as one transaction (manual, "Multiple Statements
 * in a Simple Query"). Only for what may be done again when nobody knows whether it was done.
 */
export async function atOnce(link: Link, attempt: Attempt, statements: readonly string[]): Promise<void> {
  await repeat(attempt, async () => await link.run(statements.join('; ')));
}

async function repeat<T>(attempt: Attempt, work: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await work();
    } catch (thrown) {
      if (judge(thrown).kind !== 'conflict' || tried === TRIES) throw cloudFault(thrown, attempt);
      await pause(PAUSE_MS * tried);
    }
  }
}

async function commit(link: Link, attempt: Attempt): Promise<void> {
  try {
    await link.run('COMMIT');
  } catch (thrown) {
    throw isPlainNo(thrown) ? thrown : unknownOutcome(thrown, attempt);
  }
}
