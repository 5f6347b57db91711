/**
 * What commits write. Counted in pages of the log of a real file, because time depends on the machine and this does not.
 * @module
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openSqliteStore } from '../../../../src/broker/store/sqlite/store.ts';
import { transition } from '../../../../src/core/transition.ts';
import { inFolder, now } from '../places.ts';
import { approval, event, START } from '../samples.ts';

/** A page and its header, https://sqlite.org/fileformat2.html#the_write_ahead_log. */
const FRAME_BYTES = 4_096 + 24;
const AT_ONCE = 32;

const anyNumbers = (): readonly number[] => Array.from({ length: AT_ONCE }, () => randomInt(2 ** 47));

test('among many grants, 32 changes at once share their pages, but for the few indexes of random ids', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    const store = await openSqliteStore({ file, now });
    for (let round = 0; round < 120; round++) {
      await Promise.all(anyNumbers().map((number) => store.commit(approval({ number }))));
    }
    const emptied = new DatabaseSync(file);
    emptied.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    emptied.close();

    const frames = async (): Promise<number> => Math.ceil((await stat(`${file}-wal`)).size / FRAME_BYTES);
    const changes = anyNumbers().map((number) =>
      approval({ number, idempotency: { key: `key-${number}`, bodyHash: 'b' } }),
    );
    await Promise.all(changes.map((change) => store.commit(change)));
    const made = await frames();
    const times = { at: START, endsAt: START + 9, notAfter: START + 9 };
    const issued = { type: 'issued', target: 'prod', granted: 'all of it', ...times } as const;
    const moves = changes.map(({ grant }) => {
      const next = transition(grant.grant, issued);
      return {
        grant: { ...grant, version: 1, grant: next.grant },
        effects: next.effects.map((effect) => ({ ...effect, claimedUntil: null })),
        done: { grant: grant.grant.id, kind: 'issue', target: 'prod' } as const,
        entries: [event('grant.issued', { request: grant.grant.requestId, grant: grant.grant.id })],
      };
    });
    await Promise.all(moves.map((change) => store.commit(change)));
    const moved = (await frames()) - made;
    // A new grant brings three random keys, its two ids and its idempotency key, and about a page of its own.
    assert.ok(made <= AT_ONCE * 4, `${made} pages for ${AT_ONCE} new grants`);
    // A move brings none: what was written one after the other lies in the same few pages.
    assert.ok(moved <= 40, `${moved} pages for ${AT_ONCE} moves`);
    await store.close();
  });
});
