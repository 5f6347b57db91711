/**
 * A store in a real file that a second connection tampers with.
 * @module
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteStore } from '../../../../src/broker/store/sqlite/store.ts';
import type { Store } from '../../../../src/broker/store/store.ts';
import type { JitError } from '../../../../src/core/errors.ts';
import { inFolder, now } from '../places.ts';
import { approval, START } from '../samples.ts';

export interface Tampering {
  readonly store: Store;
  /** A plain connection, with SQLite's own defaults and nothing checked. */
  readonly raw: DatabaseSync;
  readonly problems: readonly JitError[];
}

/** Runs `body` on a store with the grants 1 to 3, the later the newer. */
export async function tampering(body: (given: Tampering) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    const problems: JitError[] = [];
    const store = await openSqliteStore({ file, now, onProblem: (problem) => problems.push(problem) });
    const raw = new DatabaseSync(file, { enableForeignKeyConstraints: false, timeout: 1_000 });
    raw.exec('PRAGMA ignore_check_constraints = ON');
    try {
      for (const number of [1, 2, 3]) await store.commit(approval({ number, at: START + number }));
      await body({ store, raw, problems });
    } finally {
      raw.close();
      await store.close();
    }
  });
}
